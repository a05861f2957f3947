"""Documents that were seen before: equal ones, nearly equal ones, and how well MinHash estimates that."""

import json
import random
from pathlib import Path

import pytest

from firstwords.config import UserError
from firstwords.data.source_stats import SourceStats
from firstwords.data.sources import documents


def read(path: Path, **options):
    stats = SourceStats()
    return list(documents([str(path)], stats, **options)), stats


def _story(seed, length=200):
    rng = random.Random(seed)
    return [
        rng.choice(["fox", "hen", "wood", "red", "ran", "saw", "house", "old", "king", "the"]) for _ in range(length)
    ]


def test_dedup(tmp_path):
    story = _story(1)
    near = story.copy()
    near[100] = "changed"
    half = story[:100] + _story(2, 100)
    texts = [
        " ".join(story),
        "\n".join(story),
        " ".join(near),
        " ".join(half),
        " ".join(_story(3)),
        "short",
        "short",
    ]
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"text": text} for text in texts]), encoding="utf-8")
    assert read(path)[0] == texts
    found, stats = read(path, dedup="exact")
    assert found == [texts[0], *texts[2:6]] and stats.duplicates == 2
    found, stats = read(path, dedup="near")
    assert found == [texts[0], *texts[3:6]]
    assert (stats.duplicates, stats.near_duplicates) == (2, 1)
    assert "2 duplicates, 1 near-duplicate" in stats.summary()
    with pytest.raises(UserError, match="none, exact or near"):
        read(path, dedup="fuzzy")


def test_minhash_estimates_the_jaccard_similarity():
    from firstwords.data.dedup import NearIndex

    index = NearIndex()
    words = _story(4, 10_000)  # more than one block
    for changed in (0, 50, 300, 1000):
        other = words.copy()
        for place in random.Random(changed).sample(range(len(words)), changed):
            other[place] = f"new{place}"
        one, two = ({tuple(w[n : n + 5]) for n in range(len(w) - 4)} for w in (words, other))
        estimate = (index.signature(words) == index.signature(other)).mean()
        assert estimate == pytest.approx(len(one & two) / len(one | two), abs=0.13)
