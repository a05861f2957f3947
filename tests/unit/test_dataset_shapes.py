"""Public data sets in the form that their cards document, a few hand-made rows each: what they give as chats and as
preferences, or the flag that a refusal names."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from firstwords.config import UserError
from firstwords.data.chats import conversations
from firstwords.data.source_stats import SourceStats
from firstwords.preferences.formats import read_preferences

CHATS, PREFERENCES = "--chats", "--preferences"
Q, GOOD, BAD = "Who waits?", "The heron.", "Go away."


def turns(*texts: str, role: str = "role", content: str = "content", names=("user", "assistant")) -> list[dict]:
    return [{role: names[n % 2], content: text} for n, text in enumerate(texts)]


def sharegpt(*texts: str) -> list[dict]:
    return turns(*texts, role="from", content="value", names=("human", "gpt"))


def chat(*texts: str, system: str = "") -> list[dict]:
    return [{"role": "system", "content": system}] * bool(system) + turns(*texts)


def pair(chosen: str = GOOD, rejected: str = BAD, prompt: Any = None) -> tuple:
    return (prompt or chat(Q), chosen, rejected)


@dataclass
class Shape:
    """Rows, and what each flag makes of them: a list, or the flag that the refusal names."""

    rows: list[Any]
    chats: list | str
    preferences: list | str


ONE = [chat(Q, GOOD)]
PAIR = [pair()]
hh = "\n\nHuman: Who waits?\n\nAssistant: "
tree = {
    "message_id": "1", "parent_id": None, "text": Q, "role": "prompter",
    "replies": [
        {"message_id": "2", "parent_id": "1", "text": BAD, "role": "assistant", "rank": 1, "replies": []},
        {"message_id": "3", "parent_id": "1", "text": GOOD, "role": "assistant", "rank": 0, "replies": []},
    ],
}  # fmt: skip
flat = [
    {"message_id": "1", "parent_id": None, "message_tree_id": "1", "text": Q, "role": "prompter", "rank": None},
    {"message_id": "2", "parent_id": "1", "message_tree_id": "1", "text": BAD, "role": "assistant", "rank": 1},
    {"message_id": "3", "parent_id": "1", "message_tree_id": "1", "text": GOOD, "role": "assistant", "rank": 0},
]
glaive = (
    "USER: Who waits?\n\n\nASSISTANT: <functioncall> {\"name\": \"look\", \"arguments\": '{}'} <|endoftext|>\n\n\n"
    'FUNCTION RESPONSE: {"bird": "heron"}\n\n\nASSISTANT: The heron. <|endoftext|>\n\n\n'
)
call = {"role": "assistant", "content": "{\"name\": \"look\", \"arguments\": '{}'}", "weight": 0}
ultrafeedback = {
    "source": "evol", "instruction": Q, "models": ["a", "b", "c", "d"],
    "completions": [
        {"model": "a", "response": BAD, "overall_score": 2.0, "annotations": {}},
        {"model": "b", "response": GOOD, "overall_score": 8.0, "annotations": {}},
        {"model": "c", "response": "No.", "overall_score": 3.5, "annotations": {}},
        {"model": "d", "response": "A heron.", "overall_score": 8.0, "annotations": {}},
    ],
}  # fmt: skip

SHAPES = {
    # chats
    "OpenAI messages": Shape([{"messages": chat(Q, GOOD, system="Be kind.")}], [chat(Q, GOOD, system="Be kind.")],
                             CHATS),
    "OpenAI content parts": Shape(
        [{"messages": [{"role": "user", "content": [{"type": "input_text", "text": "Who "},
                                                    {"type": "text", "text": "waits?"}]},
                       {"role": "assistant", "content": [{"type": "output_text", "text": GOOD}]}]}], ONE, CHATS),
    "OpenAI tool calls": Shape(
        [{"messages": [
            {"role": "user", "content": Q},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"at": "mill"}'}}]},
            {"role": "tool", "tool_call_id": "1", "content": "heron"},
            {"role": "assistant", "content": GOOD}]}],
        [[*chat(Q),
          {"role": "assistant", "content": '{"name": "look", "arguments": {"at": "mill"}}', "weight": 0},
          {"role": "tool", "content": "heron"}, {"role": "assistant", "content": GOOD}]], CHATS),
    "ShareGPT": Shape([{"id": "x", "conversations": sharegpt(Q, GOOD)}], ONE, CHATS),
    "Alpaca": Shape([{"instruction": "Translate.", "input": "red", "output": "rouge", "text": "Below is ..."}],
                    [chat("Translate.\n\nred", "rouge")], CHATS),
    "Alpaca with history (LLaMA-Factory)": Shape(
        [{"instruction": "And then?", "input": "", "output": "Rain.", "system": "Be kind.", "history": [[Q, GOOD]]}],
        [chat(Q, GOOD, "And then?", "Rain.", system="Be kind.")], CHATS),
    "LLaMA-Factory parts": Shape(
        [{"conversations": [{"from": "human", "value": [{"type": "text", "value": Q}]},
                            {"from": "gpt", "value": [{"type": "text", "value": GOOD}]}]}], ONE, CHATS),
    "Dolly": Shape([{"instruction": "Who?", "context": "Anna ran.", "response": "Anna", "category": "closed_qa"}],
                   [chat("Who?\n\nAnna ran.", "Anna")], CHATS),
    "OASST rows": Shape(flat, ONE, PAIR),
    "OASST trees": Shape([{"message_tree_id": "1", "tree_state": "ready_for_export", "prompt": tree}], ONE, PAIR),
    "UltraChat (200k)": Shape([{"prompt": Q, "prompt_id": "1", "messages": chat(Q, GOOD)}], ONE, CHATS),
    "UltraChat (original)": Shape([{"id": "1", "data": [Q, GOOD, "And then?", "Rain."]}],
                                  [chat(Q, GOOD, "And then?", "Rain.")], CHATS),
    "LIMA": Shape([{"conversations": [Q, GOOD], "source": "stackexchange"}], ONE, CHATS),
    "no_robots": Shape([{"prompt": Q, "prompt_id": "1", "messages": chat(Q, GOOD), "category": "Chat"}], ONE, CHATS),
    "OpenHermes": Shape(
        [{"conversations": [{"from": "system", "value": ""}, *sharegpt(Q, GOOD)], "source": "x", "category": None,
          "system_prompt": None}], ONE, CHATS),
    "SlimOrca": Shape(
        [{"conversations": [{"from": "system", "value": "Be kind.", "weight": None},
                            {"from": "human", "value": Q, "weight": 0.0}, {"from": "gpt", "value": GOOD, "weight": 1.0}
                            ]}], [chat(Q, GOOD, system="Be kind.")], CHATS),
    "OpenOrca": Shape([{"id": "1", "system_prompt": "Be kind.", "question": Q, "response": GOOD}],
                      [chat(Q, GOOD, system="Be kind.")], CHATS),
    "Capybara": Shape([{"source": "x", "conversation": [{"input": Q, "output": GOOD},
                                                        {"input": "And then?", "output": "Rain."}]}],
                      [chat(Q, GOOD, "And then?", "Rain.")], CHATS),
    "glaive function calling": Shape(
        [{"system": "SYSTEM: You have functions.", "chat": glaive}],
        [[{"role": "system", "content": "You have functions."}, *chat(Q), call,
          {"role": "tool", "content": '{"bird": "heron"}'}, {"role": "assistant", "content": GOOD}]], CHATS),
    "glaive as ShareGPT": Shape(
        [{"conversations": [{"from": "human", "value": Q}, {"from": "function_call", "value": call["content"]},
                            {"from": "observation", "value": "heron"}, {"from": "gpt", "value": GOOD}],
          "tools": "[]"}],
        [[*chat(Q), call, {"role": "tool", "content": "heron"}, {"role": "assistant", "content": GOOD}]], CHATS),
    "WildChat": Shape(
        [{"conversation_hash": "x", "model": "m", "turn": 1, "language": "English",
          "conversation": [{"content": Q, "role": "user", "language": "English", "toxic": False, "redacted": False},
                           {"content": GOOD, "role": "assistant", "toxic": False, "redacted": False}]}], ONE, CHATS),
    "LMSYS-chat": Shape([{"conversation_id": "x", "model": "m", "conversation": chat(Q, GOOD), "turn": 1,
                          "openai_moderation": [{"flagged": False}]}], ONE, CHATS),
    "Open-Platypus": Shape([{"input": "", "output": GOOD, "instruction": Q, "data_source": "x"}], ONE, CHATS),
    "MetaMath": Shape([{"type": "GSM_SV", "query": Q, "original_question": "x", "response": GOOD}], ONE, CHATS),
    "GSM8K": Shape([{"question": Q, "answer": GOOD}], ONE, CHATS),
    "NuminaMath": Shape([{"source": "x", "problem": Q, "solution": GOOD, "messages": chat(Q, GOOD)}], ONE, CHATS),
    "guanaco": Shape([{"text": f"### Human: {Q}### Assistant: {GOOD}"}], ONE, CHATS),
    "OIG": Shape([{"text": f"<human>: {Q}\n<bot>: {GOOD}", "metadata": {}}], ONE, CHATS),
    "pairs of a spreadsheet": Shape([{"Question": Q, "Answer": GOOD}], ONE, CHATS),
    "messages as JSON text": Shape([{"messages": json.dumps(chat(Q, GOOD))}], ONE, CHATS),
    "messages as Python wrote them": Shape([{"messages": str(chat(Q, GOOD))}], ONE, CHATS),
    "Claude's export": Shape(
        [{"uuid": "x", "name": "Birds", "chat_messages": [
            {"sender": "human", "text": Q, "content": [{"type": "text", "text": Q}]},
            {"sender": "assistant", "text": GOOD, "content": [{"type": "text", "text": GOOD}]}]}], ONE, CHATS),
    "Stories (text)": Shape([{"text": "Once a heron waited."}], "--text", "--text"),
    # preferences: two answers
    "TRL": Shape([{"prompt": Q, "chosen": GOOD, "rejected": BAD}], PREFERENCES, PAIR),
    "TRL conversational": Shape([{"prompt": chat(Q), "chosen": turns(GOOD, names=("assistant",) * 2),
                                  "rejected": turns(BAD, names=("assistant",) * 2)}], PREFERENCES, PAIR),
    "hh-rlhf": Shape([{"chosen": hh + GOOD, "rejected": hh + BAD}], PREFERENCES, PAIR),
    "UltraFeedback binarized": Shape(
        [{"prompt": Q, "prompt_id": "1", "chosen": chat(Q, GOOD), "rejected": chat(Q, BAD), "messages": chat(Q, GOOD),
          "score_chosen": 8.5, "score_rejected": 4.0}], PREFERENCES, PAIR),
    "orpo-dpo-mix": Shape(
        [{"source": "x", "prompt": "And then?", "question": "And then?",
          "chosen": chat(Q, GOOD, "And then?", "Rain."), "rejected": chat(Q, GOOD, "And then?", BAD)}],
        PREFERENCES, [pair("Rain.", BAD, chat(Q, GOOD, "And then?"))]),
    "LLaMA-Factory DPO": Shape(
        [{"conversations": sharegpt(Q), "chosen": {"from": "gpt", "value": GOOD},
          "rejected": {"from": "gpt", "value": BAD}}], PREFERENCES, PAIR),
    "LLaMA-Factory DPO, several turns": Shape(
        [{"conversations": sharegpt("Hi", "Ho", Q), "chosen": {"from": "gpt", "value": GOOD},
          "rejected": {"from": "gpt", "value": BAD}}], PREFERENCES, [pair(prompt=chat("Hi", "Ho", Q))]),
    "LLaMA-Factory comparison": Shape([{"instruction": Q, "input": "", "output": [GOOD, BAD]}], PREFERENCES, PAIR),
    "Argilla DPO": Shape([{"input": Q, "chosen": GOOD, "rejected": BAD}], PREFERENCES, PAIR),
    "Alpaca with two answers": Shape([{"instruction": "Who", "input": "waits?", "output": GOOD, "chosen": GOOD,
                                       "rejected": BAD}], PREFERENCES, [pair(prompt=chat("Who\n\nwaits?"))]),
    "Orca DPO": Shape([{"system": "Be kind.", "question": Q, "chosen": GOOD, "rejected": BAD}], PREFERENCES,
                      [pair(prompt=chat(Q, system="Be kind."))]),
    "OASST pairs": Shape([{"lang": "en", "parent_id": "1", "prompt": Q, "chosen": GOOD, "rejected": BAD}],
                         PREFERENCES, PAIR),
    "Chatbot Arena": Shape(
        [{"question_id": "1", "model_a": "m", "model_b": "n", "winner": winner, "judge": "x", "turn": 1,
          "conversation_a": chat(Q, BAD), "conversation_b": chat(Q, GOOD)}
         for winner in ("model_b", "tie", "tie (bothbad)")], PREFERENCES, PAIR),
    "Arena 55k": Shape(
        [{"id": 1, "prompt": json.dumps([Q]), "response_a": json.dumps([GOOD]), "response_b": json.dumps([BAD]),
          "winner_model_a": 1, "winner_model_b": 0, "winner_tie": 0}], PREFERENCES, PAIR),
    "SHP": Shape([{"post_id": "1", "history": Q, "human_ref_A": BAD, "human_ref_B": GOOD, "labels": 0, "score_A": 2,
                   "score_B": 9}], PREFERENCES, PAIR),
    "StackExchange paired": Shape([{"qid": 1, "question": Q, "response_j": GOOD, "response_k": BAD}], PREFERENCES,
                                  PAIR),
    "StackExchange preferences": Shape(
        [{"qid": 1, "question": Q, "answers": [{"text": BAD, "pm_score": 0, "selected": False},
                                               {"text": GOOD, "pm_score": 4, "selected": True}]}], PREFERENCES, PAIR),
    "PKU-SafeRLHF": Shape(
        [{"prompt": Q, "response_0": BAD, "response_1": GOOD, "is_response_0_safe": False, "is_response_1_safe": True,
          "better_response_id": 1, "safer_response_id": 1}], PREFERENCES, PAIR),
    "WebGPT": Shape([{"question": {"dataset": "x", "full_text": Q}, "answer_0": BAD, "answer_1": GOOD, "score_0": -1.0,
                      "score_1": 1.0}], PREFERENCES, PAIR),
    "AlpacaFarm": Shape([{"instruction": Q, "input": "", "output_1": GOOD, "output_2": BAD, "preference": 1}],
                        PREFERENCES, PAIR),
    "HelpSteer3": Shape([{"domain": "x", "context": chat(Q), "response1": GOOD, "response2": BAD,
                          "overall_preference": -2}], PREFERENCES, PAIR),
    # preferences: ratings and verdicts
    "UltraFeedback": Shape([ultrafeedback], PREFERENCES, [pair(), pair(rejected="No.")]),
    "distilabel": Shape([{"instruction": Q, "generations": [BAD, GOOD, None], "ratings": [2, 5, 1]}], PREFERENCES,
                        PAIR),
    "Argilla's list": Shape([{"input": Q, "generations": [GOOD, BAD], "rating": [4.0, 3.0]}], PREFERENCES, PAIR),
    "Nectar": Shape([{"prompt": f"\n\nHuman: {Q}\n\nAssistant: ", "answers": [{"answer": BAD, "rank": 2.0},
                                                                           {"answer": GOOD, "rank": 1.0}]}],
                    PREFERENCES, PAIR),
    "HelpSteer": Shape([{"prompt": Q, "response": BAD, "helpfulness": 1, "correctness": 4},
                        {"prompt": Q, "response": GOOD, "helpfulness": 4, "correctness": 4}], PREFERENCES, PAIR),
    "KTO": Shape([{"prompt": Q, "completion": GOOD, "label": True}, {"prompt": Q, "completion": BAD, "label": False}],
                 PREFERENCES, PAIR),
    "KTO conversational": Shape(
        [{"prompt": chat(Q), "completion": [{"role": "assistant", "content": text}], "label": text == GOOD}
         for text in (BAD, GOOD)], PREFERENCES, PAIR),
    "KTO without partners": Shape([{"prompt": f"{Q} {n}", "completion": GOOD, "label": n == 0} for n in range(2)],
                                  PREFERENCES, "--chats"),
    "LLaMA-Factory KTO": Shape([{"messages": chat(Q, text), "label": text == GOOD} for text in (GOOD, BAD)],
                               PREFERENCES, PAIR),
}  # fmt: skip


def write(folder: Path, rows: list[Any]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", SHAPES)
def test_as_chats(name: str, tmp_path: Path) -> None:
    shape, path = SHAPES[name], write(tmp_path, SHAPES[name].rows)
    if isinstance(shape.chats, str):
        with pytest.raises(UserError, match=f"rows.jsonl:1: .*give the file to {shape.chats}"):
            list(conversations([path]))
        return
    assert list(conversations([path])) == shape.chats


@pytest.mark.parametrize("name", SHAPES)
def test_as_preferences(name: str, tmp_path: Path) -> None:
    shape, path = SHAPES[name], write(tmp_path, SHAPES[name].rows)
    if isinstance(shape.preferences, str):
        with pytest.raises(UserError, match=rf"rows.jsonl.* {shape.preferences}\b"):
            list(read_preferences([path]))
        return
    stats = SourceStats()
    found = list(read_preferences([path], stats))
    assert [(list(p.prompt), p.chosen, p.rejected) for p in found] == shape.preferences
    assert all(0 <= p.margin <= 1 for p in found)


def test_there_are_enough_shapes() -> None:
    assert len(SHAPES) >= 60


def test_margins_and_ties_of_ratings(tmp_path: Path) -> None:
    stats = SourceStats()
    found = list(read_preferences([write(tmp_path, SHAPES["UltraFeedback"].rows)], stats))
    assert [p.margin for p in found] == [pytest.approx(0.6), pytest.approx(0.45)] and stats.ties == 1
    found = list(read_preferences([write(tmp_path, SHAPES["UltraFeedback binarized"].rows)]))
    assert found[0].margin == pytest.approx(0.45)


def test_ties_of_the_arena_are_counted(tmp_path: Path) -> None:
    stats = SourceStats()
    list(read_preferences([write(tmp_path, SHAPES["Chatbot Arena"].rows)], stats))
    assert (stats.ties, stats.skipped_rows) == (2, 0)
    with pytest.raises(UserError, match="contains only ties"):
        list(read_preferences([write(tmp_path, SHAPES["Chatbot Arena"].rows[1:])]))
