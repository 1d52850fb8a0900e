from interpreter import FREE_THREADED_BUILD, PACKAGE, output_of, run_python  # noqa: F401
from runtime import Runtime  # noqa: F401
from threads import Threads  # noqa: F401
