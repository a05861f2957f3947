"""Is one version better than another? The same questions to both, a judge, and an interval.

    firstwords compare pip/rlhf-1 pip/sft                          # the built-in world, judged by the known truth
    firstwords compare mine/rlhf-1 mine/sft --judge human --prompts questions.txt
    firstwords compare mine/rlhf-1 mine/sft --judge other  # the reward model of another model, or the path of one

Both sides answer as in a chat (temperature 0.5, top-p 0.95) unless told otherwise. The verdict is "better" only if the
interval of the win rate excludes one half. If a person stopped before the last question, the anytime-valid interval
is used.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords import api, home
from firstwords.commands import judging, shared
from firstwords.commands.judging import Messages
from firstwords.commands.shared import JsonFlag, Row, SamplingFlags, print_rows
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.keeping import locks
from firstwords.plain_text import counted
from firstwords.process import recorded
from firstwords.runlog import say, write_json

if TYPE_CHECKING:
    from firstwords.engine.request import Completion
    from firstwords.eval.decoding import Decoding
    from firstwords.rlhf.reward_model import RewardModel


@dataclass(kw_only=True)
class Compare(SamplingFlags, JsonFlag):
    """Compare two versions of a model. Example: firstwords compare pip/rlhf-1 pip/sft"""

    a: Positional[str]
    """NAME, NAME/STAGE or the path of a model directory."""
    b: Positional[str]
    """The version to compare it with; the win rate is that of A."""
    judge: str = "truth"
    """truth (the built-in world, whose answers are known), human (you), or a reward model's NAME or path."""
    prompts: str = ""
    """A file with one question per line, not with --judge truth (default: questions about the built-in world)."""
    limit: int = 0
    """Number of questions (0 = 20 with --judge human, else 400)."""
    max_tokens: int = 80
    """Maximum tokens per answer, not with --judge truth."""
    seed: int = 0
    """Seed for questions, answers and sides."""

    def __post_init__(self) -> None:
        if self.limit < 0:
            raise UserError(f"--limit is {self.limit}, but it must be 0 or more")
        if self.prompts and self.judge == "truth":
            raise UserError(
                "--prompts needs --judge human or a reward model: the true answers are known only for questions about "
                "the built-in world"
            )


def main(config: Compare) -> None:
    """Answer, judge, report. The result is saved in the run folder of the first version's model, if it has one."""
    one, other = home.resolve(config.a), home.resolve(config.b)
    name, _, stage = api.label(one).partition("/")
    if name not in home.models() or stage not in home.stages(name):
        result = measure(config, one, other)
    else:
        with ExitStack() as stack:
            # a person at the keyboard uses no computing time; a training run keeps its own record
            is_recorded = config.judge != "human" and _is_free(name, stack)
            if is_recorded:
                stack.enter_context(recorded(home.run_dir(name), "compare", asdict(config)))
            result = measure(config, one, other)
            if is_recorded or config.judge == "human":
                write_json(home.run_dir(name) / "compare.json", result)
    if config.json:
        shared.emit(result)
    else:
        show(result)


def _is_free(name: str, stack: ExitStack) -> bool:
    """Whether no other process is working on a model; if so, it is locked until the stack closes."""
    try:
        stack.enter_context(locks.held([name], "compare"))
    except locks.LockedError:
        return False
    return True


