"""Stories and essays: what is asked, where a paragraph ends, which candidate is best, what is measured."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from firstwords.config import UserError
from firstwords.writing.brief import Brief
from firstwords.writing.draft import Piece, read, save
from firstwords.writing.measures import measure, missing, repetition
from firstwords.writing.paragraph import Candidate, Draft, best, end_of
from firstwords.writing.plan import (
    TOO_SMALL,
    UNUSABLE,
    Plan,
    given_outline,
    outline_prompt,
    program_outline,
    read_point,
)
from firstwords.writing.writer import Choice, Writer, outline_of, paragraph_ids

POINTS = ["Max gets lost in town.", "A girl finds Max there.", "Max comes home again."]
BRIEF = Brief("a lost dog", ending="happy", words=("boat", "moon"))
SMALL = Plan(BRIEF, is_small=True)
LARGE = Plan(BRIEF, tuple(POINTS), "model")


def test_a_small_model_is_asked_as_in_its_chats() -> None:
    assert BRIEF.simple_request == "Tell me a short happy story about a lost dog with the words boat and moon in it."
    assert Brief("the moon.", "poem", "medium").simple_request == "Write a poem about the moon."
    messages, prefill = SMALL.prompt(["Once.", "Then."])
    assert messages == [{"role": "user", "content": BRIEF.simple_request}] and prefill == "Once. Then."
    assert replace(SMALL, is_small=False).prompt(["Once.", "Then."])[1] == "Once.\n\nThen."


def test_an_outline_is_written_point_by_point_in_a_chat() -> None:
    messages, prefill = LARGE.prompt(["Max had a boat.", "The girl came."])
    assert prefill == "" and [m["role"] for m in messages] == ["user", "assistant"] * 2 + ["user"]
    first, second, last = (m["content"] for m in messages if m["role"] == "user")
    assert first.startswith("Write a short story about a lost dog with a happy ending. Write only the first paragraph")
    assert POINTS[0] in first and first.endswith("Use the word boat.")
    assert POINTS[1] in second and second.endswith("Use the word moon.")
    assert POINTS[2] in last and last.startswith("Write only the last") and "moon" in last  # it is still missing
    assert "another" in LARGE.prompt([*POINTS])[0][-1]["content"]  # one more than planned


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"topic": "  "}, "the topic is empty"),
        ({"topic": "x" * 301}, "301 characters"),
        ({"form": "storry"}, "did you mean story"),
        ({"length": "huge"}, "unknown length"),
        ({"form": "essay", "ending": "sad"}, "an ending is for stories"),
        ({"words": ("red boat",)}, "'red boat' is not a single word"),
        ({"words": tuple(f"w{n}" for n in range(13))}, "13 words"),
    ],
)
def test_what_cannot_be_written(options, message) -> None:
    with pytest.raises(UserError, match=message):
        Brief(**({"topic": "a dog"} | options))


def test_outlines() -> None:
    def never():
        raise AssertionError("a small model is not asked")

    assert outline_of(BRIEF, "auto", True, never).note == TOO_SMALL
    assert outline_of(BRIEF, "auto", False, lambda: POINTS) == Plan(
        BRIEF, tuple(POINTS), "model", "outline by the model"
    )
    for unusable in (POINTS[:2], [POINTS[0]] * 3, ["Max", *POINTS[1:]]):
        plan = outline_of(BRIEF, "model", False, lambda lines=unusable: lines)
        assert (plan.source, plan.note, plan.outline) == ("program", UNUSABLE, program_outline(BRIEF))
    assert program_outline(BRIEF)[-1] == "A happy ending." and len(program_outline(Brief("x", length="long"))) == 6
    assert outline_of(BRIEF, "none", False, never).is_in_one_go
    with pytest.raises(UserError, match="unknown outline"):
        outline_of(BRIEF, "modell", True, never)
    assert outline_prompt(BRIEF, POINTS[:1])[1] == f"1. {POINTS[0]}\n2."
    assert read_point(" **2. The girl.** ") == "The girl."
    assert given_outline(["", " One   point. "]) == ("One point.",)
    with pytest.raises(UserError, match="13 points"):
        given_outline(["a"] * 13)


def test_a_paragraph_ends_at_a_line_or_after_enough_whole_sentences() -> None:
    line = "The Lost Dog\n\nOnce there was a dog who had lost his way.\n\nThe next day"
    assert line[: end_of(line, LARGE)].endswith("way.")
    sentence = 'The dog saw a cat in the tree. "Yes!" said the cat. '
    told = sentence * 5
    end = end_of(told, SMALL)
    assert end is not None and 40 <= len(told[:end].split()) < 52 and told[:end].endswith(('tree."', "tree.", "cat."))
    assert end_of(" ".join(["word"] * 60), SMALL) is None
    assert end_of("word " * 50 + '"Yes!" said the cat', SMALL) is None  # the sentence continues
    stanza = "The moon\n\nis up\nis down\n\nThe sun"  # the first line is a title
    assert stanza[: end_of(stanza, Plan(Brief("x", "poem")))].endswith("is down")
    assert end_of("a\nb\n\nc", Plan(Brief("x", "poem"))) == 3
    assert end_of("a\n" * 9, Plan(Brief("x", "poem"))) == 15


def tokens(*texts: str, last: str | None = None):
    ends = [None] * (len(texts) - 1) + [last]
    return [
        SimpleNamespace(text=text, logprob=-float(place), finish_reason=end)
        for place, (text, end) in enumerate(zip(texts, ends, strict=True), 1)
    ]


def test_a_draft_scores_the_tokens_that_it_keeps() -> None:
    draft = Draft(LARGE, [])
    given = tokens("One two three four five ", "six seven boat.", "\nAnd", " more")
    assert [draft.push(token) for token in given] == [False, False, True, True]
    found = draft.candidate(7)
    assert (found.text, found.logprob, found.num_tokens) == ("One two three four five six seven boat.", -1.5, 2)
    assert found.used == ("boat",) and not found.is_last and found.seed == 7
    ended = Draft(SMALL, [])
    for token in tokens("The end.", "", last="stop"):
        ended.push(token)
    assert ended.candidate(0).is_last and ended.candidate(0).logprob == -1
    cut = Draft(SMALL, [])
    for token in tokens("One sentence. And a", " half", last="length"):
        cut.push(token)
    assert cut.candidate(0).text == "One sentence." and not cut.candidate(0).is_last


def test_the_best_has_the_words_then_no_repetition_then_the_score() -> None:
    plain = Candidate("a", -1.0, 5, False, 0, reward=0.0)
    likely, rewarded = replace(plain, logprob=-0.5), replace(plain, reward=2.0)
    dull = replace(plain, logprob=-0.1, reward=9.0, repetition=0.5)
    with_word = replace(dull, logprob=-9.0, used=("boat",))
    assert best([plain, likely, rewarded, dull], "model") == 1
    assert best([plain, likely, rewarded, dull], "reward") == 2
    assert best([plain, likely, with_word], "model") == 2
    none = replace(plain, text="", logprob=0.0)
    assert best([none, plain], "model") == 1
    assert best([none, none, plain], "model") == best([none], "model") == -1


def test_measures() -> None:
    text = "The dog ran to the house. The dog ran to the boat."
    found = measure(text, ("Boat", "cat"))
    assert (found.words, found.used, found.missing) == (12, ("Boat",), ("cat",))
    assert found.repetition == pytest.approx(2 / 9, abs=1e-4)  # "the dog ran to" and "dog ran to the", of 9
    assert repetition("one two three") == 0 and repetition("a b " * 20) > 0.9
    assert missing("Boats don’t sink", ("boat", "don't")) == ("boat",)
    assert measure("Ein Bär, zwei Bären").words == 4


@pytest.fixture
def loaded(pip_home, one_thread):
    from firstwords import api

    return api.load("pip/sft")


def test_a_writer_with_a_model(loaded) -> None:
    from firstwords import api

    plan = Plan(Brief("a dog", length="long", words=("cat",)), is_small=True)
    found = list(Writer(loaded, Choice(best=2, temperature=1.0), seed=3).paragraphs(plan))
    assert found and all(len(each.candidates) == 2 and each.text for each in found)
    assert [each.text for each in found] == [
        each.text for each in Writer(loaded, Choice(best=2, temperature=1.0), seed=3).paragraphs(plan)
    ]
    # the score of a candidate is the model's own log-probability of its tokens under the prompt
    first = found[0].candidates[0]
    ids = paragraph_ids(loaded, plan, [], 80)
    how = {"max_tokens": first.num_tokens, "temperature": 1.0, "top_p": 0.95, "seed": first.seed, "logprobs": 0}
    again = loaded.engine().generate([ids], api.sampling(**how))[0]
    assert first.logprob == pytest.approx(sum(again.logprobs) / len(again.logprobs), abs=1e-4)
    with pytest.raises(UserError, match="has no reward model"):
        Writer(loaded, Choice(by="reward"))
    for wrong in ({"best": 0}, {"best": 17}, {"by": "taste"}):
        with pytest.raises(UserError):
            Choice(**wrong)


def test_paragraphs_that_do_not_fit_are_left_out(loaded) -> None:
    before = ["The cat is on the mat. " * 5, "The dog is blue. " * 5, "My name is Pip."]
    ids = paragraph_ids(loaded, SMALL, before, 40)
    assert len(ids) < loaded.context and ids[-5:] == paragraph_ids(loaded, SMALL, before[2:], 40)[-5:]


def test_a_draft_is_kept_and_read(tmp_path) -> None:
    piece = Piece(LARGE, "pip/sft", 5).with_paragraph("One boat.", [{"text": "One boat.", "logprob": -1.0}])
    piece = piece.with_paragraph("Two.", []).with_paragraph("Three.", [], 1)
    path = tmp_path / "dog.json"
    save(piece, path)
    assert read(path) == piece and piece.report()["scores"] == [-1.0, None]
    edited = json.loads(path.read_text()) | {"paragraphs": ["By hand.", "Three.", "And more."]}
    path.write_text(json.dumps(edited))
    assert read(path).paragraphs[2] == "And more." and read(path).report()["measures"]["missing"] == ["boat", "moon"]
    for wrong in ("{", "[]", '{"brief": {}}', json.dumps(edited | {"seed": "x"})):
        path.write_text(wrong)
        with pytest.raises(UserError):
            read(path)
