"""Words as numbers: gradients against autograd, neighbours that must come out, pushes that add up, bad sentences."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from firstwords.classify import plots, sentences, sentiment, words
from firstwords.classify.sentences import Sentences
from firstwords.classify.words import Vocabulary
from firstwords.config import UserError
from firstwords.world import feelings

# ---- words ---------------------------------------------------------------------------------------------------------


def test_splitting() -> None:
    assert words.split("It isn't bad!") == words.split("it is n't BAD !") == ["it", "is", "n't", "bad", "!"]
    assert words.split("Tom's café, 1930s") == ["tom", "'s", "café", "1930s"] and words.split(" .,; ") == []


def test_skipgram_gradients_are_autograds() -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(n, 4)) for n in (6, 6, 5)]
    loss, gradients = words.loss_and_gradients(*arrays, 0.7)
    c, o, d = (torch.tensor(a, requires_grad=True) for a in arrays)
    log_s = torch.nn.functional.logsigmoid
    expected = -log_s((c * o).sum(1)).sum() - 0.7 * log_s(-(c @ d.T)).sum()
    expected.backward()
    assert loss == pytest.approx(expected.item(), abs=1e-12)
    for ours, theirs in zip(gradients, (c, o, d), strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), atol=1e-12)


def test_a_step_adds_up_rows_that_occur_twice() -> None:
    table, seen = np.zeros((3, 2), np.float32), np.full((3, 1), 1e-6, np.float32)
    words._step(table, seen, np.array([2, 0, 2]), np.array([[1.0, 0.0], [0.0, 0.0], [2.0, 0.0]]))
    assert seen[:, 0].tolist() == pytest.approx([0, 0, 4.5], abs=1e-5)
    assert table[2, 0] == pytest.approx(-words.RATE * 3 / 4.5**0.5)
    assert table[1].tolist() == [0, 0]


def test_words_in_like_company_become_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two little languages whose words never meet: neighbours must be of the same one."""
    monkeypatch.setattr(words, "OFTEN", 1.0)  # of ten words each is frequent; leave none out
    rng = np.random.default_rng(0)
    sets = (["sun", "sea", "sand", "sail", "shell"], ["iron", "ink", "inch", "ivy", "ice"])
    texts = [" ".join(rng.choice(sets[i % 2], 6)) for i in range(600)]
    vocabulary = Vocabulary.of(texts)
    vectors = words.skipgram(texts, vocabulary, dimensions=8)
    for group in sets:
        near = [w for w, _ in words.nearest(vectors, vocabulary.words, group[0], 4)]
        assert set(near) == set(group[1:])
    assert (words.skipgram(texts, vocabulary, dimensions=8) == vectors).all()


def test_vocabulary_orders_by_count_and_drops_rare_words() -> None:
    vocabulary = Vocabulary.of(["b a a", "a b c"])
    assert vocabulary.words == ("a", "b") and vocabulary.counts_V.tolist() == [3, 2]
    assert vocabulary.encode("c B a") == [1, 0]
    with pytest.raises(UserError, match="no word occurs 2 times"):
        Vocabulary.of(["a b c"])


def test_unknown_word_has_no_neighbours() -> None:
    with pytest.raises(UserError, match="did you mean lovely"):
        words.nearest(np.eye(2), ("lovely", "soup"), "lovly")


def test_pairs_stay_in_their_text_and_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "OFTEN", 1.0)  # leave no word out, which would widen the window
    ids = np.arange(20)
    texts = np.repeat([0, 1], [9, 11])
    rng = np.random.default_rng(0)
    seen = Counter()
    for _ in range(200):
        for centres, others in words._batches(ids, texts, np.ones(20), rng):
            seen.update(zip(centres.tolist(), others.tolist(), strict=True))
    assert seen and all(texts[a] == texts[b] and 1 <= abs(a - b) <= words.WINDOW for a, b in seen)
    assert seen[12, 13] > 3 * seen[12, 17] > 0, "near neighbours more often"


# ---- sentences -----------------------------------------------------------------------------------------------------


