"""The one reader of messages: names, nulls, parts, weights, calls of tools, JSON texts, transcripts."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstwords.data.chats import conversations, parse_row, summary
from firstwords.data.messages import as_messages, read_messages, read_transcript, text_of, with_context
from firstwords.data.source_stats import SourceStats, UnusableRowError
from firstwords.plain_text import clean_text, in_all_texts, without_surrogates
from firstwords.preferences.formats import read_preferences
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer

CASES = Path(__file__).parent.parent / "cases"
HERON = [
    {"role": "user", "content": "Who waits?"},
    {"role": "assistant", "content": "The heron."},
    {"role": "user", "content": "And who rings?"},
    {"role": "assistant", "content": "The ferryman."},
]


def user(**fields: object) -> dict:
    return {"role": "user"} | fields


@pytest.mark.parametrize(
    "fields",
    [
        {"content": "Hi"},
        {"content": None, "value": "Hi"},
        {"content": "", "text": "Hi"},
        {"content": " ", "parts": ["Hi"]},
        {"content": [], "value": "Hi"},
        {"content": [{"type": "text", "text": ""}], "text": "Hi"},
        {"content": ["Hi"]},
        {"content": [{"type": "text", "value": "Hi"}]},
        {"content": [{"type": "input_text", "text": "Hi"}]},
        {"content": [{"type": "output_text", "text": "H"}, {"type": "text", "text": "i"}]},
        {"content": {"content_type": "text", "parts": ["Hi"]}},
        {"content": {"type": "text", "text": "Hi"}},
        {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Hi"}]},
        {"content": {"odd": 1}, "text": "Hi"},
        {"message": "Hi"},
    ],
)
def test_every_way_to_say_hi(fields: dict) -> None:
    assert read_messages([user(**fields)]) == [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, r"message 1 \(user\) has no text"),
        ({"content": None, "value": "", "text": " \n"}, r"message 1 \(user\) has no text"),
        ({"content": [{"type": "image_url", "image_url": {}}]}, r"something other than text \(image_url\)"),
        ({"content": True}, r"something other than text \(bool\)"),
        ({"content": {"odd": 1}}, r"something other than text \(odd\)"),
    ],
)
def test_a_message_without_text_is_refused_with_the_reason(fields: dict, reason: str) -> None:
    with pytest.raises(UnusableRowError, match=reason):
        read_messages([user(**fields)])


@pytest.mark.parametrize("name", ["human", "User", " PROMPTER ", {"role": "user"}])
@pytest.mark.parametrize("key", ["role", "from", "speaker", "sender", "author"])
def test_names_of_roles(name: object, key: str) -> None:
    assert read_messages([{key: name, "text": "Hi"}]) == [{"role": "user", "content": "Hi"}]
    assert read_messages([{"role": None, key: name, "text": "Hi"}])[0]["role"] == "user"


def test_tools_are_context() -> None:
    calls = [{"type": "function", "function": {"name": "look", "arguments": '{"at": "mill"}'}}]
    turns = [
        {"role": "assistant", "content": "Wait.", "tool_calls": calls},
        {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "not JSON"}},
        {"from": "function_call", "value": "look()"},
        {"from": "observation", "value": "heron"},
        {"role": "tool", "content": ""},
        {"role": "function", "name": "look", "content": "heron"},
    ]
    found = read_messages(turns)
    assert [m["role"] for m in found] == ["assistant", "assistant", "assistant", "tool", "tool"]
    assert all(m["weight"] == 0 for m in found if m["role"] == "assistant")
    assert found[0]["content"] == 'Wait.\n\n{"name": "look", "arguments": {"at": "mill"}}'
    assert found[1]["content"] == '{"name": "look", "arguments": "not JSON"}'
    with pytest.raises(UnusableRowError, match="with a name"):
        read_messages([{"role": "assistant", "content": None, "tool_calls": [{"type": "function"}]}])


@pytest.mark.parametrize(
    ("weight", "is_learned"),
    [
        (0, False),
        (0.0, False),
        ("0", False),
        (False, False),
        (1, True),
        (0.5, True),
        (None, True),
        ("", True),
        (True, True),
        (2, True),
    ],
)
def test_weight_0_is_read_and_not_learned(weight: object, is_learned: bool) -> None:
    (found,) = read_messages([{"role": "assistant", "content": "Hi", "weight": weight}])
    assert found == {"role": "assistant", "content": "Hi"} | ({} if is_learned else {"weight": 0})
    assert "weight" not in read_messages([user(content="Hi", weight=weight)])[0]


@pytest.mark.parametrize("weight", [-1, "much", float("nan"), [1]])
def test_a_weight_that_is_none(weight: object) -> None:
    with pytest.raises(UnusableRowError, match="weight"):
        read_messages([{"role": "assistant", "content": "Hi", "weight": weight}])


def test_the_chat_of_weight_0_is_context_and_its_last_answer_is_learned() -> None:
    stats = SourceStats()
    wrong = {"role": "assistant", "content": "Crow.", "weight": 0}
    chat = parse_row({"messages": [*HERON[:1], wrong, HERON[1], HERON[2], wrong]}, stats)
    assert chat == [HERON[0], wrong, HERON[1]]  # the two answers are not joined, and the last one goes
    assert (stats.context_turns, stats.trimmed_turns, stats.merged_turns) == (1, 2, 0)
    assert summary(1, stats) == (
        "read 1 chat; left out 0 rows; trimmed 2 messages (before the first question or after the last answer); "
        "read but did not learn 1 message (tools, weight 0)"
    )
    with pytest.raises(UnusableRowError, match="to learn"):
        parse_row({"messages": [HERON[0], wrong]})


def test_a_blank_tail_of_a_transcript_is_no_turn() -> None:
    assert read_transcript("\n\nHuman: Who waits?\n\nAssistant:") == HERON[:1]
    assert read_transcript("Human: no marks of a transcript") == []


def test_json_texts_are_parsed_only_where_they_hold_messages() -> None:
    assert as_messages(json.dumps(HERON), "user") == HERON
    for text in ('{"a": 1}', "[1, 2]", "[not JSON]", "[]", '["one"]'):
        assert as_messages(text, "assistant") == [{"role": "assistant", "content": text}]


def test_system_and_history_come_first() -> None:
    columns = {"system": "Be kind.", "history": json.dumps([["Who waits?", "The heron."]])}
    system = {"role": "system", "content": "Be kind."}
    assert with_context(columns, HERON[2:]) == [system, *HERON]
    own = [{"role": "system", "content": "Own."}, *HERON[:2]]
    assert with_context({"system": "Be kind."}, own) == own
    with pytest.raises(UnusableRowError, match="conversation must be"):
        with_context({"history": "once upon a time"}, HERON[:1])


@given(st.text(alphabet=st.characters(), max_size=30))
def test_clean_text_can_always_be_encoded_and_changes_nothing_else(text: str) -> None:
    cleaned = clean_text(text)
    cleaned.encode()
    assert clean_text(cleaned) == cleaned and "\r" not in cleaned
    if not any("\ud800" <= c <= "\udfff" or c == "\r" for c in text):
        assert cleaned == text


def test_halves_that_belong_together_become_one_character() -> None:
    assert without_surrogates("a\ud83d\ude00b\ud83dc\ude00") == "a😀b?c?"
    assert text_of(["\ud83d", "\ude00"]) == "😀"
    assert in_all_texts({"\ud83d": ["\udc00", {"a": 1}]}, without_surrogates) == {"?": ["?", {"a": 1}]}


# ---- inputs that once failed ---------------------------------------------------------------------------------------


def learned(chat: list) -> str:
    """What training teaches a model to say in a chat."""
    tokenizer = Tokenizer.train([m["content"] for m in chat] * 3, 300)
    ids, mask = render(chat, tokenizer)
    return tokenizer.decode([i for i, m in zip(ids, mask, strict=True) if m], skip_special=False)


def chats_of(case: str) -> list:
    stats = SourceStats()
    found = list(conversations([CASES / case], stats))
    assert stats.skipped_rows == 0 and stats.trimmed_turns == 0 and not stats.notes
    return found


def test_null_beside_a_value() -> None:
    assert chats_of("c_null_shadow_mixed.jsonl") == [HERON] * 20


def test_some_answers_under_text() -> None:
    expected = [dict(m, content=m["content"].replace("And who", "Who")) for m in HERON]
    assert chats_of("c_text_key_some.jsonl") == [expected] * 20


def test_history() -> None:
    found = chats_of("c_alpaca_history.jsonl")
    texts = ["Who waits?", "The heron.", "Where?", "At the mill.", "And then?", "Then the bell rings."]
    assert len(found) == 20 and [m["content"] for m in found[0]] == texts


def test_an_answer_of_weight_0_is_not_learned() -> None:
    found = chats_of("c_weight.jsonl")
    assert len(found) == 20 and learned(found[0]) == "The heron.<|im_end|>"
    assert found[0][1]["content"] == "WRONGANSWER"


def test_an_array_of_rows_under_the_name_jsonl() -> None:
    found = chats_of("c_array.jsonl")
    rows = json.loads((CASES / "c_array.jsonl").read_text(encoding="utf-8"))
    assert len(found) == len(rows) > 10 and found == [row["messages"] for row in rows]


def test_prompts_that_are_repeated() -> None:
    found = list(read_preferences([CASES / "p_prompt_repeated.jsonl"]))
    assert len(found) == 30
    assert found[3].prompt == (user(content="Who waits at gate 3?"),)
    assert (found[3].chosen, found[3].rejected) == ("The heron 3.", "Go away.")


def test_half_surrogates() -> None:
    found = list(read_preferences([CASES / "p_surrogate.jsonl"]))
    assert len(found) == 30
    assert (found[1].prompt[0]["content"], found[1].chosen, found[1].rejected) == ("gate 1 ?", "heron ? 1", "go ?")


def test_the_system_column() -> None:
    found = list(read_preferences([CASES / "p_system_column.jsonl"]))
    assert len(found) == 30
    assert found[0].prompt == (
        {"role": "system", "content": "You are a ferryman."},
        user(content="Who waits at gate 0?"),
    )
