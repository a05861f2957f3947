"""Whole transcripts of the ladder's commands: what they print, draw and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """Sixty sentences whose last word decides."""
    rows = [f"the film number {i} was {'lovely' if i % 2 else 'dull'},{i % 2}" for i in range(60)]
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def is_png(path: str) -> bool:
    return Path(path).read_bytes()[:4] == b"\x89PNG"


def test_songs_in_one_json_object(firstwords, empty_home: Path) -> None:
    code, out, err = firstwords("classify", "songs", "--new", "95,0.8", "70,0.3", "--json")
    result = json.loads(out)
    assert code == 0 and err == "" and out.count("\n") == 1
    assert result["counts"] == {"r&b": 10, "reggaeton": 10}
    assert [row["class"] for row in result["new"]] == ["reggaeton", "r&b"]
    w, b = result["line"]["weights"], result["line"]["bias"]
    logit = 95 * w[0] + 0.8 * w[1] + b
    assert result["new"][0]["probability"] == pytest.approx(1 / (1 + 2.718281828459045**-logit))
    assert result["plot"] == str(empty_home / "plots" / "songs-line.png") and is_png(result["plot"])


def test_songs_for_people(firstwords, empty_home: Path, tmp_path: Path) -> None:
    code, out, err = firstwords("classify", "songs", "--new", "95,0.8", "--plots", tmp_path / "pictures")
    assert code == 0 and "> 11 means reggaeton" in out and "the line itself: energy = " in out
    assert "always the larger class" in out and "tempo 95, energy 0.8: 8" in out
    assert "firstwords classify sentiment" in err and (tmp_path / "pictures" / "songs-line.png").exists()


def test_a_file_of_ones_own(firstwords, empty_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "fruit.csv"
    rows = [f"{5 + i % 4},{60 + i},plum\n{8 + i % 4},{120 + i},apple" for i in range(8)]
    path.write_text("size,weight,kind\n" + "\n".join(rows) + "\nbig,1,apple\n", encoding="utf-8")
    code, out, err = firstwords("classify", "songs", "--data", path, "--compare")
    assert code == 0 and "scikit-learn's MLP" in out and "means plum" in out
    assert "left out 1 unusable row" in err and "fruit.csv:18: size is 'big', not a number" in err


def test_network_beside_the_line(firstwords, empty_home: Path) -> None:
    words = ("classify", "network", "--data", "moons", "--layers", "1", "--steps", "300")
    code, out, err = firstwords(*words, "--json")
    result = json.loads(out)["sets"]["moons"]
    figures = {arm: result["measured"][arm]["accuracy"]["rate"] for arm in ("line", "network")}
    assert code == 0 and figures["network"] > figures["line"] and is_png(result["plot"])
    assert [step["layers"] for step in result["steps"]] == [0, 1]
    assert result["steps"][1]["curve"][-1]["loss"] < result["steps"][0]["curve"][-1]["loss"]
    code, out, err = firstwords(*words)
    assert code == 0 and "the network" in out and 'firstwords next "The cat is"' in err


def test_sentiment_from_a_file(firstwords, empty_home: Path, reviews: Path) -> None:
    words = ("classify", "sentiment", "a lovely zebra", "--train", reviews, "--near", "lovely", "--json")
    code, out, _ = firstwords(*words)
    result = json.loads(out)
    assert code == 0 and result["classes"] == ["negative", "positive"]
    answer = result["answers"][0]
    assert answer["class"] == "positive" and answer["unknown"] == ["a", "zebra"] and len(answer["words"]) == 1
    assert result["measured"]["line"]["accuracy"]["rate"] == 1.0 and "zero_shot" not in result
    assert set(result["neighbours"]) == {"lovely"} and is_png(result["plot"])


def test_sentiment_shows_words_and_bars(firstwords, empty_home: Path, reviews: Path) -> None:
    code, out, err = firstwords("classify", "sentiment", "so the film was dull", "--train", reviews)
    assert code == 0 and "negative, " in out and "dull ██████████████████|" in out
    assert "unknown, left out: so" in out and "firstwords classify network" in err


def test_a_models_hidden_states_and_its_own_answer(firstwords, own_home: Path, reviews: Path) -> None:
    code, out, _ = firstwords(
        "classify",
        "sentiment",
        "the film was dull",
        "--train",
        reviews,
        "--embeddings",
        "pip/base",
        "--zero-shot",
        "pip/sft",
        "--json",
    )
    result = json.loads(out)
    assert code == 0 and result["embeddings"] == {"name": "pip/base", "dimensions": 64}
    assert [w["word"] for w in result["answers"][0]["words"]] == ["the", "film", "was", "dull"]
    assert result["zero_shot"]["model"] == "pip/sft" and result["zero_shot"]["accuracy"]["n"] > 0
    assert result["zero_shot"]["answers"][0]["text"] == "the film was dull"


def test_hidden_states_and_reply_logprobs_are_the_models(own_home: Path) -> None:
    """Batched and padded = each text alone; a reply's score = the sum of its tokens' log-probabilities."""
    import numpy as np
    import torch

    from firstwords import api
    from firstwords.commands.classify import embedder as classify_model
    from firstwords.tokenizer.prompts import text_ids

    loaded = api.load("pip/base")
    texts = ["The cat is on the mat.", "is it blue?", "", "The dog " * 300]
    found = classify_model.HiddenStates(loaded).pieces(texts)
    for text, (names, vectors) in zip(texts[:2], found, strict=False):
        ids = text_ids(loaded.tokenizer, " " + text)
        with torch.no_grad():
            states = loaded.model.hidden(torch.tensor([ids]))[0, 1:].numpy()
        assert names == text.split() and len(vectors) == len(names)
        first = len(loaded.tokenizer.encode(" " + names[0]))
        np.testing.assert_allclose(vectors[0], states[:first].mean(0), atol=1e-5)
    assert found[2][0] == [] and 0 < len(found[3][0]) < 300, "cut to the context"
    rows = [loaded.tokenizer.encode(text) for text in texts[:2]]
    sums = classify_model.reply_logprobs(loaded.model, rows, [3, 2])
    for row, start, total in zip(rows, (3, 2), sums, strict=True):
        with torch.no_grad():
            logprobs = torch.log_softmax(loaded.model(torch.tensor([row]))[0], -1)
        assert total == pytest.approx(sum(float(logprobs[t - 1, row[t]]) for t in range(start, len(row))), abs=1e-4)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["songs", "--new", "95"], "--new 95: give one number each for tempo and energy"),
        (["songs", "--columns", "a", "b"], "--columns needs a file"),
        (["songs", "--data", "/no/such.csv"], "/no/such.csv does not exist"),
        (["sentiment", ""], "the sentence is empty"),
        (["sentiment", "--test", "x.csv"], "--test needs --train"),
        (["sentiment", "x", "--train", "/no/such.csv"], "/no/such.csv does not exist"),
        (["sentiment", "x", "--embeddings", "pop"], "did you mean pip?"),
        (["sentiment", "x", "--zero-shot", "pip/base"], "answers no questions"),
        (["sentiment", "x", "--zero-shot", "pip", "--question", "Well?"], "lacks {text}"),
        (["sentiment", "x", "--zero-shot", "pip", "--answers", "yes"], "--answers has 1 words"),
        (["network", "--layers", "99"], "--layers is 99"),
        (["network", "--width", "0"], "--width is 0"),
        (["network", "--steps", "0"], "--steps is 0"),
        (["network", "--data", "circle"], "use songs, moons, spiral or a CSV file"),
        (["network", "--new", "1,2"], "--new belongs to one set"),
        (["song"], "did you mean classify songs?"),
    ],
)
def test_mistakes_are_one_sentence(firstwords, own_home: Path, words: list[str], sentence: str) -> None:
    code, out, err = firstwords("classify", *words)
    assert code == 2 and out == "" and sentence in err and err.count("\n") <= 2


def test_unknown_words_only(firstwords, empty_home: Path, reviews: Path) -> None:
    code, out, err = firstwords("classify", "sentiment", "zebra xylophone", "--train", reviews)
    assert code == 2 and 'no word of "zebra xylophone" occurs' in err and out == ""


def test_a_folder_that_is_a_file(firstwords, empty_home: Path, reviews: Path) -> None:
    code, _, err = firstwords("classify", "songs", "--plots", reviews)
    assert code == 2 and "is a file; name a folder" in err


def test_from_python() -> None:
    from firstwords.classify import songs

    assert songs.fit(songs.songs()).probability([[95, 0.8]])[0] > 0.5
