"""Pages of other sites (--allow-origin), HEAD and OPTIONS, doubled slashes, and paths that are no route."""

from __future__ import annotations

import json
import re

import pytest
from starlette.testclient import TestClient

from firstwords.config import UserError
from firstwords.serve import errors
from firstwords.serve.app import create_app
from firstwords.serve.guard.origins import parse_origins
from firstwords.serve.guard.security import COOKIE
from firstwords.serve.settings import Settings

KEY = "a-key-of-sixteen"
FRIEND, STRANGER = "http://localhost:3000", "http://evil.test"
CHAT = {"model": "pip", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
CORS = ("access-control-allow-origin", "access-control-expose-headers", "access-control-allow-credentials")


def start(**settings) -> TestClient:
    return TestClient(create_app(Settings(**settings)), base_url="http://127.0.0.1:8000")


@pytest.fixture
def client(pip_home, one_thread):
    with start() as client:
        yield client


@pytest.fixture
def friendly(pip_home, one_thread):
    with start(allowed_origins=parse_origins([FRIEND, "chrome-extension://abcdef"])) as client:
        yield client


def cross(origin: str, **more: str) -> dict[str, str]:
    """The headers of a request that a browser sends for a page of another site."""
    return {"origin": origin, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors", **more}


def preflight(client: TestClient, origin: str, path: str = "/v1/chat/completions", **more: str):
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-stainless-os"}
    return client.options(path, headers=cross(origin) | asked | more)


def is_closed(response) -> bool:
    return not [name for name in response.headers if name.startswith("access-control")]


# -- other sites ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [FRIEND, "HTTP://LOCALHOST:3000", "chrome-extension://abcdef"])
def test_an_allowed_site_reads_answers_streams_and_errors(friendly, origin) -> None:
    bodies = [CHAT, CHAT | {"stream": True}, CHAT | {"temperature": -1}, CHAT | {"model": "nobody"}]
    statuses = []
    for body in bodies:
        response = friendly.post("/v1/chat/completions", json=body, headers=cross(origin))
        statuses.append(response.status_code)
        assert response.headers["access-control-allow-origin"] == origin
        assert response.headers["vary"] == "Origin"
        assert "X-Request-Id" in response.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in response.headers
    assert statuses == [200, 200, 400, 404]
    assert friendly.get("/v1/models", headers=cross(origin)).headers["access-control-allow-origin"] == origin
    plain = cross(origin) | {"content-type": "text/plain"}
    refused = friendly.post("/v1/chat/completions", content="{}", headers=plain)
    assert refused.status_code == 415 and refused.headers["access-control-allow-origin"] == origin


def test_a_preflight_is_answered_before_the_key_is_asked_for(pip_home, one_thread) -> None:
    with start(allowed_origins=(FRIEND,), keys={KEY: "anna"}) as client:
        answer = preflight(client, FRIEND)
        assert answer.status_code == 204 and answer.headers["access-control-allow-origin"] == FRIEND
        assert answer.headers["access-control-allow-headers"] == "authorization,x-stainless-os"
        assert "POST" in answer.headers["access-control-allow-methods"]
        private = preflight(client, FRIEND, **{"access-control-request-private-network": "true"})
        assert private.headers["access-control-allow-private-network"] == "true"
        without = client.post("/v1/chat/completions", json=CHAT, headers=cross(FRIEND))
        assert without.status_code == 401 and without.headers["access-control-allow-origin"] == FRIEND
        given = cross(FRIEND, authorization=f"Bearer {KEY}")
        assert client.post("/v1/chat/completions", json=CHAT, headers=given).status_code == 200


def test_a_cookie_of_the_page_is_no_key_for_another_site(pip_home, one_thread) -> None:
    with start(allowed_origins=(FRIEND,), keys={KEY: "anna"}) as client:
        cookie = client.app.state.sessions.open(KEY)
        own = {"cookie": f"{COOKIE}={cookie}"}
        assert client.get("/v1/models", headers=own).status_code == 200
        assert client.get("/v1/models", headers=own | cross(FRIEND)).status_code == 401
        assert client.post("/v1/chat/completions", json=CHAT, headers=own | cross(FRIEND)).status_code == 401


@pytest.mark.parametrize(
    "origin",
    [
        STRANGER,
        "null",
        "http://localhost:3001",
        "https://localhost:3000",
        "http://localhost:3000.evil.test",
        "http://evil.test/http://localhost:3000",
        "chrome-extension://other",
        "*",
    ],
)
def test_everybody_else_is_refused_as_before(friendly, origin) -> None:
    response = friendly.post("/v1/chat/completions", json=CHAT, headers=cross(origin))
    assert response.status_code == 403 and is_closed(response)
    asked = preflight(friendly, origin)
    assert asked.status_code == 403 and is_closed(asked)
    assert is_closed(friendly.get("/v1/models", headers=cross(origin)))
    assert friendly.app.state.worker.num_tokens == 0
    message = response.json()["error"]["message"]
    assert (f"--allow-origin {origin}" in message) == (origin != "null")


@pytest.mark.parametrize("allowed", [(FRIEND,), ("*",)])
def test_the_pages_own_routes_answer_no_other_site(pip_home, one_thread, allowed) -> None:
    with start(allowed_origins=allowed) as client:
        for path in ("/api/chats", "http://127.0.0.1:8000//api//chats", "/api/session", "/api"):
            posted = client.post(path, json={}, headers=cross(FRIEND))
            assert posted.status_code == 403 and is_closed(posted), path
            assert is_closed(client.get(path, headers=cross(FRIEND)))
            assert preflight(client, FRIEND, path).status_code == 403


def test_every_site_where_that_was_asked_for(pip_home, one_thread) -> None:
    with start(allowed_origins=("*",)) as client:
        for origin in (STRANGER, "null"):
            response = client.post("/v1/chat/completions", json=CHAT, headers=cross(origin))
            assert response.status_code == 200 and response.headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in response.headers
            assert preflight(client, origin).headers["access-control-allow-origin"] == "*"
        other_name = client.get("/v1/models", headers=cross(STRANGER) | {"host": "evil.test"})
        assert other_name.status_code == 400  # another name for this machine stays refused


def test_without_the_flag_there_is_no_cors(client) -> None:
    answer = preflight(client, STRANGER)
    assert answer.status_code == 403 and is_closed(answer) and "vary" not in answer.headers
    assert f"--allow-origin {STRANGER}" in answer.json()["error"]["message"]


def test_a_header_in_a_preflight_cannot_be_forged(friendly) -> None:
    for wanted in ("x\x00y", "a: b", "x" * 3000):
        answer = preflight(friendly, FRIEND, **{"access-control-request-headers": wanted})
        assert answer.status_code == 204 and "access-control-allow-headers" not in answer.headers


def test_origins_are_written_as_browsers_write_them() -> None:
    given = ["http://LOCALHOST:3000/", "http://localhost:3000", "https://a.test:443", "http://b.test:80", "*"]
    assert parse_origins(given) == ("http://localhost:3000", "https://a.test", "http://b.test", "*")


@pytest.mark.parametrize(
    "word",
    [
        "",
        "localhost:3000",
        "http://",
        "http://a.test/path",
        "null",
        "*.a.test",
        "http://*.a.test",
        "http://a b",
        "http://me@a.test",
        "http://a?b",
    ],
)
def test_other_words_are_no_origins(word) -> None:
    with pytest.raises(UserError, match="is not an origin"):
        parse_origins([word])


# -- HEAD and OPTIONS -------------------------------------------------------------------------------------------------


def test_head_is_get_without_a_body_on_every_route(client) -> None:
    listed = client.app.openapi()["paths"].items()
    paths = [re.sub(r"{.*?}", "pip", path) for path, methods in listed if "get" in methods]
    paths = [path for path in paths if not path.endswith(("/stream", "/events"))]
    assert len(paths) > 10
    for path in [*paths, "/", "/models", "/assets/favicon.svg", "/favicon.ico", "/openapi.json", "/nowhere"]:
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert head.headers["content-type"] == got.headers["content-type"], path
    assert client.head("/v1/chat/completions").status_code == 405
    assert client.head("/v1/models", headers={"host": "evil.test"}).status_code == 400


def test_head_of_a_stream_is_its_beginning(server) -> None:
    import http.client
    from urllib.parse import urlsplit

    address = urlsplit(server.base_url)
    for path in ("/health", "/v1/models", "/api/export", "/"):
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        for _ in range(2):  # the connection is good for another request
            connection.request("HEAD", path)
            response = connection.getresponse()
            assert response.status in (200, 503) and response.read() == b"", path
        connection.close()


def test_head_needs_the_key_too(pip_home, one_thread) -> None:
    with start(keys={KEY: "anna"}) as client:
        assert client.head("/v1/models").status_code == 401 and client.head("/health").status_code == 200


def test_options_says_what_a_route_takes(client) -> None:
    for path, allowed in (
        ("/v1/models", "GET, HEAD, OPTIONS"),
        ("/v1/chat/completions", "OPTIONS, POST"),
        ("/health", "GET, HEAD, OPTIONS"),
    ):
        answer = client.options(path)
        assert (answer.status_code, answer.headers["allow"], answer.content) == (204, allowed, b"")
    wrong = client.delete("/v1/models")
    assert wrong.status_code == 405 and wrong.json()["error"]["message"].endswith("this route accepts GET")


# -- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["//v1//models", "/v1//models", "///v1/models", "/v1/models/", "//v1//models//", "//models"]
)
def test_doubled_slashes_and_a_last_one_do_not_matter(client, path) -> None:
    assert client.get(f"http://127.0.0.1:8000{path}").json() == client.get("/v1/models").json()
    posted = client.post("http://127.0.0.1:8000/v1//chat//completions", json=CHAT)
    assert posted.status_code == 200 and posted.headers["cache-control"] == "no-store"


def test_the_guard_and_the_routes_see_one_path(pip_home, one_thread, monkeypatch, tmp_path) -> None:
    """A path that the guard takes for an open one is served as that one, and as nothing else."""
    from firstwords.serve import static_files

    (tmp_path / "static" / "assets").mkdir(parents=True)
    (tmp_path / "static" / "assets" / "a.txt").write_text("open")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr(static_files, "STATIC", tmp_path / "static")
    base = "http://127.0.0.1:8000"
    with start(keys={KEY: "anna"}) as client:
        assert client.get(f"{base}//assets//a.txt").text == "open"
        for path in (
            "//v1//models",
            "//api//chats",
            "/assets//..//v1/models",
            "/assets/..%2f..%2fv1%2fmodels",
            "/health//..//v1//models",
            "/assets/%2fv1/models",
            "//assets//..//..//secret.txt",
            "/assets//%2e%2e//secret.txt",
            "/%2fv1/models",
            "/health//",
            "//metrics",
        ):
            response = client.get(base + path, follow_redirects=False)
            assert response.status_code in (401, 404), path
            assert "secret" not in response.text and '"object":"list"' not in response.text, path
        limit = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        for path in ("/v1//chat/completions", "//v1/chat/completions"):
            assert client.post(base + path, content="x" * 2_000_000, headers=limit).status_code == 413
        imported = client.post(f"{base}//api//import", content="x" * 2_000_000, headers=limit)
        assert imported.status_code == client.post("/api/import", content="x" * 2_000_000, headers=limit).status_code


UNKNOWN = [
    "/v1",
    "/v1/",
    "/v1/messages",
    "/api/tags",
    "/api/chat",
    "/api/generate",
    "/nowhere",
    "/v1/responses/r/cancel",
    "/v1/audio/speech",
    "/v1/chat",
    "/props",
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", UNKNOWN)
def test_an_unknown_path_is_told_what_this_server_speaks(client, method, path) -> None:
    response = client.request(method, path, json={} if method == "POST" else None)
    error = response.json()["error"]
    assert response.status_code == 404 and error["type"] == "not_found_error" and error["code"] == "unknown_url"
    assert "/v1/chat/completions" in error["message"] and f"{method} {path} " in error["message"]
    hints = {"/v1/messages": "Anthropic", "/api/": "Ollama", "/v1/responses/": "GET or DELETE"}
    assert all((word in error["message"]) == path.startswith(prefix) for prefix, word in hints.items())


def test_every_path_that_is_named_exists(client) -> None:
    named = set(re.findall(r"/[a-z0-9/_]+", errors.ROUTES))
    assert named <= set(client.app.openapi()["paths"]) and len(named) > 8
    long = client.get("/" + "x" * 5000 + "%0d%0aforged").json()["error"]["message"]
    assert len(long) < 600 and "\n" not in long


def test_version(client) -> None:
    from firstwords import __version__

    assert client.get("/version").json() == {"version": __version__}


# -- refusals that name the flag --------------------------------------------------------------------------------------


def test_a_refused_name_is_told_the_flag(client) -> None:
    for host, name in (("host.docker.internal:8000", "host.docker.internal"), ("pip.home", "pip.home")):
        error = client.get("/v1/models", headers={"host": host}).json()["error"]
        assert error["code"] == "invalid_host" and f"--allow-host {name}" in error["message"]
    odd = client.get("/health", headers={"host": "a" * 5000}).json()["error"]["message"]
    assert len(odd) < 400
    assert "one Host header" in client.get("/health", headers={"host": ""}).json()["error"]["message"]


def test_a_missing_and_a_wrong_key_are_told_apart(pip_home, one_thread) -> None:
    with start(keys={KEY: "anna"}) as client:
        missing = client.get("/v1/models").json()["error"]["message"]
        wrong = client.get("/v1/models", headers={"authorization": "Bearer wrong"}).json()["error"]["message"]
    assert "--key" in missing and "--key" in wrong and missing != wrong and KEY not in json.dumps([missing, wrong])


def test_the_command_line_takes_and_refuses_origins(start_server, server_home, spawn) -> None:
    done = spawn("serve", "--port", "0", "--allow-origin", "localhost:3000", env={"FIRSTWORDS_HOME": str(server_home)})
    assert done.returncode == 2 and "is not an origin" in done.stderr and "Traceback" not in done.stderr
    open_to_all = start_server(server_home, "--allow-origin", "*")
    assert "every site" in open_to_all.log.read_text(encoding="utf-8")
    assert open_to_all.interrupt() == 0