def test_feelings_of_the_world_are_deterministic_balanced_and_apart() -> None:
    rows = list(islice(feelings.sentences(0), 3000))
    assert rows == list(islice(feelings.sentences(0), 3000)) != list(islice(feelings.sentences(1), 3000))
    held = feelings.held_out()
    assert held == feelings.held_out() and len({t for t, _ in held}) == 400
    assert not {t for t, _ in rows} & {t for t, _ in held}
    assert 0.45 < sum(f == "happy" for _, f in rows) / 3000 < 0.55
    assert all("{" not in text and text[0].isupper() and text[-1] in ".!" for text, _ in rows + held)
    known = {w for text, _ in rows for w in words.split(text)}
    unknown = [w for text, _ in held for w in words.split(text) if w not in known]
    assert len(unknown) < 0.35 * sum(len(words.split(t)) for t, _ in held)


def write(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_formats_give_the_same_sentences(tmp_path: Path) -> None:
    rows = [("good film", 1), ("bad film", 0), ('so "good"', 1), ("dull, bad", 0)]
    lines = "".join(json.dumps({"text": t, "label": y}) + "\n" for t, y in rows)
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as file:
        file.write(lines)
    tsv = write(tmp_path, "b.tsv", "sentence\tlabel\n" + "".join(f"{t}\t{y}\n" for t, y in rows))
    quoted = (t.replace('"', '""') for t, _ in rows)
    cells = (f'"{t}",{y}\n' for t, (_, y) in zip(quoted, rows, strict=True))
    csv = write(tmp_path, "c.csv", "text,sentiment\n" + "".join(cells))
    for path in (tmp_path / "a.jsonl.gz", tsv, csv):
        found = sentences.read_files([path])
        assert found.texts == tuple(t for t, _ in rows) and found.y_N.tolist() == [1, 0, 1, 0], path.name
        assert found.classes == ("negative", "positive")


def test_labels_that_are_words_and_bad_rows(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\nx y,happy\nz,sad\n,sad\nw,\nv,happy\nu,sad\n")
    found = sentences.read_files([path])
    assert found.classes == ("sad", "happy") and found.bad == 2
    assert found.notes == ("a.csv:4: there is no text", "a.csv:5: there is no label")


def test_a_fifth_is_held_out_by_the_text_alone() -> None:
    texts = tuple(f"sentence {i % 400}" for i in range(800))
    train, test = Sentences(texts, np.arange(800) % 2, ("a", "b"), "x").split()
    assert not set(train.texts) & set(test.texts) and 100 < len(test.texts) < 220


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.csv", "text,label\na,1\nb,1\n", "every sentence of a.csv is labelled positive"),
        ("a.csv", "text,label\na,1\nb,2\nc,3\n", "has 3 labels"),
        ("a.csv", "words,label\na,1\nb,0\n", "there is no column for the text"),
        ("a.csv", "text,mark\na,1\nb,0\n", "there is no column for the label"),
        ("a.csv", "text,label\n,1\n,0\n", "2 of 2 rows are unusable"),
        ("a.csv", "text,label\n", "contains no rows"),
        ("a.csv", "text,label\na,1\nb,0\nc,0\n", "has 1 sentences labelled positive"),
        ("a.docx", "x", "an unsupported type"),
        ("a.jsonl", '"just text"\n', "a row must have a text and a label"),
    ],
)
def test_bad_sentence_files(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        sentences.read_files([write(tmp_path, name, text)])
    assert sentence in str(error.value) and "\n" not in str(error.value)


def test_a_test_file_must_have_the_classes_of_the_training(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "text,label\na,good\nb,bad\n" * 2)
    with pytest.raises(UserError, match="has the label good, but the training data have negative and positive"):
        sentences.read_files([path], ("negative", "positive"))


# ---- the line through means of words ---------------------------------------------------------------------------------


def toy() -> Sentences:
    """Sentences in which `sun` and `rain` decide and the other words are chance."""
    rng = np.random.default_rng(0)
    y_N = np.arange(400) % 2
    fill = rng.choice(["the", "day", "was", "here", "tom"], (400, 4))
    texts = tuple(" ".join([*row, "sun" if y else "rain"]) for row, y in zip(fill, y_N, strict=True))
    return Sentences(texts, y_N, ("sad", "happy"), "toy")


@pytest.fixture(scope="module")
def lesson() -> sentiment.Lesson:
    return sentiment.learn(toy(), toy())


def test_tuning_gradients_are_autograds() -> None:
    rng = np.random.default_rng(0)
    bags = sentiment.bag_of_words(Vocabulary(("a", "b", "c"), np.ones(3)), ["a b", "c c a", "b"])
    dense = torch.tensor(bags.toarray().astype(np.float64))
    assert dense.sum(1).tolist() == pytest.approx([1, 1, 1]) and dense[1, 2].item() == pytest.approx(2 / 3)
    arrays = (rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=1))
    y_N = np.array([0, 1, 1])
    loss, gradients = sentiment.bag_loss_and_gradients(*arrays, bags.astype(np.float64), y_N)
    e, w, b = (torch.tensor(a, requires_grad=True) for a in arrays)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(dense @ e @ w + b, torch.tensor(y_N).double())
    expected.backward()
    assert loss == pytest.approx(expected.item(), abs=1e-7)
    for ours, theirs in zip(gradients, (e, w, b), strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), atol=1e-7)


