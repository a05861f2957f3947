"""Held-out text: which documents, how many of them, and that training never sees them."""

import os
from pathlib import Path

import pytest

from firstwords.data.holdout import split_holdout
from firstwords.data.sources import documents

DATA = Path(os.environ.get("FIRSTWORDS_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def split(texts, **options):
    train, held = split_holdout(iter(texts), **options)
    return list(train), held


def test_holdout_of_many_documents():
    texts = [f"document {n} " * 50 for n in range(2000)]
    train, held = split(texts)
    assert train + held != texts and sorted(train + held) == sorted(texts)
    size = sum(map(len, texts))
    assert 0.005 * size < sum(map(len, held)) < 0.02 * size
    assert split(texts) == (train, held)
    assert set(split(texts[::-1])[1]) == set(held)  # which ones does not depend on the order


def test_holdout_of_a_stream_longer_than_the_look_ahead():
    texts = [f"document {n} " * 20 for n in range(3000)]
    train, held = split([*texts, *texts], look_ahead=20_000, max_chars=4_000)
    assert held and sum(map(len, held)) <= 4_000
    assert not set(train) & set(held)  # copies of held-out documents are not trained on either
    assert len(set(train)) == len(texts) - len(held)


def test_holdout_of_a_long_stream_of_long_documents():
    texts = [f"{n}: " + f"A line of text {n}.\n" * 5000 for n in range(40)]
    train, held = split([*texts, texts[0]], look_ahead=200_000, max_chars=8_000)
    assert 6_000 < sum(map(len, held)) <= 8_000 and len(held) > 5
    whole = [head + tail for head, tail in zip(train, held, strict=False)]
    assert whole + train[len(held) : -1] == texts
    assert train[-1] == train[0]  # the copy's tail is not trained on either


@pytest.mark.parametrize("num_texts", [1, 2, 3])
def test_holdout_of_few_long_documents_is_a_passage_from_the_middle(num_texts):
    texts = [f"{n}: " + "A line of a long text.\n" * 3000 for n in range(num_texts)]
    train, held = split(texts)
    middle = num_texts // 2 + 1 - (num_texts == 2)
    assert "".join([*train[:middle], *held, *train[middle:]]) == "".join(texts)
    assert len(train) == num_texts + num_texts % 2  # the document in the middle became two, or two gave end and begin
    assert len(held) == 2 - num_texts % 2
    assert 0.005 < len("".join(held)) / len("".join(texts)) <= 0.1
    assert held[0].startswith("A line") and held[-1].endswith("text.\n")  # cut at lines


def test_holdout_of_few_short_documents_is_the_middle_of_them():
    texts = [f"document {n} " * 10 for n in range(30)]
    train, held = split(texts)
    assert train[0] == texts[0] and train[-1] == texts[-1]  # the end is learned: whoever asks to go on, asks there
    assert sum(map(len, train)) + sum(map(len, held)) == sum(map(len, texts))
    assert 0.05 < len("".join(held)) / len("".join(texts)) <= 0.1


@pytest.mark.parametrize("text", ["x" * 300, "word " * 60, "line\n" * 60, "\n" + "x" * 299])
def test_holdout_of_a_text_with_or_without_lines_loses_nothing(text):
    train, held = split([text])
    assert len(train) == 2 and len(held) == 1
    assert train[0] + held[0] + train[1] == text and 10 < len(held[0]) <= 30


def test_holdout_beside_a_giant_document():
    texts = ["giant " * 20_000, *(f"document {n}" for n in range(99))]
    train, held = split(texts)
    assert texts[0] in train and 0 < len(held) < 99


def test_holdout_of_a_tiny_text():
    train, held = split(["one two three four five six seven eight nine ten eleven twelve"])
    assert train and held and len(held[0]) < 10
    assert split(["x"]) == (["x"], [])


# ---- copies ------------------------------------------------------------------------------------------------


def key(text):
    return " ".join(text.split()).casefold()


def assert_apart(train, held, texts):
    """No copy on both sides, each held-out text once, and every other text as often as it was there."""
    assert not {key(t) for t in train} & {key(t) for t in held}
    assert len({key(t) for t in held}) == len(held)
    out = {key(t) for t in held}
    assert train == [t for t in texts if key(t) not in out]


def copies_12():
    """t_copies_12.jsonl: 200 different rows, each 12 times."""
    return [f"The heron number {n} waits beside the mill and looks at the water." for n in range(200)] * 12


def test_case_copies_12():
    texts = copies_12()
    train, held = split(texts)
    assert_apart(train, held, texts)
    assert 15 <= len(held) <= 21  # about a tenth of the different rows


@pytest.mark.parametrize("num_copies", [1, 2, 9, 12, 50])
def test_the_share_does_not_depend_on_the_number_of_copies(num_copies):
    different = [f"document {n} " * 5 for n in range(200)]
    train, held = split(different * num_copies)
    assert held == split(different)[1]
    assert_apart(train, held, different * num_copies)


def test_copies_with_other_white_space_and_case():
    different = [f"The heron number {n} waits. " * 5 for n in range(300)]
    forms = (str, str.upper, lambda t: t.replace(" ", "\n\n"), lambda t: f"  {t}\t")
    texts = [form(text) for form in forms for text in different]
    train, held = split(texts)
    assert_apart(train, held, texts)
    assert 0.05 * 300 <= len(held) <= 31
    assert_apart(*split(texts, look_ahead=1000, max_chars=5_000), texts)  # the same in a stream


def test_copies_of_which_many_begin_alike():
    """In a stream the beginnings of texts are compared first; they alone do not make copies."""
    same = "The heron waits beside the mill, as every morning, and looks at the water in the Straße. " * 2
    different = [f"{same}{n} " * 5 for n in range(3000)]
    texts = [text for one in different for text in (one, one.upper(), one.replace(" ", "   "))]
    train, held = split(texts, look_ahead=20_000, max_chars=20_000)
    assert len(held) > 10
    assert_apart(train, held, texts)


def test_copies_that_stop_fitting_into_the_share_of_a_stream():
    """A long one that no longer fits goes to training; its shorter copy must not be held out afterwards."""
    different = [f"document {n} " * 40 for n in range(3000)]
    texts = [text for one in different for text in (one.replace(" ", " " * 9), one)]
    train, held = split(texts, look_ahead=10_000, max_chars=6_000, share=0.05)
    assert held
    assert_apart(train, held, texts)


@pytest.mark.parametrize("num_copies", [2, 3, 12])
def test_a_novel_that_is_there_several_times(num_copies):
    novel = "".join(f"Chapter {n}. The heron waits beside the mill, for the {n}th time.\n" for n in range(3000))
    train, held = split([novel, novel.replace("\n", "\r\n").upper(), *[novel] * (num_copies - 2)])
    passage = "".join(held)
    assert 0.05 < len(passage) / len(novel) <= 0.1 and passage in novel
    assert not any(passage.splitlines()[5].casefold() in text.casefold() for text in train)
    assert "".join([train[0], passage, train[1]]) == novel


def test_tails_of_copies_in_a_stream():
    novel = "".join(f"Chapter {n}. The heron waits beside the mill, for the {n}th time.\n" for n in range(3000))
    texts = [novel, novel, novel.replace("\n", "\n\n"), novel.upper()]
    train, held = split(texts, look_ahead=100_000, max_chars=50_000)
    assert len(held) == 1 and len(train) == 4 and train[0] == train[1]
    last = held[0].splitlines()[0].casefold()
    assert train[0] + held[0] == novel and not any(last in text.casefold() for text in train)


def test_memory_of_a_long_stream_is_bounded():
    import tracemalloc

    tracemalloc.start()
    train, _ = split_holdout((f"document {n} " * 20 for n in range(150_000)), look_ahead=1_000_000)
    size = sum(map(len, train))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 40_000_000 and peak < 6_000_000


def test_holdout_of_real_text():
    path = DATA / "text" / "tinyshakespeare.txt"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    train, held = split(documents([str(path)]))
    text = path.read_text()
    passage = "".join(held)
    assert "".join(train) == text.replace(passage, "", 1) and text.endswith(train[-1])
    assert 0.01 * len(text) < len("".join(held)) < 0.1 * len(text)
