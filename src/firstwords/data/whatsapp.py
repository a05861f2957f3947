"""A chat exported by WhatsApp as conversations: a new one each day and after every long silence.

    31/12/2023, 22:15 - Anna: Are you there?          Android
    [31.12.23, 22:15:30] Ben: Yes!                    iPhone
    12/31/23, 10:15 PM - Anna: Good.                  and the date and time formats of other locales

The model learns to speak as one person, whom `FILE:NAME` names; everyone else is the user. Lines that are not messages
are left out and counted: WhatsApp's own notices ("Anna joined"), and placeholders for pictures, voice messages and
files ("<Media omitted>").
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from firstwords.config import UserError
from firstwords.data.source_stats import SourceStats
from firstwords.tokenizer.chat import Message

SILENCE_HOURS = 3.0  # a longer silence ends a conversation
FIRST_LINES = 20  # a text is not an export if none of these starts with a date and time
_DATE = r"\d{1,4}\s?[./\-年년]\s?\d{1,2}\s?[./\-月월]\s?\d{1,4}[日일]?\.?"
_HALF = r"(?:[ap]\.?\s?m\.?|AM|PM|上午|下午|오전|오후|午前|午後|[صم])"
_TIME = rf"(?:{_HALF}\s?)?\d{{1,2}}[:.]\d{{2}}(?:[:.]\d{{2}})?(?:\s?{_HALF})?(?:\s?Uhr)?"
_STAMP = rf"(?P<date>{_DATE})\s?,?\s(?:[^\W\d]{{1,5}}\.?\s){{0,2}}(?P<time>{_TIME})"
_IPHONE = re.compile(rf"\[{_STAMP}\]\s?(?P<rest>.*)", re.IGNORECASE)
_ANDROID = re.compile(rf"{_STAMP}(?:\s[-–]\s|:\s|,\s)(?P<rest>.*)", re.IGNORECASE)
_CLOCK = re.compile(r"(\d{1,2})[:.](\d{2})")
_LATE = re.compile(r"p\.?\s?m|下午|오후|午後|م", re.IGNORECASE)
_HALVES = re.compile(_HALF, re.IGNORECASE)
_SPEAKER = re.compile(r"(?:~\s?)?(?P<name>[^:]{1,60}): ?(?P<text>.*)", re.DOTALL)
_MARKS = dict.fromkeys(map(ord, "\u200e\u200f\u202a\u202b\u202c\u2068\u2069\ufeff"))  # text direction marks
_SPACES = dict.fromkeys(map(ord, "\u202f\u00a0\u2009"), " ")
_PLACEHOLDER = re.compile(
    r"<[^<>\n]{4,60}>"  # <Media omitted>, <Medien ausgeschlossen>, <attached: 0012-PHOTO.jpg>
    r"|\S+\.\w{2,5} \([^()\n]{4,40}\)"  # IMG-20231231-WA0001.jpg (file attached)
    r"|(?:image|video|audio|sticker|GIF|document|Contact card|\S+\.\w{2,5}(?: • [^\n]*)? document) omitted"
    r"|(?:Bild|Video|Audio|Sticker|GIF|Dokument) weggelassen"
    r"|(?:This message was deleted|You deleted this message|Diese Nachricht wurde gelöscht|Se eliminó este mensaje"
    r"|Ce message a été supprimé|Missed (?:voice|video) call|Waiting for this message[^\n]*|null)\.?",
    re.IGNORECASE,
)
_NOTE = re.compile(r":\s?\u200e")  # how an iPhone marks placeholders and WhatsApp's own notices
_EDITED = re.compile(r"\s*<[^<>\n]*\b(?:edited|bearbeitet|editó|modifié|editada)\b[^<>\n]*>\s*$", re.IGNORECASE)


@dataclass
class Post:
    """One message of the export: its line number, the day as written, minutes after midnight, the name and the text."""

    line: int
    day: str
    minutes: int
    name: str
    text: str


def conversations(
    lines: Iterable[str], path: str, assistant: str | None, stats: SourceStats
) -> Iterator[tuple[str, list[Message]]]:
    """(file:line, messages) of each conversation of an export, in order.

    Raises UserError for a text that is not an export, and if `assistant` is not one of its people.
    """
    posts, num_left_out = read_lines(lines, path)
    if num_left_out:
        stats.note(f"{path}: {num_left_out:,} lines that are notices by WhatsApp or placeholders for media")
    counts = Counter(post.name for post in posts)
    name = _assistant(assistant, counts, path)
    for part in _conversations(posts):
        stats.rows += 1
        yield f"{path}:{part[0].line}", _as_messages(part, name, with_names=len(counts) > 2)


def read_lines(lines: Iterable[str], path: str) -> tuple[list[Post], int]:
    """(messages in order, number of lines that are not messages). Raises UserError for a text that is not an export."""
    posts: list[Post] = []
    num_stamped, current = 0, None
    for number, line in enumerate(lines, 1):
        plain = line.translate(_SPACES).translate(_MARKS)
        stamped = _IPHONE.match(plain) or _ANDROID.match(plain)
        if stamped is None:
            if num_stamped == 0 and number > FIRST_LINES:
                break
            if current is not None:
                current.text += "\n" + plain
            continue
        num_stamped += 1
        speaker = _SPEAKER.fullmatch(stamped["rest"])
        current = None
        if speaker is not None and not _NOTE.search(line):
            current = Post(number, stamped["date"], _minutes(stamped["time"]), speaker["name"].strip(), speaker["text"])
            posts.append(current)
    if not num_stamped:
        raise UserError(
            f"{path} is not a WhatsApp export, the only supported text file of chats: give plain text to --text, "
            "or write the chats as JSON lines with messages"
        )
    for post in posts:
        post.text = _EDITED.sub("", post.text).strip()
    people = [post for post in posts if post.text and not _PLACEHOLDER.fullmatch(post.text)]
    return people, num_stamped - len(people)


def _minutes(clock: str) -> int:
    found = _CLOCK.search(clock)
    hour, minute = (int(found[1]), int(found[2])) if found else (0, 0)
    if _HALVES.search(clock):
        hour = hour % 12 + (12 if _LATE.search(clock) else 0)
    return hour * 60 + minute


def _assistant(wanted: str | None, counts: Counter[str], path: str) -> str:
    """The name, as the export writes it, of the person the model speaks as."""
    people = " and ".join(f"{name} ({count:,})" for name, count in counts.most_common(12))
    if not counts:
        raise UserError(f"{path} contains no messages, only notices by WhatsApp and placeholders: leave it out")
    example = f"{path}:{counts.most_common(1)[0][0]}"
    if not wanted:
        raise UserError(
            f"{path} is a WhatsApp chat between {people}: say who the model should speak as, e.g. --chats '{example}'"
        )
    found = [name for name in counts if _folded(name) == _folded(wanted)]
    found = found or [name for name in counts if _folded(name).split()[:1] == [_folded(wanted)]]  # by the first name
    if len(found) != 1:
        raise UserError(
            f"{path} has no single person called {wanted!r}: its messages are by {people}; use e.g. --chats '{example}'"
        )
    return found[0]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _conversations(posts: list[Post]) -> Iterator[list[Post]]:
    part: list[Post] = []
    for post in posts:
        if part and (post.day != part[-1].day or post.minutes - part[-1].minutes > SILENCE_HOURS * 60):
            yield part
            part = []
        part.append(post)
    if part:
        yield part


def _as_messages(part: list[Post], assistant: str, with_names: bool) -> list[Message]:
    """Messages with neighbours of one role merged; in a group, the user's messages carry the speaker's name."""
    messages: list[Message] = []
    for post in part:
        role = "assistant" if post.name == assistant else "user"
        text = f"{post.name}: {post.text}" if with_names and role == "user" else post.text
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += "\n" + text
        else:
            messages.append(Message(role=role, content=text))
    return messages
