"""SIGKILL at random moments: nothing is lost, and resumed runs end with the same bytes.

The suite kills each command a few times; FIRSTWORDS_KILLS=200 distributes 200 kills over all of them (and
FIRSTWORDS_KILLS_SEED changes the moments).
"""

from __future__ import annotations

import os

import pytest
from fault_kills import kill_often, kill_servers
from fault_scenarios import FINETUNE, PRETRAIN, SCENARIOS, Homes, Scenario

KILLS = int(os.environ.get("FIRSTWORDS_KILLS", "0"))
SEED = int(os.environ.get("FIRSTWORDS_KILLS_SEED", "0"))
EACH = -(-KILLS // (len(SCENARIOS) + 1)) if KILLS else 1  # as many for every command and for the server


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_killed_command_is_brought_to_the_same_end(scenario: Scenario, homes: Homes) -> None:
    tally = kill_often(scenario, homes, EACH, SEED)
    print(f"{scenario.name}: {tally.kills} kills, {tally.late} came too late")
    assert tally.kills == EACH and not tally.faults, "\n".join(tally.faults)


def test_a_killed_server_keeps_what_it_has_accepted(homes: Homes) -> None:
    tally = kill_servers(homes, (PRETRAIN, FINETUNE), max(EACH, 2), SEED)
    print(f"server: {tally.kills} kills")
    assert not tally.faults, "\n".join(tally.faults)
