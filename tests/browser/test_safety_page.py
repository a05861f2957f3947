"""What a model, a title or a file says can run nothing, load nothing and lead nowhere by itself."""

from __future__ import annotations

from typing import Any

from browser_talk import LONG, import_chat, message

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img src='https://evil.test/pixel.png'>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<a href='javascript:alert(1)'>click</a>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<style>@import 'https://evil.test/x.css'; body { background: url(https://evil.test/b.png) }</style>",
    "<form action='https://evil.test'><input name=q autofocus onfocus=alert(1)></form>",
    "<details open ontoggle=alert(1)>x</details>",
    "![picture](https://evil.test/p.png)",
    "![picture][ref]\n\n[ref]: https://evil.test/ref.png",
    "[click](javascript:alert(1))",
    "[click](data:text/html,<script>alert(1)</script>)",
    "[click](//evil.test/path)",
    "[click](<javascript:alert(1)>)",
    "<javascript:alert(1)>",
    "`code`<b onmouseover=alert(1)>bold</b>",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    '"><img src=x onerror=alert(1)>',
    "\u003cimg src=x onerror=alert(1)\u003e",
    "&lt;img src=x onerror=alert(1)&gt;",
]
FORBIDDEN = (
    "script:not([src^='/assets/']), iframe, object, embed, form[action], img:not([src^='/assets/']), "
    "[onerror], [onload]"
)


def test_nothing_that_is_said_runs_or_loads(browser_open: Any, browser_server: Any) -> None:
    """`browser_open` fails the test for any dialog and for any request that leaves the server."""
    for is_coloured in (False, True):
        said: list[dict[str, Any]] = []
        for payload in PAYLOADS:
            said.append(message(said[-1]["id"] if said else None, "user", payload))
            token = {"id": 5, "text": payload, "logprob": -1.0, "rank": 1, "entropy": 1.0}
            tokens = [token | {"top": [[5, payload, -1.0], [6, payload + " ", -2.0]]}] if is_coloured else None
            said.append(message(said[-1]["id"], "assistant", payload, tokens))
        chat = import_chat(browser_server, PAYLOADS[1], said)
        page = browser_open(f"chat/{chat}")
        page.locator("article").nth(2 * len(PAYLOADS) - 1).wait_for(timeout=LONG)
        for article in page.locator("article").all():
            article.scroll_into_view_if_needed()
        if is_coloured:
            page.get_by_role("button", name="Inspect each token").nth(1).click()
            page.get_by_text("Other options here").wait_for()
        assert page.locator(FORBIDDEN).count() == 0
        links = page.locator(".markdown a[href]").all()
        assert all((link.get_attribute("href") or "").startswith(("http://", "https://")) for link in links)
        assert all("noopener" in (link.get_attribute("rel") or "") for link in links)
        page.wait_for_timeout(300)


def test_titles_and_search_hits_are_text(browser_open: Any, browser_server: Any) -> None:
    for payload in PAYLOADS[:3]:
        import_chat(browser_server, payload, [message(None, "user", f"findme {payload}")])
    page = browser_open("chat")
    page.get_by_label("Search your chats").fill("findme")
    page.get_by_role("region", name="Chats").get_by_text("<script>alert(1)</script>").first.wait_for(timeout=LONG)
    page.wait_for_timeout(300)
    assert page.locator(FORBIDDEN).count() == 0


def test_links_show_their_host(browser_open: Any, browser_server: Any) -> None:
    user = message(None, "user", "A link?")
    answer = message(user["id"], "assistant", "[your bank](https://evil.test/login) and <https://example.com/a>")
    page = browser_open(f"chat/{import_chat(browser_server, 'Links', [user, answer])}")
    page.get_by_text("(evil.test)").wait_for(timeout=LONG)
    assert page.get_by_text("(example.com)").is_visible()
    assert page.get_by_role("link", name="your bank").get_attribute("target") == "_blank"


def test_a_key_opens_the_page(browser_open: Any, browser_locked_server: Any) -> None:
    page = browser_open("chat", server=browser_locked_server, refused=401)
    page.get_by_label("Key").fill("not-the-secret")
    page.get_by_role("button", name="Enter").click()
    page.get_by_test_id("status").get_by_text("key").wait_for(timeout=LONG)
    assert page.get_by_label("Your message").count() == 0
    page.get_by_label("Key").fill("a-long-secret")
    page.get_by_role("button", name="Enter").click()
    page.get_by_label("Your message").wait_for(timeout=LONG)
    page.reload()
    page.get_by_label("Your message").wait_for(timeout=LONG)


def test_text_in_inside_is_text(browser_open: Any) -> None:
    page = browser_open("inside", **{"inside:text": "<img src=x onerror=alert(1)>"})
    page.get_by_role("region", name="Surprise").wait_for(timeout=LONG)
    page.wait_for_timeout(500)
    assert page.locator(FORBIDDEN).count() == 0
