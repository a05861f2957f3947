"""Compare two versions on the same questions, judged by the known truth of the built-in world or by a reward model.

The built-in questions are from a split that neither preferences nor policies are trained on. Both sides sample with
the same settings and different seeds, so that a version wins half against itself. A reward model never judges a
version that was optimised against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firstwords import home
from firstwords.config import CHAT_TEMPERATURE, CHAT_TOP_P, UserError
from firstwords.engine.engine import Engine
from firstwords.eval.decoding import Decoding, check_equal
from firstwords.eval.exam import exam_on_card, put_on_card, run_exam
from firstwords.eval.winrate import Comparison
from firstwords.model.card import town_size
from firstwords.model.hub import load_model, read_card
from firstwords.plan.footprint import slots_for
from firstwords.preferences.annotator import Task, tasks, true_reward
from firstwords.preferences.records import prompt_key
from firstwords.rlhf.judgements import Answer, answer_params
from firstwords.rlhf.judgements import samples as answers_of
from firstwords.rlhf.provenance import read_seen, short
from firstwords.rlhf.reward_model import RewardModel, Sampled
from firstwords.tokenizer.chat import Message
from firstwords.tokenizer.fast import Tokenizer
from firstwords.world.chats.checks import abstains

COMPARE_TASKS, COMPARE_SAMPLES = 400, 4  # questions, and answers of each side to each
SLOTS, USUAL_TOKENS = 64, 512  # answers at a time, if the memory for that many of so many tokens is modest


@dataclass(frozen=True)
class Worth:
    """The true reward of one answer to a question of the built-in world."""

    reward: float
    num_words: int
    is_unanswerable: bool
    is_refused: bool


def compare_on_world(
    one: Path,
    other: Path,
    seed: int,
    device: str = "cpu",
    num: int = COMPARE_TASKS,
    temperature: float = CHAT_TEMPERATURE,
    top_p: float = CHAT_TOP_P,
    samples: int = COMPARE_SAMPLES,
    give_up: bool = False,
) -> tuple[list[Comparison], list[dict[str, float]]]:
    """(`samples` comparisons per question, `honesty` of each side): the answer with the higher true reward wins.

    By default the answers are sampled as in a chat, because that is what people will see. Equal rewards are a tie. The
    comparisons of one question are not independent, which `win_rate` takes into account.

    give_up: stop after half of the samples if the first side is not ahead by then. It could hardly be shown to be
    better any more, and stopping only there never makes a version look better than it is.
    """
    asked, engines = tasks(seed, num, "eval", town_size(one)), [open_engine(path, device) for path in (one, other)]
    rows: list[Comparison] = []
    answers: tuple[list[Worth], list[Worth]] = ([], [])
    judged: dict[tuple[int, str, bool], Worth] = {}
    half = (samples + 1) // 2
    for numbers in (range(half), range(half, samples)):
        if give_up and numbers.start and sum(row.outcome - 0.5 for row in rows) <= 0:
            break
        seeds = [[(seed, 91 + side + 2 * number) for number in numbers] for side in (0, 1)]
        drawn = [
            worths(engine, asked, own, temperature, top_p, judged) for engine, own in zip(engines, seeds, strict=True)
        ]
        for number, sides in enumerate(zip(*drawn, strict=True)):
            records = [Decoding.of(answer_params(own[number], temperature, top_p)) for own in seeds]
            for task, a, b in zip(asked, *sides, strict=True):
                outcome = 0.5 if a.reward == b.reward else float(a.reward > b.reward)
                # the truth does not depend on the order of the sides
                rows.append(Comparison(prompt_key(task.messages), outcome, a.num_words, b.num_words, outcome, *records))
            for side, found in zip(answers, sides, strict=True):
                side += found
    return rows, [honesty(side) for side in answers]


def honesty(answers: Sequence[Worth]) -> dict[str, float]:
    """Share of unanswerable questions with an invented answer, share of answerable ones refused, mean reward."""
    unknown = [a for a in answers if a.is_unanswerable]
    known = [a for a in answers if not a.is_unanswerable]
    return {
        "invented": sum(not a.is_refused for a in unknown) / max(1, len(unknown)),
        "refused": sum(a.is_refused for a in known) / max(1, len(known)),
        "reward": sum(a.reward for a in answers) / max(1, len(answers)),
    }


def compare_by_reward(
    prompts: Sequence[Sequence[Message]],
    sides: Sequence[Sequence[Sampled]],
    vocabularies: Sequence[str],
    records: Sequence[Decoding],
    reward: RewardModel,
) -> tuple[list[Comparison], int]:
    """A comparison for each prompt: the answer with the higher reward wins, equal answers or rewards tie.

    sides: the answers of A and those of B; vocabularies, records: the hash of each side's tokenizer, and how it was
    decoded. Also returns how many answers were too long for the reward model, which read only their beginning. Raises
    UserError if the records differ, and for a prompt that the reward model cannot read.
    """
    check_equal(records)
    found = [reward.score_sampled(prompts, *side) for side in zip(sides, vocabularies, strict=True)]
    (scores_a, cut_a), (scores_b, cut_b) = found
    rows = []
    for messages, a, b, score_a, score_b in zip(prompts, *sides, scores_a, scores_b, strict=True):
        # the same text scored in another batch may differ in the last digit
        outcome = 0.5 if a.text == b.text or score_a == score_b else float(score_a > score_b)
        lengths = len(a.text.split()), len(b.text.split())
        rows.append(Comparison(prompt_key(messages), outcome, *lengths, outcome, *records))
    return rows, cut_a + cut_b


def reward_model_dir(ref: str) -> Path:
    """The reward model REF: that of the model NAME, or the path of one. Raises UserError if there is none."""
    places = [Path(ref).expanduser()]
    if not ref.startswith(("/", ".", "~")) and "/" not in ref:
        places.insert(0, home.run_dir(ref, "reward") / "model")
    for path in places:
        if home.is_model(path):
            return path
    raise UserError(
        f"--judge is {ref}, but it must be truth, human, or a reward model: its path, or the NAME of a model with a "
        "reward model from `firstwords reward` or `align`"
    )


def check_judge(judge: Path, judge_hash: str, sides: Sequence[Path], labels: Sequence[str]) -> list[str]:
    """Refuse a reward model that a side was optimised against; returns remarks on preferences learned by both.

    A side counts as optimised against it if any of its earlier versions was. Raises UserError.
    """
    own, remarks = read_seen(judge).preferences, []
    for path, label in zip(sides, labels, strict=True):
        seen = read_seen(path)
        if judge_hash in seen.reward_models:
            raise UserError(
                f"{label} was optimised against the reward model {judge}, which therefore cannot judge it: use "
                "--judge human, --judge truth, or a reward model trained on other preferences"
            )
        if common := len(own & seen.preferences):
            remarks.append(f"{label} was trained on {common} of the {len(own)} preferences behind this judge")
    return list(dict.fromkeys(remarks))


def count_seen(prompts: Sequence[Sequence[Message]], sides: Sequence[Path]) -> int:
    """How many of the prompts were used in stage three of either side, according to their files."""
    known = set().union(*(read_seen(path).prompts for path in sides))
    return sum(short(prompt_key(messages)) in known for messages in prompts)


def examined(path: Path, device: str = "cpu") -> dict[str, Any]:
    """A version's exam results: from its card if it took this exam, otherwise measured now and saved there."""
    if (known := exam_on_card(read_card(path))) is not None:
        return known
    engine = open_engine(path, device)
    assert engine.tokenizer is not None  # `open_engine` read it
    return put_on_card(path, run_exam(engine, engine.tokenizer, size=town_size(path)))


