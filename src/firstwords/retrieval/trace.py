"""Where the words of a model could come from: the longest sequences of an answer that are in what it learned from.

    indexes = open_indexes(home.resolve("pip"), tokenizer)
    traced = trace(tokenizer.encode("Anna Berger repairs the bell."), indexes, tokenizer)
    traced.spans[0].text, traced.spans[0].count     -> " repairs the bell", 12
    traced.unseen[0].text                           -> "Berger repairs", which is nowhere

A match is a match: it says that the model read these words, not that it wrote them because of it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from firstwords import home
from firstwords.config import UserError
from firstwords.data.shards import write_ids
from firstwords.plain_text import clean_text
from firstwords.retrieval.suffixes import INFO, MAX_LENGTH, NEVER, TokenIndex, build
from firstwords.retrieval.words import UNSPACED
from firstwords.runlog import read_json

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer

Kind = Literal["text", "chats", "preferences"]
Range = tuple[int, int]  # of tokens
TOKENS, INDEX = "tokens", "trace"  # folders in a run's
PAIRS = "pairs.json"  # the preferences in a reward model's run
SAMPLES = 3  # places of a span that are shown
AROUND = 24  # tokens before and after a match
TITLE_TOKENS, TITLE_CHARS = 40, 60  # of the beginning of a document
MIN_WORDS = 2  # of a span: one alone says nothing
_ROLE_TOKENS = 16  # "assistant" and the line end, also where each letter is a token


@dataclass(frozen=True)
class Corpus:
    """What a stage learned from. run: the folder of its training run."""

    stage: str
    kind: Kind
    run: Path

    @property
    def is_indexed(self) -> bool:
        """Whether there is an index, which may still be damaged."""
        return (self.run / INDEX / INFO).is_file()

    @property
    def can_be_indexed(self) -> bool:
        """Whether its tokens, or its pairs, are in the run's folder."""
        return (self.run / TOKENS).is_dir() or (self.run / PAIRS).is_file()


def corpora(directory: Path) -> list[Corpus]:
    """Everything that a stage in home learned from, earliest first. Raises UserError for a model trained elsewhere."""
    name, stage = directory.parent.name, directory.name
    if directory.absolute() != home.stage_dir(name, stage).absolute():
        raise UserError(f"{directory} was not trained here, so its training text is unknown: trace a model in home")
    found = [Corpus("base", "text", home.run_dir(name, "base"))]
    if stage != "base":
        found.append(Corpus("sft", "chats", home.run_dir(name, "sft")))
    if stage.startswith("rlhf"):
        found.append(Corpus("reward", "preferences", home.run_dir(name, "reward")))
    return found


def index(corpus: Corpus, tokenizer: Tokenizer) -> TokenIndex:
    """Build the index of a corpus."""
    if corpus.kind == "preferences":
        write_ids(_answers(corpus.run, tokenizer), tokenizer, corpus.run / TOKENS)
    return build(corpus.run / TOKENS, corpus.run / INDEX, tokenizer.endoftext_id)


def _answers(run: Path, tokenizer: Tokenizer) -> Iterator[list[int]]:
    """The chosen and the rejected answer of each pair, in turn."""
    for _, chosen, rejected in (read_json(run / PAIRS) or {}).get("pairs", []):
        yield tokenizer.encode(clean_text(chosen))
        yield tokenizer.encode(clean_text(rejected))


@dataclass
class Indexes:
    """The indexes of a model's corpora; missing: those without one."""

    found: list[tuple[Corpus, TokenIndex]] = field(default_factory=list)
    missing: list[Corpus] = field(default_factory=list)


def open_indexes(directory: Path, tokenizer: Tokenizer) -> Indexes:
    """Open what there is for a stage. An index of another vocabulary is of another model, and counts as missing."""
    indexes = Indexes()
    for corpus in corpora(directory):
        opened = _opened(corpus)
        if opened is not None and opened.shards.tokenizer_hash == tokenizer.hash:
            indexes.found.append((corpus, opened))
        else:
            indexes.missing.append(corpus)
    return indexes


def _opened(corpus: Corpus) -> TokenIndex | None:
    """The index of a corpus, if there is one that can be read and is of these tokens."""
    try:
        return TokenIndex(corpus.run / TOKENS, corpus.run / INDEX) if corpus.is_indexed else None
    except UserError:
        return None


@dataclass(frozen=True)
class Sample:
    """One place where a span occurs. document: its number, from 1; speaker: of a chat's message."""

    document: int
    title: str
    speaker: str
    before: str
    text: str
    after: str


@dataclass(frozen=True)
class Places:
    """How often a span occurs in what one stage learned from, and some of the places."""

    stage: str
    kind: Kind
    count: int
    samples: list[Sample]