def measure(config: Compare, one: Path, other: Path) -> dict[str, Any]:
    """The win rate with everything needed to interpret it."""
    from firstwords.eval.winrate import length_controlled, order_consistency, win_rate

    stopped_early = False
    extra: dict[str, Any] = {}
    if config.judge == "truth":
        from firstwords.rlhf.compare import COMPARE_TASKS, compare_on_world

        rows, honesty = compare_on_world(
            one, other, config.seed, "cpu", config.limit or COMPARE_TASKS, config.temperature, config.top_p
        )
        extra = {"honesty_a": honesty[0], "honesty_b": honesty[1]}
    elif config.judge == "human":
        sides = [api.load(str(path), weights="fp32") for path in (one, other)]
        prompts, left_out = _fitting(_questions(config, one), sides)
        extra = remarks(config, prompts, one, other) | {"left_out": left_out}
        rows, stopped_early = ask_person(config, prompts, sides)
    else:
        rows, extra = ask_reward_model(config, one, other)
    decoding = rows[0].decoding_a
    assert decoding is not None  # every judge says how the answers were sampled
    result = asdict(win_rate(rows, stopped_early=stopped_early)) | extra
    result |= {"length_controlled": length_controlled(rows), "order_consistency": order_consistency(rows)}
    result |= {
        "a": api.label(one),
        "b": api.label(other),
        "judge": config.judge,
        "seed": config.seed,
        "temperature": config.temperature,
        "decoding": asdict(decoding),
    }
    return result


def remarks(config: Compare, prompts: list[Messages], one: Path, other: Path) -> dict[str, Any]:
    """How many of the file's questions a side was trained on; printed if there are any."""
    from firstwords.rlhf.compare import count_seen

    if not config.prompts:
        return {}
    seen = count_seen(prompts, (one, other))
    if seen:
        say(
            f"{seen} of {len(prompts)} questions were used as prompts in stage three: answers to them say little "
            "about new questions"
        )
    return {"seen_prompts": seen}


def ask_reward_model(config: Compare, one: Path, other: Path) -> tuple[list[Any], dict[str, Any]]:
    """(rows, further results). Raises UserError for a reward model that a side was optimised against."""
    from firstwords.rlhf.compare import check_judge, compare_by_reward, reward_model_dir
    from firstwords.rlhf.reward_model import load_reward_model

    directory = reward_model_dir(config.judge)
    judge = load_reward_model(directory)
    warnings = check_judge(directory, judge.hash, (one, other), (api.label(one), api.label(other)))
    for warning in warnings:
        say(f"warning: {warning}")
    sides = [api.load(str(path), weights="fp32") for path in (one, other)]
    prompts, left_out = _fitting(_questions(config, one), sides, judge)
    extra = remarks(config, prompts, one, other) | {"reward_model": judge.hash, "warnings": warnings}
    (a, record_a), (b, record_b) = (_answers(side, prompts, config, i) for i, side in enumerate(sides))
    vocabularies = [side.tokenizer.hash for side in sides]
    rows, shortened = compare_by_reward(prompts, (a, b), vocabularies, (record_a, record_b), judge)
    if shortened:
        say(f"{counted(shortened, 'answer')} did not fit the reward model's context, which read only the beginning")
    return rows, extra | {"left_out": left_out, "shortened": shortened}


def ask_person(config: Compare, prompts: list[Messages], sides: Sequence[api.Model]) -> tuple[list[Any], bool]:
    """Show pairs with shuffled sides until a person has judged them all or leaves; each verdict is logged.

    Returns the rows, and whether the person stopped before the last question.
    """
    from firstwords.eval.decoding import check_equal
    from firstwords.eval.winrate import Comparison
    from firstwords.preferences.records import prompt_key
    from firstwords.preferences.store import Judgement, PreferenceStore

    (as_, a_record), (bs, b_record) = (_answers(side, prompts, config, i) for i, side in enumerate(sides))
    check_equal((a_record, b_record))
    hashes = [side.hash for side in sides]
    order, log = random.Random(config.seed), PreferenceStore()
    rows: list[Comparison] = []
    for number, (messages, *pair) in enumerate(zip(prompts, as_, bs, strict=True), start=1):
        a, b = (answer.text.strip() for answer in pair)
        if a == b or not a or not b:
            continue
        is_swapped = order.random() < 0.5
        left, right = (b, a) if is_swapped else (a, b)
        judged = judging.ask(f"{number}/{len(prompts)}", messages, left, right)
        if judged is None:
            return rows, True
        if judged.verdict == "skip":
            continue
        outcome = {"left": float(not is_swapped), "right": float(is_swapped)}.get(judged.verdict, 0.5)
        lengths = len(a.split()), len(b.split())
        rows.append(Comparison(prompt_key(messages), outcome, *lengths, decoding_a=a_record, decoding_b=b_record))
        left_stage, right_stage = hashes[::-1] if is_swapped else hashes
        params = {
            "temperature": config.temperature,
            "top_p": config.top_p,
            "max_tokens": config.max_tokens,
            "seed": config.seed,
        }
        log.add(
            Judgement(
                tuple(messages),
                left,
                right,
                judged.verdict,
                left_stage=left_stage,
                right_stage=right_stage,
                params=params,
                reasons=(judged.reason,) if judged.reason else (),
                model=sides[0].label.partition("/")[0],
            )
        )
    return rows, False


