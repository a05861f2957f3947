"""Writing over the page's API: outline, candidates as they are generated, measures, and mistakes."""

from __future__ import annotations

from typing import Any

from page_helpers import User, parse

pytest_plugins = ("page_fixtures",)
BRIEF = {"model": "pip/sft", "topic": "a dog", "words": ["cat", "xylophone"]}
HOW = {"best": 3, "temperature": 1.0, "seed": 3}


def written(user: User, **body: Any) -> list[tuple[str, Any]]:
    answer = user.client.post("/api/write/paragraph", headers=user.headers, json=BRIEF | HOW | body)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/event-stream")
    return parse(answer.text)


def test_an_outline_or_why_there_is_none(page_anna: User) -> None:
    found = page_anna.post("/api/write/outline", BRIEF)
    assert found["outline"] == [] and found["by"] == "none" and "does not follow one" in found["note"]
    assert (found["parts"], found["asked_words"], found["has_reward"]) == (3, [60, 180], False)
    found = page_anna.post("/api/write/outline", BRIEF | {"outline": "model", "seed": 1})
    assert len(found["outline"]) == 3 and found["by"] in ("model", "program")
    found = page_anna.post("/api/write/outline", BRIEF | {"outline": "program", "ending": "sad"})
    assert found["outline"][-1] == "A sad ending."


def test_candidates_grow_and_the_best_is_named(page_anna: User) -> None:
    events = written(page_anna)
    (kind, done), grown = events[-1], [data for name, data in events if name == "text"]
    assert kind == "done" and len(done["candidates"]) == 3 and {data["candidate"] for data in grown} == {0, 1, 2}
    for place, candidate in enumerate(done["candidates"]):
        last = [data["text"] for data in grown if data["candidate"] == place][-1]
        assert candidate["text"] == last and candidate["logprob"] < 0 and candidate["words"] > 0
    rank = [(len(each["used"]), each["repetition"] <= 0.2, each["logprob"]) for each in done["candidates"]]
    assert rank[done["chosen"]] == max(rank)
    assert written(page_anna)[-1] == events[-1]  # the same seed
    # the same as the library writes
    from firstwords import api
    from firstwords.writing.brief import Brief
    from firstwords.writing.plan import Plan
    from firstwords.writing.writer import Choice, Writer

    writer = Writer(api.load("pip/sft"), Choice(3, temperature=1.0), 3)
    paragraph = writer.paragraph(Plan(Brief("a dog", words=("cat", "xylophone")), is_small=True), [])
    assert paragraph is not None and [each.text for each in paragraph.candidates] == [
        each["text"] for each in done["candidates"]
    ]
    after = written(page_anna, before=["The cat is on the mat."], outline=["A cat.", "A dog."])[-1]
    assert after[0] == "done" and after[1]["candidates"][0]["used"] in ([], ["xylophone"])  # cat has occurred


def test_measures(page_anna: User) -> None:
    body = {"paragraphs": ["The cat ran to the house.", "The cat ran to the moon."], "words": ["cat", "dog"]}
    found = page_anna.post("/api/write/measures", body)
    assert found["paragraphs"] == [6, 6] and found["words"] == 12 and found["missing"] == ["dog"]
    assert 0 < found["repetition"] < 1


def test_mistakes(page_anna: User) -> None:
    for path, body, message in (
        ("outline", {"topic": " "}, "the topic is empty"),
        ("outline", {"model": "pip/base"}, "has not learned to answer"),
        ("outline", {"outline": "yes"}, "unknown outline"),
        ("paragraph", {"best": 99}, "best is 99"),
        ("paragraph", {"by": "reward"}, "has no reward model"),
        ("paragraph", {"words": ["a b"]}, "not a single word"),
        ("paragraph", {"outline": ["x"] * 13}, "13 points"),
    ):
        error = page_anna.post(f"/api/write/{path}", BRIEF | body, 400)["error"]
        assert message in error["message"], error
    assert page_anna.client.post("/api/write/outline", json=BRIEF).status_code == 401
