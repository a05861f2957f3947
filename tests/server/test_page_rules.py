"""The page's rules: obeyed by answers and other tries, kept with what they cost, refused by name."""

from __future__ import annotations

from page_helpers import User

pytest_plugins = ("page_fixtures",)
RULES = {"only_words_with": "f", "words": "3-6", "rhyme_with": ""}
KEPT = {"only_words_with": "f", "words": "3-6"}


def are_f_words(text: str) -> bool:
    words = text.split()
    return 3 <= len(words) <= 6 and all(word.strip('"\u201c\u201d().,;:!?\u2026').lower()[0] == "f" for word in words)


def test_answers_obey_and_say_what_it_cost(page_anna: User) -> None:
    chat = page_anna.chat(model="pip/sft")
    how = {"temperature": 1.0, "max_tokens": 70, "seed": 4}
    answer = page_anna.say(chat, "The cat sleeps.", params=how | {"rules": RULES})["assistant"]
    assert are_f_words(answer["content"]) and answer["params"]["rules"] == KEPT
    assert sum(token["lost"] for token in answer["tokens"]) > 1
    # another try keeps the rules; an empty set of them takes them away
    again = page_anna.post(f"/api/messages/{answer['id']}/regenerate", {"params": {"seed": 5}})["assistant"]
    assert are_f_words(page_anna.end(again["id"])["content"])
    free = page_anna.post(f"/api/messages/{answer['id']}/regenerate", {"params": {"rules": {}, "seed": 5}})["assistant"]
    free = page_anna.end(free["id"])
    assert "rules" not in free["params"] and not any("lost" in token for token in free["tokens"])
    # and so does another token in the middle
    other = {"index": 1, "token_id": answer["tokens"][1]["id"], "params": {"rules": RULES}}
    branch = page_anna.post(f"/api/messages/{answer['id']}/branch", other)["assistant"]
    assert "rules" not in page_anna.end(branch["id"])["params"]


def test_a_base_model_continues_after_a_word(page_anna: User) -> None:
    chat = page_anna.chat(model="pip/base")
    answer = page_anna.say(chat, "The cat", params={"max_tokens": 60, "rules": {"only_words_with": "b"}})["assistant"]
    assert not answer["content"][0].isalnum()


def test_impossible_rules(page_anna: User) -> None:
    chat = page_anna.chat(model="pip/sft")
    for rules, message in (
        ({"words": "nine"}, "words is 'nine': give a number"),
        ({"only_word_with": "f"}, "unknown rule only_word_with"),
    ):
        body = {"content": "Hi", "params": {"rules": rules}}
        error = page_anna.post(f"/api/chats/{chat}/messages", body, 400)["error"]
        assert message in error["message"]
    said = page_anna.say(chat, "Hi", params={"rules": {"rhyme_with": "orange"}})["assistant"]
    assert said["status"] == "error" and "no word is known that rhymes with orange" in str(said["error"])
    said = page_anna.say(chat, "Hi", params={"max_tokens": 5, "rules": {"words": "30"}})["assistant"]
    assert said["status"] == "error" and "needs at least" in str(said["error"])
