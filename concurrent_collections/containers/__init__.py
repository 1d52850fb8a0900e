"""Ordered maps and sets, queues and stacks for any number of threads.

===========  ========================================================================
``maps``     ``SkipListMap``, ``TreeMap``
``sets``     ``SkipListSet``
``queues``   ``LockFreeQueue``, ``LockFreeStack``; ``Empty``, ``Full``, ``ShutDown``
``ordered``  bounds of ranges, copies and pickles, for maps and sets
===========  ========================================================================

Users import the classes from :mod:`concurrent_collections`.
"""
