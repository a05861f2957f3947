"""Pages of other sites in a real browser: one that was allowed with --allow-origin, and one that was not."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ASK = """async (server) => {
  const found = {};
  const post = (path, body) => fetch(server + path, {
    method: "POST", body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", Authorization: "Bearer none", "X-Stainless-Lang": "js" },
  });
  const attempts = {
    chat: () => post("/v1/chat/completions", { messages: [{ role: "user", content: "Hi" }], max_tokens: 4 }),
    stream: () => post("/v1/responses", { input: "Hi", max_output_tokens: 4, stream: true }),
    error: () => post("/v1/responses", { input: "Hi", temperature: -1 }),
    slashes: () => fetch(server + "//v1//models"),
    page: () => fetch(server + "/api/chats"),
  };
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      const response = await attempt();
      found[name] = [response.status, (await response.text()).length > 0];
    } catch (error) {
      found[name] = String(error);
    }
  }
  return found;
}"""


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[list[str]]:
    """The origins of two sites that show an empty page."""
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Empty) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [f"http://localhost:{server.server_port}" for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


class _Empty(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def test_a_site_that_was_allowed_and_one_that_was_not(browser_chromium, browser_start, pip_home, sites) -> None:
    server = browser_start(pip_home, "--allow-origin", sites[0])
    found = []
    for site in sites:
        page = browser_chromium.new_page()
        page.goto(site)
        found.append(page.evaluate(ASK, server.url))
        page.close()
    allowed, stranger = found
    assert {name: answer for name, answer in allowed.items() if name != "page"} == {
        "chat": [200, True],
        "stream": [200, True],
        "error": [400, True],
        "slashes": [200, True],
    }
    assert "Failed to fetch" in allowed["page"]  # what people wrote on the built-in page is for that page alone
    assert all("Failed to fetch" in answer for answer in stranger.values())