def _questions(config: Compare, one: Path) -> list[Messages]:
    limit = config.limit or (20 if config.judge == "human" else 400)
    if config.prompts:
        return [*judging.file_prompts(config.prompts)[:limit]]
    from firstwords.model.card import town_size
    from firstwords.preferences.annotator import tasks

    return [task.messages for task in tasks(config.seed, limit, "eval", town_size(one))]


def _fitting(
    prompts: list[Messages], sides: Sequence[api.Model], judge: RewardModel | None = None
) -> tuple[list[Messages], int]:
    """(prompts that both sides and the judge can read, how many were left out). UserError if none is left."""

    def fits(messages: Messages) -> bool:
        is_short = all(side.whole_chat_ids(messages) for side in sides)
        return is_short and (judge is None or judge.can_read(messages))

    found = [messages for messages in prompts if fits(messages)]
    left_out = len(prompts) - len(found)
    limit = min([side.context for side in sides] + ([judge.limit] if judge else []))
    if not found:
        raise UserError(f"none of the {len(prompts)} questions fits a context of {limit:,} tokens: shorten them")
    if left_out:
        say(f"left out {left_out} of {len(prompts)} questions, too long for a context of {limit:,} tokens")
    return found, left_out


def _answers(
    side: api.Model, prompts: list[Messages], config: Compare, offset: int
) -> tuple[list[Completion], Decoding]:
    from firstwords.eval.decoding import Decoding

    ids = [side.whole_chat_ids(messages) or [] for messages in prompts]  # `_fitting` left out those that are too long
    params = config.params(seed=config.seed * 2_000_003 + offset * 1_000_003)
    return side.engine(num_slots=16).generate(ids, params), Decoding.of(params)


def show(result: dict[str, Any]) -> None:
    """Print the figures for people."""
    print(
        f"{result['a']} against {result['b']}: {counted(result['wins'], 'win')}, "
        f"{counted(result['ties'], 'tie')}, {counted(result['losses'], 'loss', 'losses')}\n"
        f"win rate {result['win_rate']:.1%} ({result['low']:.1%}-{result['high']:.1%}), ties counted half: "
        f"{result['verdict']}"
    )
    if result["judge"] == "human":
        print(
            f"anytime-valid interval {result['always_low']:.1%}-{result['always_high']:.1%}"
            + (": you stopped early, so the verdict uses this one" if result["stopped_early"] else "")
        )
    if "honesty_a" in result:
        sides = [(result[side], result[f"honesty_{side}"]) for side in "ab"]
        rows = [Row((ref, f"{x['reward']:+.2f}", f"{x['invented']:.1%}", f"{x['refused']:.1%}")) for ref, x in sides]
        print_rows((("", "<"), ("mean reward", ">"), ("invented answers", ">"), ("wrongly refused", ">")), rows)
    controlled = result["length_controlled"]
    print(
        f"win rate at equal length {controlled['win_rate']:.1%}; on "
        f"{counted(controlled['matched_n'], 'pair')} of similar length {controlled['matched_win_rate']:.1%}"
    )
    if result["stopped_early"] and result["verdict"] == "not yet shown" and not result["low"] <= 0.5 <= result["high"]:
        print(
            "judging all questions may show a difference: their number is then fixed, and the narrower interval applies"
        )
    elif result["verdict"] == "not yet shown":
        more = result["more_needed"]
        print(f"about {counted(more, 'more comparison')} would show it" if more else "no difference can be seen")
