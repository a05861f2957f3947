"""The comparison that decides a promotion: it ends early only for a version that isn't ahead."""

from __future__ import annotations

from pathlib import Path

import pytest

from firstwords.preferences.annotator import Task
from firstwords.rlhf import compare
from firstwords.rlhf.compare import Worth, compare_on_world
from firstwords.world.chats.checks import Check


@pytest.mark.parametrize(
    ("ahead", "give_up", "rounds"),
    [(0.0, True, 2), (-0.5, True, 2), (0.1, True, 4), (0.0, False, 4)],
)
def test_a_version_that_is_not_ahead_after_half_of_the_samples_is_given_up(
    ahead: float, give_up: bool, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [Task(({"role": "user", "content": f"{i}"},), Check("yes"), "fact") for i in range(20)]
    monkeypatch.setattr(compare, "tasks", lambda *_: asked)
    monkeypatch.setattr(compare, "town_size", lambda path: "small")
    monkeypatch.setattr(compare, "open_engine", lambda path, device: path.name)

    def worths(engine, asked, seeds, *_):
        better = [i < 20 * abs(ahead) for i in range(len(asked))]
        gain = (1.0 if ahead > 0 else -1.0) if engine == "new" else 0.0
        return [[Worth(gain * is_better, 3, False, False) for is_better in better] for _ in seeds]

    monkeypatch.setattr(compare, "worths", worths)
    rows, sides = compare_on_world(Path("new"), Path("old"), 0, num=20, give_up=give_up)
    assert len(rows) == 20 * rounds and len(sides) == 2
    assert sum(row.outcome - 0.5 for row in rows) == pytest.approx(ahead * 20 * rounds / 2)
