"""The command line.

========================  ============================================================================================
``main``                  reads the words, finds the verb and runs it
``verb``                  what a verb is: its texts, its options and its function
``verbs/``                a module a verb; what lies there is a command
``outputs``               the reports that ``profile`` can write, each a row, and the writing of them
``session``               a profiled program from its beginning to its end, whatever way it takes there
``program``               makes the interpreter look as if it had been started with the program
``children``              the processes that the program starts and that are not profiled
``family``                what the processes that are profiled together share, and how a new one is told
``joining``               the beginning of a process that was told so
``surroundings``          what a report needs of the interpreter, as it was before the program could change it
``wrapping``              functions of the interpreter that do something more for us
``summary``               what is said on stderr of a report
========================  ============================================================================================
"""
