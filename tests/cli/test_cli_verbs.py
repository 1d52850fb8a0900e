"""The registry of verbs: what lies in cli/verbs is a command, is documented, and says itself how it is called."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest
from cli_tools import run

from concurrent_collections.cli import main, verbs
from concurrent_collections.cli.verb import Verb
from concurrent_collections.profiling.exports import EXPORTERS

ROOT = Path(__file__).resolve().parents[2]


def documentation() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))


def test_every_module_of_the_folder_is_a_verb():
    modules = {path.stem for path in Path(verbs.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(verbs.names()) == modules >= {"profile", "config"}
    assert all(isinstance(verbs.load(name), Verb) for name in modules)


@pytest.mark.parametrize("name", verbs.names())
def test_verb_is_in_the_help_and_documented(name):
    commands = run(sys.executable, "-m", "concurrent_collections", "--help").stdout
    assert verbs.load(name).help in " ".join(commands.split())
    result = run(sys.executable, "-m", "concurrent_collections", name, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert f"concurrent_collections {name}" in result.stdout
    assert f"concurrent-collections {name}" in documentation()


@pytest.mark.parametrize("name", EXPORTERS)
def test_report_is_an_option_of_profile_and_documented(name):
    assert f"--{name} FILE" in run(sys.executable, "-m", "concurrent_collections", "profile", "--help").stdout
    assert f"--{name}" in documentation()


def test_verb_is_one_file(tmp_path, monkeypatch, capsys):
    """A toy, in a folder that is added to the verbs: a command without another edit."""
    (tmp_path / "toy.py").write_text(
        "from concurrent_collections.cli.verb import Verb\n"
        "def add_options(parser):\n"
        "    parser.add_argument('--size', type=int)\n"
        "    parser.add_argument('--depth', nargs='?', const=3)\n"
        "    parser.add_argument('-m', dest='module')\n"
        "def run(options, parser):\n"
        "    print(options.size, options.depth, options.module, options.program)\n"
        "    return 7\n"
        "VERB = Verb('a toy', 'Does nothing.', add_options, run, runs_program=True)\n"
    )
    monkeypatch.setattr(verbs, "__path__", [*verbs.__path__, str(tmp_path)])
    for words, printed in (
        (["--size", "5", "--depth", "x.py", "--size", "6"], "5 3 None ['x.py', '--size', '6']"),
        (["--depth=4", "-m", "module", "--size"], "None 4 module ['--size']"),
        (["--size=1", "--", "--size"], "1 None None ['--size']"),
        (["-"], "None None None ['-']"),
    ):
        assert main.main(["toy", *words]) == 7
        assert capsys.readouterr().out == f"{printed}\n"
    sys.modules.pop("concurrent_collections.cli.verbs.toy")


def test_a_verb_loads_none_of_the_others():
    code = (
        "from concurrent_collections.cli.main import main; main(['config']); import sys; "
        "print([name for name in sys.modules if name.startswith('concurrent_collections.cli.verbs.')])"
    )
    result = run(sys.executable, "-P", "-c", code)
    assert result.stdout.splitlines()[-1] == "['concurrent_collections.cli.verbs.config']", result.stderr


def test_options_of_a_verb_are_read_from_its_parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("--with-value")
    parser.add_argument("--flag", action="store_true")
    words = ["verb", "--with-value", "x", "--flag", "script.py", "--flag"]
    assert main._split(words, parser) == (words[:4], words[4:])
