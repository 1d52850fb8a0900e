"""Builds libcc and the extension module; everything else about the package is in pyproject.toml."""

import os
import re
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import ExecError

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "csrc"))
import build as csrc_build  # noqa: E402  (csrc/build.py)

CHILDREN = "concurrent_collections/cli/concurrent_collections_children.pth"
VERSION = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE).group(1)


class BuildPackage(build_py):
    """Forgets the package of an earlier build: a module that was deleted since would be installed again."""

    def run(self):
        if not self.editable_mode:
            shutil.rmtree(Path(self.build_lib, "concurrent_collections"), ignore_errors=True)
        super().run()
        if not self.editable_mode:
            self.copy_file(str(ROOT / CHILDREN), self.build_lib)  # beside the package, where `site` looks

    def get_outputs(self, include_bytecode=1):
        beside = [] if self.editable_mode else [str(Path(self.build_lib, Path(CHILDREN).name))]
        return [*super().get_outputs(include_bytecode), *beside]


class BuildExtension(build_ext):
    """Compiles libcc, puts it with its headers into the package, and links the extension to it.

    Both are compiled by csrc/build.py: several files at once, and only those that have changed.
    """

    def run(self):
        # Where the package will be used: below, an editable install is not told from another one.
        self.package_folder = Path(self.get_ext_fullpath("concurrent_collections._core")).resolve().parent
        try:
            super().run()
        except csrc_build.BuildError as error:
            raise ExecError(str(error)) from None

    def build_extensions(self):
        package = self.package_folder
        temporary = Path(self.build_temp).resolve()
        library = csrc_build.build_libcc(temporary / "libcc")
        (package / "lib").mkdir(parents=True, exist_ok=True)
        self.copy_file(str(library), str(package / "lib" / library.name))
        configuration = csrc_build.configuration()
        csrc_build.write_pkg_config(package / "lib" / "pkgconfig", VERSION, configuration)
        csrc_build.install_headers(package / "include", configuration)
        for extension in self.extensions:
            folders = [*(ROOT / path for path in extension.include_dirs), *self.include_dirs]
            flags = [*(f"-I{path}" for path in folders), *extension.extra_compile_args]
            sources = [ROOT / path for path in extension.sources]
            objects = csrc_build.compile_objects(
                sources, temporary / "extension", flags, command=self.compiler.compiler_so
            )
            extension.sources, extension.extra_objects = [], [*map(str, objects), str(library)]
            extension.depends = extension.extra_objects
        super().build_extensions()


setup(
    ext_modules=[
        Extension(
            "concurrent_collections._core",
            sources=sorted(str(path.relative_to(ROOT)) for path in (ROOT / "csrc" / "python").glob("*.c")),
            include_dirs=["csrc/include", "csrc"],
            extra_compile_args=["-std=gnu11", "-fvisibility=hidden", *csrc_build.WARNINGS[:3]],
            extra_link_args=["-Wl,-rpath,$ORIGIN/lib"] if os.name == "posix" else [],
        )
    ],
    cmdclass={"build_ext": BuildExtension, "build_py": BuildPackage},
)
