"""libcc through ctypes, as a C program would call it."""

from __future__ import annotations

import ctypes

from interpreter import PACKAGE


class Runtime:
    """The functions of the installed libcc."""

    def __init__(self) -> None:
        (path,) = (PACKAGE / "lib").glob("libcc.so.*")
        self.library = ctypes.CDLL(str(path))
        size, pointer = ctypes.c_size_t, ctypes.c_void_p
        for name, result, *arguments in [
            ("cc_alloc", pointer, size),
            ("cc_calloc", pointer, size, size),
            ("cc_alloc_aligned", pointer, size, size),
            ("cc_alloc_node", pointer, size),
            ("cc_realloc", pointer, pointer, size, size),
            ("cc_free", None, pointer, size),
            ("cc_free_unsized", None, pointer),
            ("cc_usable_size", size, pointer),
        ]:
            function = getattr(self.library, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name, function)