def open_engine(path: Path, device: str = "cpu") -> Engine:
    """An engine for answering many questions with a version."""
    model = load_model(path, device=device)
    slots = slots_for(model.config, SLOTS, min(USUAL_TOKENS, model.config.max_position_embeddings))
    return Engine(model, Tokenizer.load(path), num_slots=slots)


def worths(
    engine: Engine,
    asked: list[Task],
    seeds: Sequence[tuple[int, int]],
    temperature: float = CHAT_TEMPERATURE,
    top_p: float = CHAT_TOP_P,
    judged: dict[tuple[int, str, bool], Worth] | None = None,
) -> list[list[Worth]]:
    """For each seed, an answer to each question; clears the cache first, because the last bits depend on it.

    judged: answers to these questions that are judged already, by (question's number, text, whether it stopped).
    """
    engine.refresh()
    assert engine.tokenizer is not None  # `open_engine` read it
    judged = {} if judged is None else judged
    drawn = answers_of(engine, engine.tokenizer, asked, seeds, temperature, top_p)
    return [[_judged(judged, *one) for one in zip(range(len(asked)), asked, answers, strict=True)] for answers in drawn]


def _judged(judged: dict[tuple[int, str, bool], Worth], number: int, task: Task, answer: Answer) -> Worth:
    """The worth of an answer to question `number`, from `judged` if it is there."""
    key = (number, answer.text, answer.stopped)
    if key not in judged:
        reward = true_reward(task, answer.text, answer.stopped)
        judged[key] = Worth(reward, len(answer.text.split()), task.is_unanswerable, abstains(answer.text))
    return judged[key]
