"""Exports of WhatsApp and ChatGPT as chats: formats of many phones and countries, branches, archives."""

import json
import zipfile
from pathlib import Path

import pytest

from firstwords.config import UserError
from firstwords.data.chats import conversations
from firstwords.data.source_stats import SourceStats


def chat(*texts: str) -> list[dict]:
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]


def read(*specs: object) -> tuple[list, SourceStats]:
    stats = SourceStats()
    return list(conversations(map(str, specs), stats)), stats


STAMPS = {
    "US Android": ("12/31/23, 10:15 PM - {}", "12/31/23, 10:16 PM - {}"),
    "US Android, narrow space": ("12/31/23, 10:15\u202fPM - {}", "12/31/23, 10:16\u202fPM - {}"),
    "GB Android": ("31/12/2023, 22:15 - {}", "31/12/2023, 22:16 - {}"),
    "US iPhone": ("[12/31/23, 10:15:30 PM] {}", "[12/31/23, 10:16:01 PM] {}"),
    "GB iPhone": ("[31/12/2023, 22:15:30] {}", "\u200e[31/12/2023, 22:16:01] {}"),
    "DE Android": ("31.12.23, 22:15 - {}", "31.12.23, 22:16 - {}"),
    "DE iPhone": ("[31.12.23, 22:15:30] {}", "[31.12.23, 22:16:01] {}"),
    "DE old iPhone": ("31.12.23, 22:15:30: {}", "31.12.23, 22:16:01: {}"),
    "NL": ("31-12-2023 22:15 - {}", "31-12-2023 22:16 - {}"),
    "FR": ("31/12/2023 à 22:15 - {}", "31/12/2023 à 22:16 - {}"),
    "ES": ("31/12/23 10:15 p. m. - {}", "31/12/23 10:16 p. m. - {}"),
    "BR": ("31/12/2023 22:15 - {}", "31/12/2023 22:16 - {}"),
    "SE": ("2023-12-31 22:15 - {}", "2023-12-31 22:16 - {}"),
    "JP": ("2023/12/31 22:15 - {}", "2023/12/31 22:16 - {}"),
    "CN": ("[2023/12/31 下午10:15:30] {}", "[2023/12/31 下午10:16:01] {}"),
    "KR": ("2023. 12. 31. 오후 10:15 - {}", "2023. 12. 31. 오후 10:16 - {}"),
    "FI": ("31.12.2023 klo 22.15 - {}", "31.12.2023 klo 22.16 - {}"),
}


