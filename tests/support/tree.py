"""The tree that the tests lie in: where it is, and which files are its own."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: What is got or built once and kept: interpreters, SQLite's source.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "concurrent-collections"

# Of a tree that git does not know, as an unpacked source distribution: the folders of outputs.
_OUTPUTS = re.compile(r"\.git|\.venv.*|\.\w+_cache|\.hypothesis|__pycache__|build|dist|.*\.egg-info")


@functools.cache
def own_files(root: Path = ROOT) -> tuple[Path, ...]:
    """The files that git tracks and that are there; where git does not know the folder, all but outputs."""
    git = ["git", "-c", "safe.directory=*", "-C", str(root)]  # the tree may be another user's
    try:
        top = subprocess.run([*git, "rev-parse", "--show-toplevel"], capture_output=True, text=True).stdout.strip()
        if top and Path(top).resolve() == root.resolve():
            listed = subprocess.run([*git, "ls-files", "-z"], check=True, capture_output=True, text=True).stdout
            return tuple(
                path for path in (root / name for name in sorted(listed.split("\0")) if name) if path.is_file()
            )
    except FileNotFoundError:  # no git
        pass
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not _OUTPUTS.fullmatch(name)]
        found += [Path(folder, name) for name in files]
    return tuple(sorted(found))
