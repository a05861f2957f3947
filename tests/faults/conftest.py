"""A home of small models for the tests of faults, made once by the commands themselves."""

from __future__ import annotations

import pytest
from fault_scenarios import Homes, write_inputs


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    """Homes to start from, and the folder of inputs in `homes.data`."""
    folder = tmp_path_factory.mktemp("faults")
    return Homes(folder, write_inputs(folder / "data"))
