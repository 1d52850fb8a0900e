"""The profilers of memory and of reclamation, and their reports.

==========================  ==============================================================================
``profiler``                ``MemoryProfiler``: starts, stops, reads
``assembly``                makes the report of what the recorder measured
``fragmentation``           the figures of fragmentation in it
``report``                  ``MemoryProfilerReport`` and the classes that it is made of
``reclamation``             ``SMRProfiler``; ``domains()``, what there is now
``reclamation_watch``       samples of the domains while it runs, and the report that is made of them
``reclamation_report``      ``SMRProfilerReport`` and the classes that it is made of
``measures``                percentiles, buckets and the environment, for both reports
``threads``                 names of threads, which the recorder cannot ask for
==========================  ==============================================================================

Users import the profilers and reports from :mod:`concurrent_collections`.
"""
