"""docs/cli.md equals the output of `--help`, for every command."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import textwrap
from collections import Counter
from pathlib import Path

import pytest

from firstwords.cli import COMMANDS
from firstwords.flags import docstrings, options_of

SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "cli_reference.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("cli_reference", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sections(page: str) -> dict[str, str]:
    """{heading: what follows it} of the page's commands."""
    parts = page.split("\n## ")[1:]
    return {part.partition("\n")[0]: part for part in parts}


def test_the_reference_says_what_help_says(script) -> None:
    written, right = sections(script.PAGE.read_text(encoding="utf-8")), sections(script.reference())
    stale = [name for name in {**written, **right} if written.get(name) != right.get(name)]
    assert not stale, f"docs/cli.md is out of date for {', '.join(stale)}: run `{script.REFRESH}`"


def test_the_reference_has_every_command(script) -> None:
    names = sections(script.reference())
    assert list(names) == ["firstwords", *(f"firstwords {name}" for name in COMMANDS)]
    assert all("usage: firstwords" in text for text in names.values())


def test_a_changed_page_is_noticed(script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    page = tmp_path / "cli.md"
    page.write_text(script.PAGE.read_text(encoding="utf-8").replace("usage: firstwords chat", "usage: firstwords talk"))
    monkeypatch.setattr(script, "PAGE", page)
    assert script.update(check_only=True) == 1
    assert script.REFRESH in capsys.readouterr().out
    assert script.update(check_only=False) == 0 and script.update(check_only=True) == 0


# ---- flags -----------------------------------------------------------------------------------------------------------

CLASSES = {name: getattr(importlib.import_module(module), cls) for name, (module, cls, _) in COMMANDS.items()}
MOST_REPEATS = 2  # of a flag with the same help text, in as many classes; three share a base class


def documented_fields(cls: type) -> list[tuple[str, str]]:
    """(name, help text) of the fields that a class itself declares with a docstring."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body
    own = {node.target.id for node in body if isinstance(node, ast.AnnAssign)}
    inherited = {name: text for base in cls.__mro__[1:-1] for name, text in docstrings(base).items()}
    return [(name, text) for name, text in docstrings(cls).items() if name in own and inherited.get(name) != text]


def test_a_flag_that_three_commands_share_is_declared_once() -> None:
    owners = {base for cls in CLASSES.values() for base in cls.__mro__ if hasattr(base, "__dataclass_fields__")}
    counts = Counter(field for owner in owners for field in documented_fields(owner))
    assert counts["seed", "The same seed gives the same output."] == 1
    repeated = {field: count for field, count in counts.items() if count > MOST_REPEATS}
    assert not repeated, "inherit these from a base class, such as those of train/run_flags.py and commands/shared.py"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_has_a_help_text(command: str) -> None:
    for option in options_of(CLASSES[command]):
        assert docstrings(option.owner).get(option.path[-1]), f"{option.flag} of {command}"
