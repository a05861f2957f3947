"""Does a model follow the person who teaches it, and keep what it knows?

    python benchmarks/people.py pip --person short --choices 200                 # live
    python benchmarks/people.py pip --person short --choices 200 --by align      # all choices, then `align`

Simulated people (tests/people.py) judge pairs. Taught live, the model learns from each choice, and the next pair is
answered by the model as it is then. Reported: how often each person likes the new answers better, by their own measure
and in a chat; what `teach NAME --keep` or `align` decides, with the exam; live also the running check and the seconds
per choice. It writes into the home: use a copy.
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
    parser.add_argument("--by", choices=("live", "align"), default="live")
    parser.add_argument("--minutes", type=float, default=2.0, help="of align")
    config = parser.parse_args()

    from firstwords.train.learner import prepare_process

    prepare_process(threads=1)
    (taught_live if config.by == "live" else aligned)(config)


def taught_live(config: argparse.Namespace) -> None:
    """One choice after the other, each learned at once."""
    from people import PEOPLE, followed, teach

    from firstwords.engine.engine import Engine
    from firstwords.preferences.taste import tastes_of
    from firstwords.rlhf.live.keep import keep
    from firstwords.rlhf.live.session import LiveSession

    person, session = PEOPLE[config.person], LiveSession(config.name, config.person, config.seed)
    steps = teach(session, person, questions(config, 1500, "train"), config.choices)
    before = Engine(session.reference, session.tokenizer, num_slots=32)
    established = tastes_of([choice.preference for choice in session.choices])
    found = {
        "person": person.name,
        "judged": config.choices,
        "learned": len(session.choices),
        "refused": sum(step.outcome == "refused" for step in steps),
        "gently": sum(step.outcome == "gently" for step in steps),
        "followed": followed(person, session.engine, before, questions(config, 300, "eval")),
        "check": session.checked.sentence,
        "tastes": [taste.sentence for taste in established],
        "predicted_last_50": statistics.mean(step.predicted for step in steps[-50:]),
        "seconds_per_choice": statistics.median(step.seconds for step in steps),
    }
    print(json.dumps(found, indent=1), flush=True)
    kept = keep(config.name, config.person, config.seed)
    shown = ("stage", "promoted", "reason", "win_rate", "low", "high")
    print(json.dumps({key: kept.get(key) for key in shown}, indent=1))


def aligned(config: argparse.Namespace) -> None:
    """All choices first, then stage three."""
    from people import PEOPLE, choices, followed

    from firstwords import home
    from firstwords.preferences.taste import tastes_of
    from firstwords.rlhf import align
    from firstwords.rlhf.compare import open_engine

    person, before = PEOPLE[config.person], home.stage_dir(config.name, home.promoted(config.name))
    made = choices(person, config.name, questions(config, 1500, "train"), config.choices, config.seed)
    align.main(align.Align(config.name, preferences=["log"], minutes=config.minutes, seed=config.seed))
    state = json.loads((home.run_dir(config.name, "align") / "align.json").read_text(encoding="utf-8"))
    sides = open_engine(home.stage_dir(config.name, state["made"])), open_engine(before)
    found = {
        "person": person.name,
        "judged": len(made),
        "followed": followed(person, *sides, questions(config, 300, "eval")),
        "tastes": [taste.sentence for taste in tastes_of(made)],
        "promoted": state["promoted"],
        "reason": state["reason"],
    }
    print(json.dumps(found, indent=1), flush=True)


def questions(config: argparse.Namespace, number: int, split: str) -> list:
    """Prompts of the built-in world that are not those of the comparison."""
    from firstwords import home
    from firstwords.model.card import town_size
    from firstwords.preferences.annotator import tasks

    seed = config.seed + 3 if split == "train" else config.seed
    return [task.messages for task in tasks(seed, number, split, town_size(home.stage_dir(config.name, "sft")))]


if __name__ == "__main__":
    main()
