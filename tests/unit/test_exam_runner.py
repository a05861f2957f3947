"""The exam's runner: who is asked, how answers are generated and how marks become rates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.eval import exam as runner
from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.world import exam
from firstwords.world.visitor import is_final


@dataclass(frozen=True)
class Question:
    part: str
    messages: list[dict[str, str]]
    check: str


@dataclass
class FakeCompletion:
    text: str
    finish_reason: str


@dataclass
class FakeEngine:
    """Answers a prompt from a table, and records the prompts."""

    answers: dict[tuple[int, ...], FakeCompletion]
    max_length: int = 256
    calls: list[list[Any]] = field(default_factory=list)
    on_step: Any = None
    written: int = 0

    def generate(self, prompts, params):
        self.calls.append(list(zip(prompts, params, strict=True)))
        for self.written in range(len(prompts)):
            if self.on_step is not None:
                self.on_step()
        return [self.answers[tuple(prompt)] for prompt in prompts]

    def share_of(self, total):
        return self.written / total


def question(part: str, text: str, check: str = "yes") -> Question:
    return Question(part, [{"role": "user", "content": text}], check)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["Who has a grey cat? Mila has a grey cat. user assistant\n"] * 4, 300)


@pytest.fixture
def marked(monkeypatch):
    """A simpler marking: an answer is right when it contains the check and stopped."""
    monkeypatch.setattr(exam, "score", lambda question, answer, stopped: stopped and question.check in answer)


def engine_for(tokenizer, answers: dict[str, tuple[str, str]]) -> FakeEngine:
    return FakeEngine(
        {
            tuple(render([{"role": "user", "content": text}], tokenizer, True)[0]): FakeCompletion(*completion)
            for text, completion in answers.items()
        }
    )


def test_marks_become_rates_by_part(tokenizer, marked):
    asked = [
        question("told", "Who has a cat?", "Mila"),
        question("told", "Who is Mila?", "baker"),
        question("told", "Who bakes?", "Mila"),
        question("never_told_abstained", "Who is Zork?", "know"),
        question("instructions", "Say yes.", "yes"),
    ]
    engine = engine_for(
        tokenizer,
        {
            "Who has a cat?": (" Mila has.\n", "stop"),
            "Who is Mila?": ("I don't know.", "stop"),
            "Who bakes?": ("Mila Mila Mila", "length"),
            "Who is Zork?": ("I do not know.", "stop"),
            "Say yes.": ("no", "stop"),
        },
    )
    result = runner.run_exam(engine, tokenizer, questions=asked)
    counts = {part: (round(v["rate"] * v["n"]), v["n"]) for part, v in result.items() if isinstance(v, dict)}
    assert counts == {
        "told": (1, 3),
        "told_refused": (1, 3),
        "never_told_abstained": (1, 1),
        "instructions": (0, 1),
        "stops": (4, 5),
    }
    assert result["told"]["rate"] == pytest.approx(1 / 3)
    assert result["too_long"] == 0
    told = [row for row in result["examples"] if row["part"] == "told"]
    assert [(row["answer"], row["right"], row["stopped"]) for row in told] == [
        ("Mila has.", True, True),
        ("I don't know.", False, True),
        ("Mila Mila Mila", False, False),
    ]
    assert told[0]["messages"] == asked[0].messages


def test_answers_are_greedy_short_and_stories_longer(tokenizer, marked):
    engine = engine_for(tokenizer, {"Tell me a story.": ("yes", "stop"), "Say yes.": ("yes", "stop")})
    asked = [question("instructions", "Tell me a story."), question("instructions", "Say yes.")]
    assert runner.run_exam(engine, tokenizer, questions=asked)["instructions"]["rate"] == 1
    ((story, short),) = engine.calls
    assert (story[1].temperature, story[1].max_tokens) == (0, 160)
    assert (short[1].temperature, short[1].max_tokens) == (0, 80)


def test_limit_takes_the_first_of_each_part(tokenizer, marked):
    asked = [question(part, f"{part} {i}") for i in range(5) for part in ("told", "instructions")]
    chosen = runner.first_of_each_part(asked, 2)
    assert [q.messages[0]["content"] for q in chosen] == [
        "told 0",
        "instructions 0",
        "told 1",
        "instructions 1",
    ]
    assert runner.first_of_each_part(asked, None) == asked


def test_a_prompt_that_fills_the_context_counts_as_wrong(tokenizer, marked):
    engine = engine_for(tokenizer, {"Say yes.": ("yes", "stop")})
    engine.max_length = 40
    seen = []
    asked = [question("instructions", "long " * 60), question("instructions", "Say yes.")]
    result = runner.run_exam(engine, tokenizer, progress=seen.append, questions=asked)
    assert (result["instructions"]["rate"], result["instructions"]["n"], result["too_long"]) == (0.5, 2, 1)
    assert seen == [0.0, 1.0]


def test_many_questions_are_reported_on_as_they_come_in(tokenizer, marked):
    texts = [f"Say yes {i}" for i in range(300)]
    engine = engine_for(tokenizer, dict.fromkeys(texts, ("yes", "stop")))
    seen = []
    asked = [question("instructions", text) for text in texts]
    result = runner.run_exam(engine, tokenizer, progress=seen.append, questions=asked)
    assert result["instructions"]["rate"] == 1
    assert seen == [*(i / 300 for i in range(300)), 1.0] and engine.on_step is None
    assert len(result["examples"]) == runner.EXAMPLES_PER_PART
    assert [row["messages"][0]["content"] for row in result["examples"]][:2] == ["Say yes 0", "Say yes 50"]


def test_examples_leave_out_the_final_half_of_the_visitors_list(tokenizer):
    asked = [q for q in exam.questions() if q.part == "visitor"]
    rows = runner.examples([(q, "Hello!", True) for q in asked])
    assert len(rows) == runner.EXAMPLES_PER_PART
    assert not any(is_final(row["messages"][0]["content"]) for row in rows)
    assert any(is_final(q.messages[0]["content"]) for q in asked)


def test_seeds_of_questions_differ(tokenizer, marked):
    engine = engine_for(tokenizer, {"Say yes.": ("yes", "stop"), "Say it.": ("yes", "stop")})
    asked = [question("instructions", "Say yes."), question("instructions", "Say it.")]
    for seed in (0, 1):
        runner.ask(engine, tokenizer, asked, params=SamplingParams(temperature=0.5, seed=seed))
    seeds = [params.seed for call in engine.calls for _, params in call]
    assert len(set(seeds)) == 4 and all(params.temperature == 0.5 for call in engine.calls for _, params in call)


def test_slots_change_no_answer(tokenizer, marked):
    """A real engine: thirty questions in eight slots get the answers that each gets alone."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    model = Transformer(ModelConfig(tokenizer.vocab_size, 64, 64, 1, 1, 1, 64, 128))
    model.init_weights(3)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():  # fresh weights only repeat the last token
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(0, 0.4, generator=generator)
    asked = [question("told", f"Who has {i} cats?" + " Mila" * (i % 7)) for i in range(30)]
    together = runner.ask(Engine(model, tokenizer, num_slots=8), tokenizer, asked)
    alone = [runner.ask(Engine(model, tokenizer, num_slots=1), tokenizer, [q])[0] for q in asked]
    torch.set_num_threads(before)
    assert together == alone
    assert len({answer for answer, _ in alone}) > 1


def test_the_built_in_exam_is_askable(tokenizer):
    questions = exam.questions()
    assert {"told", "instructions"} <= {q.part for q in questions}

    class Mute:
        max_length, on_step = 1 << 20, None

        def generate(self, prompts, params):
            return [FakeCompletion("", "stop") for _ in prompts]

    result = runner.run_exam(Mute(), tokenizer)
    assert result["stops"]["rate"] == 1 and result["stops"]["n"] == len(questions)
    assert {"told", "told_refused", "never_told_abstained", "instructions", "visitor", "stops"} <= set(result)
    assert result["told"]["rate"] == 0 and result["told_refused"]["rate"] == 0
