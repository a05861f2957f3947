"""A home with the model of `manners.py`; a module takes the fixtures with `pytest_plugins = ("manners_fixtures",)`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from manners import save_model_with_manners

from firstwords.model.transformer import Transformer


@pytest.fixture(scope="session")
def _taught_home(tmp_path_factory: pytest.TempPathFactory, tiny_policy: Callable[..., Transformer]) -> Path:
    """A home with models/pip/sft, whose writers are curt, polite, or write full sentences."""
    folder = tmp_path_factory.mktemp("manners")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRSTWORDS_HOME", str(folder / "home"))
        save_model_with_manners(folder / "data", tiny_policy)
    return folder / "home"


@pytest.fixture
def manners_home(_taught_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Path:
    """A copy of that home, to write into."""
    shutil.copytree(_taught_home, tmp_path / "home")
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