@dataclass(frozen=True)
class Span:
    """Tokens start to end of the traced text, which occur like this."""

    start: int
    end: int
    text: str
    places: list[Places] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How often it occurs in everything together."""
        return sum(place.count for place in self.places)


@dataclass(frozen=True)
class Trace:
    """spans: the longest sequences that occur, none within another, longest first; unseen: the shortest that do not."""

    ids: list[int]
    tokens: list[str]
    spans: list[Span]
    unseen: list[Span]
    indexes: Indexes

    def to_dict(self) -> dict[str, Any]:
        """The trace as JSON can hold it."""
        return {
            "tokens": self.tokens,
            "spans": [_span(span) for span in self.spans],
            "unseen": [{"start": span.start, "end": span.end, "text": span.text} for span in self.unseen],
            "searched": [_searched(corpus, found) for corpus, found in self.indexes.found],
            "missing": [{"stage": corpus.stage, "kind": corpus.kind} for corpus in self.indexes.missing],
        }


def _searched(corpus: Corpus, found: TokenIndex) -> dict[str, Any]:
    numbers = {"tokens": found.num_tokens, "documents": documents(corpus, found)}
    return {"stage": corpus.stage, "kind": corpus.kind} | numbers


def _span(span: Span) -> dict[str, Any]:
    places = [
        {"stage": p.stage, "kind": p.kind, "count": p.count, "samples": [dict(vars(sample)) for sample in p.samples]}
        for p in span.places
    ]
    return {"start": span.start, "end": span.end, "text": span.text, "count": span.count, "places": places}


def documents(corpus: Corpus, found: TokenIndex) -> int:
    """The documents of a corpus; a pair of answers is one."""
    return found.num_documents // 2 if corpus.kind == "preferences" else found.num_documents


def text_ids(text: str, indexes: Indexes, tokenizer: Tokenizer) -> list[int]:
    """The tokens of a text that a person gives. In a sentence its first word has a space before it, which is part of
    the token: whichever form has the longer matches is taken."""
    forms = [tokenizer.encode(clean_text(form)) for form in (text, f" {text.lstrip()}")]
    return max(forms, key=lambda ids: _longest(ids, indexes).sum() / max(1, len(ids)))


def trace(ids: Sequence[int], indexes: Indexes, tokenizer: Tokenizer, samples: int = SAMPLES) -> Trace:
    """Trace tokens. A chat template's are never part of a span: only words are traced. samples: shown for each span."""
    known = _words_only(ids, tokenizer)
    longest_N = _longest(known, indexes)
    texts = [tokenizer.decode([i], skip_special=False) for i in ids]
    is_start = _word_starts(texts)
    spans = _maximal(longest_N)
    wanted = _outermost(_shrunk(span, is_start) for span in spans)
    wanted = [span for span in wanted if _num_words(span, texts, is_start) >= MIN_WORDS]
    places: list[list[Places]] = [[] for _ in wanted]
    for corpus, found in indexes.found:
        hits = found.find([known[start:end] for start, end in wanted], samples) if wanted else []
        for (start, end), (count, at), of_span in zip(wanted, hits, places, strict=True):
            if count:
                shown = [_sample(corpus, found, place, end - start, tokenizer) for place in at]
                of_span.append(Places(corpus.stage, corpus.kind, count, shown))

    def span(start: int, end: int, of_span: list[Places]) -> Span:
        return Span(start, end, tokenizer.decode(list(ids[start:end])), of_span)

    found_spans = [span(start, end, of_span) for (start, end), of_span in zip(wanted, places, strict=True)]
    absent = _absent(longest_N, spans, known) if indexes.found else []
    unseen = [span(start, end, []) for start, end in _innermost(_grown(span, is_start) for span in absent)]
    return Trace(
        list(ids),
        texts,
        sorted(found_spans, key=lambda s: (-len(s.text.strip()), s.count, s.start)),
        sorted(unseen, key=lambda s: (s.end - s.start, s.start)),
        indexes,
    )


def _words_only(ids: Sequence[int], tokenizer: Tokenizer) -> list[int]:
    """The tokens, with NEVER for special ones and for the line that names whose turn it is."""
    found = []
    is_role = False
    for i in ids:
        is_special = i in tokenizer.special_ids
        found.append(NEVER if is_special or is_role else i)
        if is_special:
            is_role = tokenizer.has_chat_tokens and i == tokenizer.im_start_id
        elif is_role and "\n" in tokenizer.decode([i]):
            is_role = False
    return found


def _longest(ids: Sequence[int], indexes: Indexes) -> np.ndarray:
    """Length of the longest sequence from each token on that occurs in any corpus."""
    longest_N = np.zeros(len(ids), np.int64)
    for _, found in indexes.found:
        longest_N = np.maximum(longest_N, found.longest(ids))
    return longest_N


def _maximal(longest_N: np.ndarray) -> list[Range]:
    """(start, end) of the sequences that occur and are not part of a longer one that does."""
    found: list[Range] = []
    reached = 0
    for start, length in enumerate(longest_N.tolist()):
        if length and start + length > reached:
            found.append((start, start + length))
            reached = start + length
    return found


