"""A disk that is full at any write of any command: one sentence, nothing lost, and the command works later.

The suite tries a few writes of each command. FIRSTWORDS_DISK=all tries every one, alternately with a disk that stays
full and with one that has room again; FIRSTWORDS_DISK=40 tries 40 of each command.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from fault_requests import CHATTING
from fault_scenarios import SCENARIOS, Homes, Scenario, leftovers, lost, rows, weights

CHOSEN = os.environ.get("FIRSTWORDS_DISK", "2")  # writes of each command; 2 in the suite


def disturbed(scenario: Scenario, home: Path, homes: Homes, room: int, is_lasting: bool) -> tuple[int, str, int]:
    """(exit code, output, number of writes) of a command on a disk with room for that many writes."""
    count = home.with_suffix(".count")
    code, said = scenario.run(
        home, homes.data, hook="fault_disk:full", room=room, folder=str(home), count=str(count), is_lasting=is_lasting
    )
    return code, said, int(count.read_text())


def complaint(scenario: Scenario, home: Path, homes: Homes, room: int, is_lasting: bool, wanted: object) -> str:
    """What is wrong with a command whose room-th write fails; "" if nothing is."""
    before, judged = weights(home), rows(home)
    code, said, _ = disturbed(scenario, home, homes, room, is_lasting)
    if "Traceback" in said or code not in (0, 2):
        return f"exit code {code}: {said[-1500:]}"
    sentences = [line for line in said.splitlines() if line.startswith("firstwords: ")]
    if code == 2 and (len(sentences) != 1 or not ("full" in sentences[0] or "No space left" in sentences[0])):
        return f"said {sentences or said[-500:]}"
    if missing := lost(before, weights(home), scenario.is_moving):
        return f"lost {missing}"
    if [row for row in judged if row not in rows(home)]:
        return "lost judgements"
    scenario.finish(home, homes.data, wanted)
    if scenario.state(home) != wanted:
        return f"another result: {scenario.state(home)} instead of {wanted}"
    return f"left {left}" if (left := leftovers(home)) else ""


@pytest.mark.parametrize("scenario", (*SCENARIOS, CHATTING), ids=lambda scenario: scenario.name)
def test_a_full_disk_loses_nothing(scenario: Scenario, homes: Homes) -> None:
    whole = homes.copy(scenario.before)
    code, said, count = disturbed(scenario, whole, homes, 0, True)
    assert code == 0 and count > 0, said
    wanted = scenario.state(whole)
    if CHOSEN == "all":
        tries = [(room, room % 2 == 0) for room in range(1, count + 1)]
    else:
        every = [(room, is_lasting) for room in range(1, count + 1) for is_lasting in (True, False)]
        tries = random.Random(scenario.name).sample(every, min(int(CHOSEN), len(every)))
    found = []
    for room, is_lasting in tries:
        home = homes.copy(scenario.before)
        if problem := complaint(scenario, home, homes, room, is_lasting, wanted):
            found.append(f"write {room} of {count}, {'lasting' if is_lasting else 'once'}: {problem}")
            print(found[-1], flush=True)
    assert not found, "\n".join(found)
