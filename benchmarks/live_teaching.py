"""Does a model that is taught live follow the person who teaches it, and keep what it knows?

    python benchmarks/live_teaching.py pip --person short --choices 200

Simulated people (tests/people.py) judge pairs of the model as it is then, which learns from each choice. Reported:
how often each person likes the new answers better, by their own measure and in a chat; the running check; seconds per
choice; and what `firstwords teach NAME --keep` decides, with the exam. It writes into the home: use a copy.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--person", choices=("short", "polite", "random"), default="short")
    parser.add_argument("--choices", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    config = parser.parse_args()

    from people import PEOPLE, followed, teach

    from firstwords.engine.engine import Engine
    from firstwords.model.card import town_size
    from firstwords.preferences.annotator import tasks
    from firstwords.preferences.taste import tastes_of
    from firstwords.rlhf.live.keep import keep
    from firstwords.rlhf.live.session import LiveSession
    from firstwords.train.learner import prepare_process

    prepare_process(threads=1)
    person, session = PEOPLE[config.person], LiveSession(config.name, config.person, config.seed)
    town = town_size(session.parent)
    steps = teach(session, person, [t.messages for t in tasks(config.seed + 3, 1500, "train", town)], config.choices)
    asked = [task.messages for task in tasks(config.seed, 300, "eval", town)]
    measured = followed(person, session.engine, Engine(session.reference, session.tokenizer, num_slots=32), asked)
    established = tastes_of([choice.preference for choice in session.choices])
    found = {
        "person": person.name,
        "judged": config.choices,
        "learned": len(session.choices),
        "refused": sum(step.outcome == "refused" for step in steps),
        "gently": sum(step.outcome == "gently" for step in steps),
        "followed": measured,
        "check": session.checked.sentence,
        "tastes": [taste.sentence for taste in established],
        "predicted_last_50": statistics.mean(step.predicted for step in steps[-50:]),
        "seconds_per_choice": statistics.median(step.seconds for step in steps),
    }
    print(json.dumps(found, indent=1), flush=True)
    kept = keep(config.name, config.person, config.seed)
    shown = ("stage", "promoted", "reason", "win_rate", "low", "high")
    print(json.dumps({key: kept.get(key) for key in shown}, indent=1))


if __name__ == "__main__":
    main()