def _absent(longest_N: np.ndarray, spans: Iterable[Range], ids: Sequence[int]) -> list[Range]:
    """(start, end) of the shortest sequences that do not occur, although all of their parts do.

    Where one maximal sequence ends and the next begins, the tokens from just before the second to just after the first
    are nowhere together.
    """
    pairs = itertools.pairwise(spans)
    absent = [(b - 1, end + 1) for (a, end), (b, _) in pairs if b <= end and end - a < MAX_LENGTH]
    alone = [(at, at + 1) for at, length in enumerate(longest_N.tolist()) if not length and ids[at] != NEVER]
    return absent + alone


# ---- whole words: a vocabulary cuts where it likes, and "on the m" of "mat" is not what "mushroom" repeats -----------

_LETTER = re.compile(rf"[^\W_{UNSPACED}]|\ufffd")  # of a word that goes on; U+FFFD: a part of a character


def _word_starts(texts: Sequence[str]) -> list[bool]:
    """Whether a word can begin at each token, and at the end. Scripts without spaces are cut anywhere."""
    joined = [bool(a and b and _LETTER.match(a[-1]) and _LETTER.match(b[0])) for a, b in itertools.pairwise(texts)]
    return [True, *(not together for together in joined), True][: len(texts) + 1]


def _shrunk(span: Range, is_start: Sequence[bool]) -> Range:
    """A span without the parts of words at its ends."""
    start, end = span
    while start < end and not is_start[start]:
        start += 1
    while end > start and not is_start[end]:
        end -= 1
    return start, end


def _grown(span: Range, is_start: Sequence[bool]) -> Range:
    """A span with the rest of the words at its ends."""
    start, end = span
    while not is_start[start]:
        start -= 1
    while not is_start[end]:
        end += 1
    return start, end


def _num_words(span: Range, texts: Sequence[str], is_start: Sequence[bool]) -> int:
    start, end = span
    return sum(is_start[at] and any(c.isalnum() for c in texts[at]) for at in range(start, end))


def _outermost(spans: Iterable[Range]) -> list[Range]:
    """Spans that are within no other, in order."""
    found: list[Range] = []
    for start, end in sorted(set(spans), key=lambda span: (span[0], -span[1])):
        if end > start and (not found or end > found[-1][1]):
            found.append((start, end))
    return found


def _innermost(spans: Iterable[Range]) -> list[Range]:
    """Spans that contain no other, in order."""
    found: list[Range] = []
    for start, end in sorted(set(spans), key=lambda span: (-span[0], span[1])):
        if not found or end < found[-1][1]:
            found.append((start, end))
    return found[::-1]


def _sample(corpus: Corpus, found: TokenIndex, place: int, length: int, tokenizer: Tokenizer) -> Sample:
    """The surroundings of a match, within its document and, in a chat, within its message."""
    number, start, end = found.document_at(place)
    first = max(start + 1, place - AROUND)
    before = found.tokens(first, place)
    after = found.tokens(place + length, min(end, place + length + AROUND)) if place + length < end else []
    cut = max((i for i, token in enumerate(before) if token in tokenizer.special_ids), default=-1)
    stop = next((i for i, token in enumerate(after) if token in tokenizer.special_ids), len(after))
    speaker, text_before = "", tokenizer.decode(before[cut + 1 :])
    if corpus.kind == "chats":
        speaker = _speaker(found, start, place, tokenizer)
        text_before = text_before.removeprefix(f"{speaker}\n") if cut >= 0 else text_before
    elif corpus.kind == "preferences":
        number, speaker = number // 2, ("chosen", "rejected")[number % 2]
    title = _title(found.tokens(start + 1, min(end, start + 1 + TITLE_TOKENS)), tokenizer)
    text = tokenizer.decode(found.tokens(place, place + length))
    return Sample(number + 1, title, speaker, text_before, text, tokenizer.decode(after[:stop]))


def _speaker(found: TokenIndex, start: int, place: int, tokenizer: Tokenizer) -> str:
    """The role whose message a place of a chat is in."""
    ids = found.tokens(start + 1, place + 1)
    opened = max((i for i, token in enumerate(ids) if token in tokenizer.special_ids), default=-1)
    if opened < 0:
        return ""
    line = tokenizer.decode(found.tokens(start + 2 + opened, min(start + 2 + opened + _ROLE_TOKENS, found.num_tokens)))
    role, end, _ = line.partition("\n")
    return role if end and role in ("system", "user", "assistant") else ""


def _title(beginning: Sequence[int], tokenizer: Tokenizer) -> str:
    """The first words of a document, or of a chat's first message, on one line."""
    special = [at for at, token in enumerate(beginning) if token in tokenizer.special_ids]
    is_chat = special[:1] == [0]  # it begins with the mark of a turn and a role
    text = tokenizer.decode(list(beginning[: special[1]] if is_chat and len(special) > 1 else beginning))
    line = " ".join((text.partition("\n")[2] if is_chat else text).split())
    return line if len(line) <= TITLE_CHARS else line[: TITLE_CHARS - 1].rsplit(" ", 1)[0] + "…"