def test_the_words_that_decide_are_found(lesson: sentiment.Lesson) -> None:
    told = sentiment.telling_words(lesson.model, lesson.vocabulary)
    assert {entry["word"]: entry["weight"] > 0 for entry in told[:2]} == {"sun": True, "rain": False}
    measured = sentiment.measured(lesson)
    assert measured["line"]["accuracy"]["rate"] == measured["network"]["accuracy"]["rate"] == 1.0


def test_pushes_add_up_to_the_answer(lesson: sentiment.Lesson) -> None:
    told = sentiment.explain(lesson.model, "The rain was here, tom and zebra")
    assert [w["word"] for w in told["words"]] == ["the", "rain", "was", "here", "tom"]
    assert told["unknown"] == ["and", "zebra"] and told["class"] == "sad"
    logit = told["start"] + sum(w["push"] for w in told["words"])
    assert told["probability"] == pytest.approx(1 / (1 + np.exp(-logit)))
    assert told["probability"] == pytest.approx(lesson.model.probability([told["text"]])[0])
    assert min(told["words"], key=lambda w: w["push"])["word"] == "rain"


def test_order_of_words_does_not_matter_to_a_mean(lesson: sentiment.Lesson) -> None:
    one, other = lesson.model.probability(["tom was here the sun", "the sun was here tom"])
    assert one == pytest.approx(other)


@pytest.mark.parametrize(
    ("text", "sentence"), [("", "is empty"), ("  \n", "is empty"), ("zebra xylophone", "no word of")]
)
def test_sentences_without_words(lesson: sentiment.Lesson, text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        sentiment.explain(lesson.model, text)


def test_report_and_maps_are_plain_data(lesson: sentiment.Lesson, tmp_path: Path) -> None:
    result = sentiment.report(lesson, ["the sun"], ["sun"])
    assert set(result["measured"]) == {"majority", "line", "network", "frozen"}
    assert set(result["neighbours"]["sun"]) == {"now", "before"}
    maps = sentiment.maps(lesson)
    json.dumps([result, maps], allow_nan=False)
    assert [len(entries) for _, entries in maps] == [len(lesson.vocabulary.words)] * 2
    path = plots.save(plots.words_figure(maps, ("sad", "happy")), tmp_path / "new" / "map.png")
    assert path.read_bytes()[:4] == b"\x89PNG"


def test_not_is_counted_apart() -> None:
    test = Sentences(("not bad", "bad", "it isn't bad"), np.array([1, 0, 1]), ("sad", "happy"), "x")
    found = sentiment.figures_of(np.array([0.1, 0.1, 0.9]), test)
    assert found["with_not"]["rate"] == 0.5 and found["with_not"]["n"] == 2 and found["without_not"]["rate"] == 1.0


def test_another_embedder_can_take_the_words_place() -> None:
    class Letters:
        """Counts of three letters."""

        name = "letters"

        def pieces(self, texts):
            return [(t.split(), np.array([[w.count(c) for c in "sru"] for w in t.split()], float)) for t in texts]

    lesson = sentiment.learn(toy(), toy(), embedder=Letters())
    assert lesson.frozen is None and "frozen" not in sentiment.measured(lesson)
    assert sentiment.explain(lesson.model, "the sun")["class"] == "happy"
