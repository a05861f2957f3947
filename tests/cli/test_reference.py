"""docs/cli.md equals the output of `--help`, for every command."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from firstwords.cli import COMMANDS

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
