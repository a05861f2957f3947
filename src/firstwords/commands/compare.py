"""Is one version better than another? The same questions to both, a judge, and an interval.

    firstwords compare pip/rlhf-1 pip/sft                          # the built-in world, judged by the known truth
    firstwords compare mine/rlhf-1 mine/sft --judge human --prompts questions.txt

"better" is said only where the interval of the win rate excludes one half.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from firstwords import home
from firstwords.commands import judging, shared
from firstwords.config import UserError

JUDGES = ("truth", "human")


@dataclass
class Compare:
    """Compare two versions of a model. Example: firstwords compare pip/rlhf-1 pip/sft"""

    a: Positional[str]
    """NAME, NAME/STAGE or the path of a model directory."""
    b: Positional[str]
    """The other one; the win rate is that of the first."""
    judge: str = "truth"
    """truth (the built-in world, whose answers are known) or human (you, blindly)."""
    prompts: str = ""
    """With --judge human: a file with a question a line; without it questions of the built-in world."""
    limit: int = 0
    """Number of questions (0 = 400 for the truth, 20 for you)."""
    temperature: float = 1.0
    """Of both sides."""
    max_tokens: int = 80
    """Most tokens of an answer, with --judge human."""
    seed: int = 0
    """Seed of questions, answers and sides."""
    json: bool = False
    """Print one JSON object."""

    def __post_init__(self) -> None:
        if self.judge not in JUDGES:
            raise UserError(f"--judge is {self.judge}, but it must be one of {', '.join(JUDGES)}")
        if self.limit < 0:
            raise UserError(f"--limit is {self.limit}, but it must be 0 or more")
        if self.prompts and self.judge != "human":
            raise UserError("--prompts needs --judge human: nobody else knows what a good answer to them is")


def main(config: Compare) -> None:
    """Answer, judge, report."""
    from firstwords.eval.winrate import length_controlled, order_consistency, win_rate

    one, other = home.resolve(config.a), home.resolve(config.b)
    if config.judge == "truth":
        from firstwords.train.compare import COMPARE_TASKS, compare_on_world

        rows = compare_on_world(one, other, config.seed, "cpu", config.limit or COMPARE_TASKS, config.temperature)
    else:
        rows = ask_person(config, one, other)
    result = asdict(win_rate(rows, config.seed))
    result |= {"length_controlled": length_controlled(rows), "order_consistency": order_consistency(rows)}
    result |= {"a": shared.label(one), "b": shared.label(other), "judge": config.judge, "seed": config.seed,
               "temperature": config.temperature}  # fmt: skip
    if config.json:
        shared.emit(result)
    else:
        show(result)


def ask_person(config: Compare, one: Path, other: Path) -> list[Any]:
    """Show pairs with shuffled sides until a person has judged them all or leaves; the log keeps each verdict."""
    from firstwords.eval.winrate import Comparison
    from firstwords.preferences.records import prompt_key
    from firstwords.preferences.store import Judgement, PreferenceStore

    prompts = _questions(config)
    sides = [_answers(path, prompts, config, offset) for offset, path in enumerate((one, other))]
    hashes = [judging.stage_hash(path) for path in (one, other)]
    order, rows, log = random.Random(config.seed), [], PreferenceStore()
    for number, (messages, a, b) in enumerate(zip(prompts, *sides, strict=True), start=1):
        if a == b or not a or not b:
            continue
        is_swapped = order.random() < 0.5
        left, right = (b, a) if is_swapped else (a, b)
        said = judging.ask(f"{number}/{len(prompts)}", messages, left, right)
        if said is None:
            break
        if said.verdict == "skip":
            continue
        outcome = {"left": float(not is_swapped), "right": float(is_swapped)}.get(said.verdict, 0.5)
        rows.append(Comparison(prompt_key(messages), outcome, len(a.split()), len(b.split())))
        left_stage, right_stage = hashes[::-1] if is_swapped else hashes
        params = {"temperature": config.temperature, "max_tokens": config.max_tokens, "seed": config.seed}
        log.add(
            Judgement(
                tuple(messages), left, right, said.verdict, left_stage=left_stage, right_stage=right_stage,
                params=params, reasons=(said.reason,) if said.reason else (),
                model=shared.label(one).partition("/")[0],
            )
        )  # fmt: skip
    return rows


def _questions(config: Compare) -> list[tuple[dict[str, str], ...]]:
    limit = config.limit or 20
    if config.prompts:
        return judging.file_prompts(config.prompts)[:limit]
    from firstwords.preferences.annotator import tasks

    return [task.messages for task in tasks(config.seed, limit, "eval")]


def _answers(path: Path, prompts: list[tuple[dict[str, str], ...]], config: Compare, offset: int) -> list[str]:
    loaded = shared.load(str(path))
    ids = [shared.chat_ids(loaded.tokenizer, list(messages)) for messages in prompts]
    params = shared.sampling(
        max_tokens=config.max_tokens, temperature=config.temperature, seed=config.seed * 2_000_003 + offset * 1_000_003
    )
    return [answer.text.strip() for answer in loaded.engine(num_slots=16).generate(ids, params)]


def show(result: dict[str, Any]) -> None:
    """The figures for a person."""
    print(
        f"{result['a']} against {result['b']}: {result['wins']} wins, {result['ties']} ties, "
        f"{result['losses']} losses\n"
        f"win rate {result['win_rate']:.1%} ({result['low']:.1%}-{result['high']:.1%}), ties counted half: "
        f"{result['verdict']}"
    )
    controlled = result["length_controlled"]
    print(
        f"at equal lengths {controlled['win_rate']:.1%}; of {controlled['matched_n']} pairs alike in length "
        f"{controlled['matched_win_rate']:.1%}"
    )
    if result["verdict"] == "not yet shown":
        more = result["more_needed"]
        print(f"about {more:,} more comparisons would show it" if more else "no difference is in sight")
