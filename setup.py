"""Builds libcc and the extension module; everything else about the package is in pyproject.toml."""

import os
import re
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "csrc"))
import build as csrc_build  # noqa: E402  (csrc/build.py)

VERSION = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE).group(1)


class BuildExtension(build_ext):
    """Compiles libcc once, puts it with its headers into the package, and links the extension to it."""

    def run(self):
        package = Path(self.get_ext_fullpath("concurrent_collections._core")).resolve().parent
        temporary = Path(self.build_temp).resolve()
        library = csrc_build.build_libcc(temporary / "libcc")
        (package / "lib").mkdir(parents=True, exist_ok=True)
        self.copy_file(str(library), str(package / "lib" / library.name))
        csrc_build.write_pkg_config(package / "lib" / "pkgconfig", VERSION)
        csrc_build.install_headers(package / "include")
        for extension in self.extensions:
            extension.extra_objects = [str(library)]
        super().run()


setup(
    ext_modules=[
        Extension(
            "concurrent_collections._core",
            sources=sorted(str(path.relative_to(ROOT)) for path in (ROOT / "csrc" / "python").glob("*.c")),
            depends=[str(path.relative_to(ROOT)) for path in (ROOT / "csrc").rglob("*.h")],
            include_dirs=["csrc/include", "csrc"],
            extra_compile_args=["-std=gnu11", "-fvisibility=hidden", *csrc_build.WARNINGS[:3]],
            extra_link_args=["-Wl,-rpath,$ORIGIN/lib"] if os.name == "posix" else [],
        )
    ],
    cmdclass={"build_ext": BuildExtension},
)
