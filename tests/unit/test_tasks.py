"""Zero-shot evaluation: files are recognised by their fields, scores are exact, figures have intervals, results are
kept per stage."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from firstwords.config import UserError
from firstwords.data.source_stats import SourceStats
from firstwords.engine import continuations
from firstwords.engine.continuations import Continuation, continuation_scores
from firstwords.engine.engine import Engine
from firstwords.eval.tasks import encoding, figures, grading, kept, task
from firstwords.eval.tasks.measure import Subject, measure
from firstwords.eval.tasks.reading import read_task, read_tasks
from firstwords.eval.tasks.task import Item, Task
from firstwords.stats import bootstrap, paired_change
from firstwords.tokenizer.fast import Tokenizer

TEXT = "Question: Where does the cat sleep? Answer: in the box. Is this sentence positive or negative? English French\n"


def written(folder: Path, name: str, *rows: object) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(folder: Path, *rows: object) -> Task:
    return read_task(written(folder, "some-task.jsonl", *rows), SourceStats())


@pytest.fixture(scope="module")
def subject(tiny_policy) -> Subject:
    tokenizer = Tokenizer.train([TEXT] * 5, 320)
    model = tiny_policy(tokenizer.vocab_size, context=96)
    dice = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=dice)
    return Subject(model, tokenizer, lambda: Engine(model, tokenizer, num_slots=4))


# ---- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "kind", "prompt", "answers", "right"),
    [
        (
            {"query": "Question: Who?", "choices": ["Ann", "Ben"], "gold": 1},
            task.CHOICE,
            "Question: Who?\nAnswer:",
            ("Ann", "Ben"),
            (1,),
        ),
        (
            {"question": "Who?", "choices": {"text": ["Ann", "Ben"], "label": ["1", "2"]}, "answerKey": "2"},
            task.CHOICE,
            "Question: Who?\nAnswer:",
            ("Ann", "Ben"),
            (1,),
        ),
        ({"ctx": "He sat", "endings": ["down.", "up."], "label": "0"}, task.CHOICE, "He sat", ("down.", "up."), (0,)),
        ({"query": "Pick", "choices": ["no", "yes"], "gold": "B"}, task.CHOICE, "Pick", ("no", "yes"), (1,)),
        ({"good": "I am.", "bad": "I is."}, task.PAIRS, "", ("I am.", "I is."), (0,)),
        ({"text": "They sat by the fire"}, task.CLOZE, "They sat by the", ("fire",), (0,)),
        (
            {"question": "How many?", "answer": "2+2=4\n#### 4"},
            task.SUMS,
            "Question: How many?\nAnswer:",
            ("2+2=4\n#### 4",),
            (0,),
        ),
        ({"question": "2+2?", "answer": 4}, task.SUMS, "Question: 2+2?\nAnswer:", ("4",), (0,)),
        (
            {"question": "Who?", "answer": "Ann", "aliases": ["Anna", "Ann"]},
            task.QUESTIONS,
            "Question: Who?\nAnswer:",
            ("Ann", "Anna"),
            (0, 1),
        ),
        ({"en": "Go.", "fr": "Va !"}, task.TRANSLATION, "English: Go.\nFrench:", ("Va !",), (0,)),
        ({"translation": {"de": "Ja", "en": "Yes"}}, task.TRANSLATION, "German: Ja\nEnglish:", ("Yes",), (0,)),
    ],
)
def test_the_fields_say_what_kind_of_task_it_is(tmp_path, row, kind, prompt, answers, right) -> None:
    found = read(tmp_path, row)
    assert found.kind is kind and found.name == "some-task"
    assert found.items == (Item(prompt, answers, right),)


def test_labels_become_words(tmp_path) -> None:
    found = read(tmp_path, {"text": "so good", "label": 1}, {"text": "so bad", "label": 0})
    assert found.kind is task.LABELS and [item.solution for item in found.items] == ["positive", "negative"]
    assert found.items[0].prompt == "so good\nQuestion: Is this sentence positive or negative?\nAnswer:"
    found = read(tmp_path, {"sentence": "a ball", "label": "sport"}, {"sentence": "a bill", "label": "money"})
    assert found.items[0].answers == ("money", "sport") and "Is this money or sport?" in found.items[0].prompt


def test_truthfulqa_and_squad_are_read_as_they_are(tmp_path) -> None:
    head = "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n"
    path = tmp_path / "truth.csv"
    path.write_text(head + "A,Myths,Is it so?,It is not,No; It is not,Yes; It is so,https://x.org\n" * 2)
    found = read_task(path, SourceStats())
    assert found.kind is task.TRUTH
    assert found.items[0] == Item("Q: Is it so?\nA:", ("It is not", "No", "Yes", "It is so"), (0, 1), "Myths")
    asked = [
        {"question": "Who?", "answers": [{"text": "Ann"}], "is_impossible": False},
        {"question": "Why?", "answers": [], "is_impossible": True},
    ]
    article = {"title": "A_town", "paragraphs": [{"context": "Ann lives here.", "qas": asked}]}
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"version": "v2.0", "data": [article]}))
    (item,) = read_task(path, SourceStats()).items
    assert item.prompt == "Title: A town\n\nBackground: Ann lives here.\n\nQuestion: Who?\n\nAnswer:"
    assert item.answers == ("Ann",)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"colour": "red"}\n', "the fields colour is of no known kind of task"),
        ('["red"]\n["blue"]\n', "not an object with fields"),
        ("", "is empty"),
        ('{"query": "Who?", "choices": ["Ann"], "gold": 0}\n', "fewer than two"),
        ('{"query": "Who?", "choices": ["Ann", "Ben"], "gold": 2}\n', "gold is 2"),
        ('{"query": "Who?", "choices": ["Ann", "Ben"]}\n', "gold is missing"),
        ('{"text": "word"}\n', "only one word"),
        ('{"text": "a b", "label": 3}\n', "only 0 (negative) and 1 (positive) have words"),
        ('{"text": "a b", "label": "red"}\n', "only the label red"),
        ('{"good": "a", "bad": ""}\n', "bad is missing"),
        ('{"question": "Who?", "answers": []}\n', "answers has no text"),
        ('{"query": \n', ""),
    ],
)
def test_a_bad_file_gets_one_sentence(tmp_path, content, reason) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text(content)
    with pytest.raises(UserError) as caught:
        read_task(path, SourceStats())
    assert reason in str(caught.value) and "task.jsonl" in str(caught.value) and "\n" not in str(caught.value)


def test_rows_that_lack_a_field_are_counted(tmp_path) -> None:
    stats = SourceStats()
    path = written(tmp_path, "pairs.jsonl", {"good": "I am.", "bad": "I is."}, {"good": "I am."})
    assert len(read_task(path, stats).items) == 1 and stats.skipped_rows == 1
    assert "bad is missing" in stats.notes[0]


def test_folders_and_names(tmp_path) -> None:
    written(tmp_path, "one.jsonl", {"good": "I am.", "bad": "I is."})
    written(tmp_path, "two.json", {"text": "They sat by the fire"})
    assert [each.name for each in read_tasks([str(tmp_path)], SourceStats())] == ["one", "two"]
    for specs, reason in (
        ([str(tmp_path / "none.jsonl")], "does not exist"),
        ([__file__], "is not a table"),
        ([str(tmp_path), str(tmp_path / "one.jsonl")], "two of the files are called one"),
    ):
        with pytest.raises(UserError, match=reason):
            read_tasks(specs, SourceStats())


def test_shots_and_limits() -> None:
    items = tuple(Item(f"Q{n}", ("no", "yes"), (int(n >= 5),)) for n in range(10))
    whole = Task("some", task.LABELS, items)
    two = whole.with_shots(2)
    assert [each.prompt for each in two.examples] == ["Q0", "Q5"] and len(two.items) == 8
    assert two.context(items[9]) == "Q0 no\n\nQ5 yes\n\nQ9"
    assert [each["content"] for each in two.messages(items[9])] == ["Q0", "no", "Q5", "yes", "Q9"]
    assert [each.prompt for each in whole.limited(4).items] == ["Q0", "Q2", "Q5", "Q7"]
    assert whole.limited(4).hash != whole.hash != two.hash
    with pytest.raises(UserError, match="--shots is 10, but some has 10 rows"):
        whole.with_shots(10)


# ---- scores ----------------------------------------------------------------------------------------------------------


def alone(model, continuation: Continuation) -> tuple[float, bool]:
    """The score by the plain forward pass, one sequence at a time."""
    ids = [*continuation.context, *continuation.ids][-(model.config.max_position_embeddings + 1) :]
    with torch.no_grad():
        logprobs = torch.log_softmax(model(torch.tensor([ids[:-1]]))[0], -1)[-len(continuation.ids) :]
    likeliest = logprobs.argmax(-1).tolist() == list(continuation.ids)
    return float(sum(row[i] for row, i in zip(logprobs, continuation.ids, strict=True))), likeliest


def test_shared_contexts_change_no_score(subject, monkeypatch) -> None:
    model, dice = subject.model, np.random.default_rng(5)
    V = model.config.vocab_size
    asked = []
    examples = dice.integers(3, V, 30).tolist()
    for _ in range(12):
        context = examples[: dice.integers(0, 30)] + dice.integers(3, V, dice.integers(1, 60)).tolist()
        for _ in range(dice.integers(1, 5)):
            asked.append(Continuation(context, dice.integers(3, V, dice.integers(1, 25)).tolist()))
    asked.append(asked[-1])  # twice the same
    shared = continuations.shared_rows([continuations._whole(each, 96) for each in asked])
    assert len(shared) < len(asked) / 1.5
    with monkeypatch.context() as patch:
        patch.setattr(continuations, "BATCH_TOKENS", 300)
        shares: list[float] = []
        found = continuation_scores(model, asked, shares.append)
    assert shares == sorted(shares) and shares[-1] == 1 and len(shares) > 2
    for each, score in zip(asked, found, strict=True):
        logprob, is_greedy = alone(model, each)
        assert score.logprob == pytest.approx(logprob, abs=2e-4) and score.is_greedy == is_greedy


def test_greedy_continuations_are_recognised(subject) -> None:
    context = subject.tokenizer.encode("Where does")
    answer = subject.make_engine().generate([context], _greedy(5))[0].ids
    other = [*answer[:-1], (answer[-1] + 1) % subject.model.config.vocab_size]
    first, second = continuation_scores(subject.model, [Continuation(context, answer), Continuation(context, other)])
    assert first.is_greedy and not second.is_greedy and first.logprob > second.logprob


def _greedy(count: int):
    from firstwords.engine.sampling import SamplingParams

    return SamplingParams(temperature=0, max_tokens=count, ignore_eos=True)


def test_impossible_continuations_are_refused(subject) -> None:
    for context, ids, reason in (([], [5], "at least one token"), ([5], [5] * 97, "the continuation has 97 tokens")):
        with pytest.raises(ValueError, match=reason):
            continuation_scores(subject.model, [Continuation(context, ids)])


def test_space_at_the_end_of_a_prompt_belongs_to_the_answer(subject) -> None:
    tokenizer = subject.tokenizer
    assert encoding.encoded(tokenizer, "the cat ", "sleep") == encoding.encoded(tokenizer, "the cat", " sleep")
    sentence = encoding.encoded(tokenizer, "", " in the box")
    assert list(sentence.context) == [tokenizer.endoftext_id] and sentence.ids == tokenizer.encode(" in the box")


# ---- figures ---------------------------------------------------------------------------------------------------------


def test_three_scorings_choose_differently() -> None:
    answers, logprobs = ("no", "日本語", "certainly not"), [-4.0, -5.0, -11.0]
    assert figures.chosen(logprobs, answers) == 0
    assert figures.chosen(logprobs, answers, "per_byte") == 1  # 9 bytes, but 3 letters
    assert figures.chosen(logprobs, answers, "per_character") == 2


def test_calibration() -> None:
    assert figures.calibration_error(np.array([0.9, 0.9, 0.9, 0.9]), np.array([1, 1, 1, 0])) == pytest.approx(0.15)
    assert figures.calibration_error(np.array([0.75, 1.0]), np.array([0, 1])) == pytest.approx(0.375)
    (row,) = figures.reliability(np.array([0.9, 0.95]), np.array([1, 0]))
    assert row["confidence"] == pytest.approx(0.925) and row["accuracy"] == 0.5 and row["n"] == 2


def test_truthfulqa_weighs_the_best_answer_and_all_true_ones() -> None:
    item = Item("Q", ("best", "also true", "wrong"), (0, 1))
    found = figures.choice_figures(task.TRUTH, [item], [[math.log(0.2), math.log(0.5), math.log(0.3)]])
    assert found["rate"] == 0  # the wrong answer is likelier than the best one, which alone counts
    assert found["mc2"]["value"] == pytest.approx(0.7) and found["chance"] == 0.5


def test_intervals_hold_their_estimate() -> None:
    rows = np.random.default_rng(0).normal(size=60)
    low, high = bootstrap(rows, np.mean)
    assert low < rows.mean() < high and high - low == pytest.approx(2 * 1.96 * rows.std() / 60**0.5, rel=0.15)
    assert bootstrap(np.ones(5), np.mean) == (1.0, 1.0)
    equal = figures.written_figures(task.QUESTIONS, [Item("", ("box",))] * 20, ["cat"] * 20)["f1"]
    assert equal["value"] == equal["low"] == 0 and 0.1 < equal["high"] < 0.25
    found = figures.cloze_figures([-1.0, -2.0, -3.0], [True, False, False])
    assert found["perplexity"]["value"] == pytest.approx(math.exp(2)) and found["rate"] == pytest.approx(1 / 3)
    assert found["perplexity"]["low"] < math.exp(2) < found["perplexity"]["high"]


def test_a_change_is_paired_by_row() -> None:
    before, after = [1, 0, 0, 1] * 10, [1, 1, 0, 1] * 10
    found = paired_change(before, after)
    assert found["rate"] == 0.25 and 0.08 < found["low"] < 0.2 and 0.3 < found["high"] < 0.4
    same = paired_change(before, before)
    assert same["rate"] == 0 and -0.1 < same["low"] < -0.03 and same["high"] == -same["low"]
    shares = paired_change([0.1, 0.2, 0.3], [0.3, 0.2, 0.4])
    assert shares["rate"] == pytest.approx(0.1) and 0 <= shares["low"] < 0.1 < shares["high"] <= 0.2


def test_numbers_and_short_answers() -> None:
    assert grading.number_in("5 + 5 = <<5+5=10>>10\n#### 1,010") == 1010
    assert grading.number_in("so it is $12.50.") == 12.5 and grading.number_in("none") is None
    assert grading.marked_number("it is 7") is None and grading.marked_number("#### -7") == -7
    assert grading.is_exact("The Cat!", ["a cat"]) and not grading.is_exact("cats", ["cat"])
    assert grading.contains("It was Ann Lee, I think.", ["Ann Lee"]) and not grading.contains("Annie Lee", ["Ann"])
    assert grading.f1("in the old box", ["nothing", "the box"]) == pytest.approx(0.5)  # 1 of 3 words, and of 1


def test_chrf_is_sacrebleus() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    ours, theirs = ["le chat dort", "il va"], ["le chat dort ici", "il va bien"]
    found = figures.chrf_figures(ours, theirs)
    assert found["rate"] == pytest.approx(sacrebleu.corpus_chrf(ours, [theirs]).score / 100, abs=1e-6)
    assert found["low"] <= found["rate"] <= found["high"] and len(found["outcomes"]) == 2
    assert figures.chrf_figures(["a"], ["a"])["rate"] == 1


# ---- whole tasks -----------------------------------------------------------------------------------------------------


def test_measure_tells_a_model_from_chance(subject) -> None:
    """A task whose right answers are this model's own greedy continuations is solved; one with them as the wrong ones
    fails."""
    prompts = ["Where does the cat", "Is this", "in the", "French", "the box is"]
    engine, tokenizer = subject.make_engine(), subject.tokenizer
    ids = [encoding.text_ids(tokenizer, prompt) for prompt in prompts]
    likely = [each.text for each in engine.generate(ids, _greedy(1))]
    usable = [(prompt, text[1:]) for prompt, text in zip(prompts, likely, strict=True) if text[:1] == " " and text[1:]]
    items = tuple(Item(prompt, (text, "Question"), (0,), prompt[:2]) for prompt, text in usable)
    if not items:
        items = tuple(Item(prompt, ("e", "Question zz"), (0,), prompt[:2]) for prompt in prompts)
    found = measure(Task("greedy", task.CHOICE, items), subject)
    assert found["rate"] == 1 and found["outcomes"] == [1] * len(items) and found["chance"] == 0.5
    assert found["scores"]["plain"]["n"] == len(items) and found["form"] == "text"
    swapped = tuple(Item(item.prompt, item.answers, (1,)) for item in items)
    assert measure(Task("greedy", task.CHOICE, swapped), subject)["rate"] == 0


@pytest.mark.parametrize("as_chat", [False, True])
def test_written_answers_end_and_are_graded(subject, as_chat) -> None:
    shares: list[float] = []
    items = tuple(Item(f"Question: {n}?\nAnswer:", ("box", "the box"), (0, 1)) for n in range(6))
    found = measure(Task("asked", task.QUESTIONS, items), subject, as_chat, shares.append)
    assert (
        found["n"] == 6
        and 0 <= found["rate"] <= found["contains"]["rate"] <= 1
        and found["form"] == ("chat" if as_chat else "text")
    )
    assert shares == sorted(shares) and min(shares) >= 0 and max(shares) <= 1
    if not as_chat:
        assert all("\n" not in example["answer"] for example in found["examples"])


def test_long_rows_are_cut_or_left_out_and_counted(subject) -> None:
    long = "the cat in the box " * 40
    items = (Item(long, ("yes", "no")), Item("the", (long, "no")), Item("the", ("box", "cat")))
    found = measure(Task("long", task.CHOICE, items), subject)
    assert found["cut"] == 1 and found["left_out"] == 1 and found["n"] == 2
    with pytest.raises(UserError, match="no row of long fits"):
        measure(Task("long", task.CHOICE, (Item("the", (long, "no")),)), subject)


# ---- results per stage -----------------------------------------------------------------------------------------------


def test_results_are_kept_and_compared_by_row(own_home) -> None:
    models = own_home / "models" / "pip"

    def result(outcomes: list[int], rows: str = "same") -> dict:
        rate = sum(outcomes) / len(outcomes)
        figures = {"rate": rate, "low": 0.0, "high": 1.0, "n": len(outcomes), "outcomes": outcomes, "hash": rows}
        return {"task": "arc", "kind": "multiple choice", "metric": "accuracy", "shots": 2, "form": "text"} | figures

    kept.keep(models / "base", [result([0, 0, 1, 0] * 10)])
    kept.keep(models / "sft", [result([1, 1, 1, 0] * 10)])
    (row,) = kept.by_stage("pip")
    assert row["title"] == "arc, 2 shots" and [each["stage"] for each in row["stages"]] == ["base", "sft"]
    changed = row["stages"][1]["change"]
    assert changed["over"] == "base" and changed["rate"] == 0.5 and 0.3 < changed["low"] < 0.5 < changed["high"] < 0.7
    kept.keep(models / "sft", [result([1, 1, 1, 0] * 10, "other rows")])
    assert kept.by_stage("pip")[0]["stages"][1]["change"] is None
    for damage in ('{"tasks": [1]}', '{"tasks": {"arc": {"rate": 1}}}', "{", ""):
        (models / "sft" / kept.FILE).write_text(damage)
        assert kept.kept(models / "sft") == {}
    kept.keep(models / "base", [result([1])])
    found = json.loads((models / "base" / kept.FILE).read_text())
    (models / "base" / kept.FILE).write_text(json.dumps(found | {"weights_sha256": "of other weights"}))
    assert kept.kept(models / "base") == {}