@pytest.mark.parametrize("name", STAMPS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_dates_and_times_of_the_world(name: str, end: str, tmp_path: Path) -> None:
    one, two = STAMPS[name]
    lines = [one.format("Anna Schmidt: Are you there?"), "I wait: since 10:15.", two.format("Ben: Yes."), ""]
    (tmp_path / "chat.txt").write_bytes(end.join(lines).encode())
    expected = chat("Are you there?\nI wait: since 10:15.", "Yes.")
    assert read(f"{tmp_path / 'chat.txt'}:Ben")[0] == [expected]
    with pytest.raises(UserError, match=r"between Anna Schmidt \(1\) and Ben \(1\): say who the model should speak as"):
        read(tmp_path / "chat.txt")


WHATSAPP = """\
12/31/23, 9:00 AM - Messages and calls are end-to-end encrypted. No one outside of this chat can read them.
12/31/23, 9:00 AM - Anna: Good morning
12/31/23, 9:01 AM - Anna: Are you up?
12/31/23, 9:05 AM - Ben: <Media omitted>
12/31/23, 9:06 AM - Ben: IMG-20231231-WA0001.jpg (file attached)
12/31/23, 9:06 AM - Ben: Yes.
12/31/23, 9:07 AM - Ben: Coffee? <This message was edited>
12/31/23, 9:08 AM - Anna: This message was deleted
12/31/23, 12:06 PM - Anna: Sorry, now!
12/31/23, 12:07 PM - Ben: Now it is cold.
12/31/23, 11:59 PM - Anna: Happy new year
1/1/24, 12:01 AM - Ben: And to you
1/1/24, 12:02 AM - Anna: Good night
"""


def test_a_day_and_a_silence_end_a_conversation(tmp_path: Path) -> None:
    path = tmp_path / "WhatsApp Chat with Anna.txt"
    path.write_text(WHATSAPP, encoding="utf-8")
    found, stats = read(f"{path}:ben")
    assert found == [
        chat("Good morning\nAre you up?", "Yes.\nCoffee?", "Sorry, now!", "Now it is cold."),
    ]
    # two hours and 59 minutes went by before noon; the last evening and the new year have no answer of Ben's to learn
    assert stats.rows == 3 and stats.skipped_rows == 2
    assert stats.notes[0] == f"{path}: 4 lines that are notices by WhatsApp or placeholders for media"
    assert f"{path}:11: the chat has no assistant turn" in stats.notes
    later = WHATSAPP.replace("12:06 PM", "12:08 PM")
    path.write_text(later, encoding="utf-8")
    first, second = read(f"{path}:Ben")[0]
    assert first == chat("Good morning\nAre you up?", "Yes.\nCoffee?")
    assert second == chat("Sorry, now!", "Now it is cold.")


def test_what_an_iphone_marks_is_nobodys_words(tmp_path: Path) -> None:
    lines = [
        "[31/12/2023, 22:15:00] Anna: \u200eMessages and calls are end-to-end encrypted.",
        "[31/12/2023, 22:15:30] Anna: Hi",
        "\u200e[31/12/2023, 22:15:31] Anna: \u200eimage omitted",
        "[31/12/2023, 22:16:00] ~\u202fBen: Ho \u200e<This message was edited>",
    ]
    (tmp_path / "_chat.txt").write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    assert read(f"{tmp_path / '_chat.txt'}:Ben")[0] == [chat("Hi", "Ho")]


def test_in_a_group_the_others_are_told_apart(tmp_path: Path) -> None:
    lines = [
        f"31/12/23, 22:1{n} - {who}: {text}"
        for n, (who, text) in enumerate([("Anna", "Hi"), ("Carl", "Hello"), ("Ben", "Ho")])
    ]
    (tmp_path / "group.txt").write_text("\n".join(lines), encoding="utf-8")
    assert read(f"{tmp_path / 'group.txt'}:Ben")[0] == [chat("Anna: Hi\nCarl: Hello", "Ho")]


def test_mistakes_with_exports(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_text(WHATSAPP, encoding="utf-8")
    with pytest.raises(UserError, match=r"no single person called 'Zoe': its messages are by .*chat.txt:"):
        read(f"{path}:Zoe")
    (tmp_path / "novel.txt").write_text("It was a dark night.\n" * 100, encoding="utf-8")
    with pytest.raises(UserError, match=r"novel\.txt is not a WhatsApp export.*--text"):
        read(tmp_path / "novel.txt")
    (tmp_path / "a.jsonl").write_text('{"prompt": "Hi", "response": "Ho"}\n', encoding="utf-8")
    with pytest.raises(UserError, match="only a WhatsApp export"):
        read(f"{tmp_path / 'a.jsonl'}:Ben")
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(UserError, match=r"broken\.zip cannot be unpacked"):
        read(tmp_path / "broken.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.png", b"x")
    with pytest.raises(UserError, match=r"other\.zip contains no export.*unpack it"):
        read(tmp_path / "other.zip")


def node(name: str, parent: str | None, message: dict | None, *children: str) -> tuple[str, dict]:
    return name, {"id": name, "message": message, "parent": parent, "children": list(children)}


def said(role: str, *parts: object, kind: str = "text", **more: object) -> dict:
    content = {"content_type": kind, "parts": list(parts)} if kind in ("text", "multimodal_text") else parts[0]
    return {"author": {"role": role}, "content": content, "weight": 1.0, "recipient": "all"} | more


EXPORTED = {
    "title": "Birds",
    "current_node": "answer",
    "mapping": dict(
        [
            node("root", None, None, "system"),
            node("system", "root", said("system", "", metadata={"is_visually_hidden_from_conversation": True}), "ask"),
            node("ask", "system", said("user", "Who waits?"), "thoughts", "old"),
            node("old", "ask", said("assistant", "A crow.")),
            node(
                "thoughts",
                "ask",
                said("assistant", {"content_type": "thoughts", "thoughts": []}, kind="thoughts"),
                "call",
            ),
            node(
                "call",
                "thoughts",
                said("assistant", {"content_type": "code", "text": "look()"}, kind="code", recipient="python"),
                "tool",
            ),
            node(
                "tool",
                "call",
                said("tool", {"content_type": "execution_output", "text": "heron"}, kind="execution_output"),
                "answer",
            ),
            node("answer", "tool", said("assistant", "The heron."), "later"),
            node("later", "answer", said("user", "Thanks")),
        ]
    ),
}
BIRDS = [
    {"role": "user", "content": "Who waits?"},
    {"role": "assistant", "content": "look()", "weight": 0},
    {"role": "tool", "content": "heron"},
    {"role": "assistant", "content": "The heron."},
]


def test_the_current_branch_of_chatgpt(tmp_path: Path) -> None:
    picture = {"asset_pointer": "file-service://x", "content_type": "image_asset_pointer"}
    with_picture = {
        "mapping": dict(
            [
                node("a", None, said("user", picture, "What is it?", kind="multimodal_text"), "b"),
                node("b", "a", said("assistant", "A heron.")),
            ]
        ),
        "current_node": "b",
    }
    (tmp_path / "conversations.json").write_text(json.dumps([EXPORTED, with_picture]), encoding="utf-8")
    found, stats = read(tmp_path / "conversations.json")
    assert found == [BIRDS]
    assert stats.skipped_rows == 1 and "something other than text (image_asset_pointer)" in stats.notes[0]


def test_without_a_current_node_the_newest_leaf_counts(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps([EXPORTED | {"current_node": None}]), encoding="utf-8")
    assert read(tmp_path / "one.json")[0] == [chat("Who waits?", "A crow.")]


def test_archives_as_the_apps_give_them(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "chatgpt.zip", "w") as archive:
        archive.writestr("user.json", "{}")
        archive.writestr("conversations.json", json.dumps([EXPORTED, {"title": "none", "mapping": {}}]))
    found, stats = read(tmp_path / "chatgpt.zip")
    assert found == [BIRDS]
    assert stats.notes[0].startswith(f"{tmp_path / 'chatgpt.zip'}/conversations.json:row 2: ")
    with zipfile.ZipFile(tmp_path / "whatsapp.zip", "w") as archive:
        archive.writestr("_chat.txt", WHATSAPP)
        archive.writestr("0001-PHOTO.jpg", b"x")
    assert len(read(f"{tmp_path / 'whatsapp.zip'}:Ben")[0]) == 1
    with pytest.raises(UserError, match=r"whatsapp.zip/_chat.txt is a WhatsApp chat between"):
        read(tmp_path / "whatsapp.zip")
