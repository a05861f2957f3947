"""The routes of the ladder: their figures are those of `firstwords.classify`, and mistakes get one sentence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from page_helpers import until
from starlette.testclient import TestClient

from firstwords.classify import network, sentiment, shapes, songs
from firstwords.serve import ladder
from firstwords.serve.app import create_app
from firstwords.serve.errors import ApiError
from firstwords.serve.settings import Settings

BASE = "http://127.0.0.1:8000/api/ladder"


@pytest.fixture(scope="module")
def ladder_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server without any model: the ladder needs none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRSTWORDS_HOME", str(tmp_path_factory.mktemp("ladder")))
        with TestClient(create_app(Settings()), base_url=BASE) as client:
            yield client


@pytest.fixture(scope="module")
def ladder_rows(ladder_client: TestClient) -> list[dict[str, Any]]:
    """The twenty songs as /line takes them."""
    rows = ladder_client.get("/songs").json()["songs"]
    return [{key: row[key] for key in ("tempo", "energy", "genre")} for row in rows]


@pytest.fixture(scope="module")
def ladder_lesson(ladder_client: TestClient) -> dict[str, Any]:
    """The lesson in words, learned."""

    def ready() -> Any:
        state = ladder_client.get("/sentiment").json()
        assert state["state"] in ("learning", "ready"), state
        return state if state["state"] == "ready" else None

    return until(ready, seconds=240)


def ask(client: TestClient, path: str, status: int = 200, **body: Any) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json() if status == 200 else answer.json()["error"]["message"]


def test_line_is_what_classify_says(ladder_client: TestClient, ladder_rows: list[dict[str, Any]]) -> None:
    found = ask(ladder_client, "/line", rows=ladder_rows, new={"tempo": 95, "energy": 0.8})
    table = songs.songs()
    fitted = songs.fit(table)
    assert {key: found[key] for key in ("line", "measured", "new")} == {
        key: value for key, value in songs.report(table, [(95, 0.8)]).items() if key in ("line", "measured", "new")
    }
    frame, p = found["frame"], np.array(found["grid"])
    corner = np.array([[frame["x"][0], frame["y"][0]], [frame["x"][1], frame["y"][0]]])
    assert p[0, [0, -1]] == pytest.approx(fitted.probability(corner), abs=1e-4)
    assert p.shape == (56, 56)


def test_a_song_more_moves_the_line_and_the_frame_only_when_it_must(
    ladder_client: TestClient, ladder_rows: list[dict[str, Any]]
) -> None:
    before = ask(ladder_client, "/line", rows=ladder_rows)
    near = ask(ladder_client, "/line", rows=[*ladder_rows, {"tempo": 110, "energy": 0.2, "genre": "reggaeton"}])
    far = ask(ladder_client, "/line", rows=[*ladder_rows, {"tempo": 180, "energy": 0.2, "genre": "reggaeton"}])
    assert near["line"]["weights"] != before["line"]["weights"] and near["counts"]["reggaeton"] == 11
    assert near["frame"] == before["frame"] and far["frame"]["x"][1] == 180


@pytest.mark.parametrize("kind", ["songs", "moons", "spiral"])
def test_network_is_what_classify_says(kind: str, ladder_client: TestClient, ladder_rows: list[dict[str, Any]]) -> None:
    found = ask(ladder_client, "/network", set=kind, rows=ladder_rows, layers=2, width=4)
    table = songs.songs() if kind == "songs" else shapes.SHAPES[kind]()
    learned = network.fit(table, 2, 4)
    assert found["curve"] == learned.curve and found["parameters"] == learned.num_parameters
    assert found["right"] == np.mean((learned.probability(table.x_NF) > 0.5) == table.y_N)
    assert np.array(found["bent"]["points"]) == pytest.approx(
        np.array(network.bent(learned, table)[-1]["points"]), abs=1e-4
    )
    assert found["labels"] == table.y_N.tolist()


def test_layers_bend_what_a_line_cannot_separate(ladder_client: TestClient) -> None:
    flat = ask(ladder_client, "/network", set="spiral", layers=0)
    deep = ask(ladder_client, "/network", set="spiral", layers=2)
    assert flat["bent"] is None and flat["right"] < 0.75 < 0.95 < deep["right"]
    assert not np.allclose(flat["grid"], deep["grid"], atol=0.2)


def test_unseen_rows_are_measured(ladder_client: TestClient, ladder_rows: list[dict[str, Any]]) -> None:
    found = ask(ladder_client, "/network/unseen", set="songs", rows=ladder_rows, layers=1, width=2)
    assert found["folds"] == 5 and found["network"]["accuracy"]["n"] == 20
    assert found["line"] == songs.report(songs.songs())["measured"]["line"]


def test_words_are_learned_once_and_judge(ladder_client: TestClient, ladder_lesson: dict[str, Any]) -> None:
    assert ladder_lesson["classes"] == ["sad", "happy"] and len(ladder_lesson["maps"]) == 2
    assert all(len(drawn["words"]) > 100 for drawn in ladder_lesson["maps"])
    assert ladder_lesson["measured"]["accuracy"]["rate"] > 0.8
    found = ask(ladder_client, "/sentiment", text="What a lovely day!")
    assert found["class"] == "happy" and found["probability"] > 0.8
    total = found["start"] + sum(word["push"] for word in found["words"])
    assert songs.sigmoid(np.array(total)) == pytest.approx(found["probability"])
    model = ladder_client.app.state.words.lesson().model  # type: ignore[attr-defined]
    assert found == sentiment.explain(model, "What a lovely day!")


def test_neighbours_before_and_after(ladder_client: TestClient, ladder_lesson: dict[str, Any]) -> None:
    found = ask(ladder_client, "/neighbours", word="Lovely,")
    assert found["word"] == "lovely" and found["weight"] > 0
    assert len(found["now"]) == len(found["before"]) == 8 and found["now"] != found["before"]
    assert "did you mean" in ask(ladder_client, "/neighbours", 400, word="lovelyy")


def test_words_before_they_are_learned(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no words today")

    monkeypatch.setattr(sentiment, "learn", fail)
    with TestClient(create_app(Settings()), base_url=BASE) as client:
        assert "still being learned" in ask(client, "/sentiment", 409, text="What a day!")
        assert "still being learned" in ask(client, "/neighbours", 409, word="day")
        assert client.get("/sentiment").json()["state"] == "learning"
        until(lambda: client.app.state.words.progress.state == "failed")  # type: ignore[attr-defined]
        assert "no words today" in client.get("/sentiment").json()["says"]
        assert client.app.state.words.progress.state == "learning"  # type: ignore[attr-defined]


class Client:
    """A request as far as the desk looks at it."""

    def __init__(self, is_gone: bool = False) -> None:
        self.is_gone = is_gone

    async def is_disconnected(self) -> bool:
        return self.is_gone


def test_one_computation_at_a_time_and_none_for_who_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most, done = 0, 0, []

    def compute(name: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        time.sleep(0.1)
        running -= 1
        done.append(name)

    async def ask(desk: ladder.Desk, name: str, is_gone: bool = False) -> None:
        try:
            await desk.compute(Client(is_gone), compute, name)  # type: ignore[arg-type]
        except ApiError as error:
            assert error.status == 503
            done.append(f"no {name}")

    async def several() -> None:
        desk = ladder.Desk()
        async with anyio.create_task_group() as group:
            for name in ("one", "two"):
                group.start_soon(ask, desk, name)
            group.start_soon(ask, desk, "gone", True)

    anyio.run(several)
    assert sorted(done) == ["no gone", "one", "two"] and most == 1
    done.clear()
    monkeypatch.setattr(ladder, "MAX_WAIT", 0.02)
    anyio.run(several)
    assert len([name for name in done if name.startswith("no ")]) == 2


def test_mistakes_get_one_sentence(
    ladder_client: TestClient, ladder_rows: list[dict[str, Any]], ladder_lesson: dict[str, Any]
) -> None:
    one = [row for row in ladder_rows if row["genre"] == "r&b"]
    for path in ("/line", "/network", "/network/unseen"):
        assert "the plot has 0 usable rows of reggaeton" in ask(ladder_client, path, 400, rows=one)
        assert "the plot has 0 usable rows" in ask(ladder_client, path, 400, rows=[])
        assert "rows" in ask(ladder_client, path, 400, rows=ladder_rows * 11)
        assert "genre" in ask(
            ladder_client, path, 400, rows=[*ladder_rows, {"tempo": 90, "energy": 0.5, "genre": "polka"}]
        )
        assert "tempo" in ask(
            ladder_client, path, 400, rows=[*ladder_rows, {"tempo": 1e9, "energy": 0.5, "genre": "r&b"}]
        )
    for wrong in ({"layers": 5}, {"width": 0}, {"width": 17}, {"set": "circle"}, {"layers": "many"}):
        assert next(iter(wrong)) in ask(ladder_client, "/network", 400, rows=ladder_rows, **wrong)
    assert "empty" in ask(ladder_client, "/sentiment", 400, text="  ")
    assert "no word of" in ask(ladder_client, "/sentiment", 400, text="xyzzy")
    assert "text" in ask(ladder_client, "/sentiment", 400, text="a" * 2001)
