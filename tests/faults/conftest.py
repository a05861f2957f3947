"""A home of small models for the tests of faults, made once by the commands themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_scenarios import Homes, write_inputs


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    """Homes to start from, and the folder of inputs in `homes.data`."""
    folder = tmp_path_factory.mktemp("faults")
    return Homes(folder, write_inputs(folder / "data"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A separate file system of 24 MiB, if this test may mount one."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("mounting a file system needs root")
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a file system")
    yield place
    subprocess.run(["umount", place], check=True)
