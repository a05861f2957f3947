"""Constrained answers: before every draw, tokens that would violate the grammar are masked, and when few tokens remain,
open structures are closed.

    Constraint.json_schema({"type": "object", ...})    Constraint.regex(r"[0-9]{4}")    Constraint.choice(["yes", "no"])

`llguidance` follows the grammar byte by byte, so it works with any vocabulary; `grammar.closing` computes the shortest
completion. Only the sampled tokens are restricted: log-probabilities remain those of the model. JSON has no optional
white space, because a small model that may write spaces there fills its context with them.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import llguidance

    from firstwords.engine.grammar.closing import Follower, Growing, Place
    from firstwords.engine.grammar.shape import Shape
    from firstwords.engine.rules.rules import Rules
    from firstwords.tokenizer.fast import Tokenizer

MAX_CHARS = 32_768  # of a schema or expression; one of this size compiles in a few tenths of a second
MAX_REMEMBERED = 32  # compiled grammars
MAX_MASK_BYTES = 2_000_000  # that a grammar remembers
LANDING = 12  # tokens before the limit from which on sentences begin no new word: more than most words have
MAX_LANDING = 32  # as above, where the answer has had longer words
LONGEST_ENDING = 24  # bytes: a rhyming word and a full stop
# A quarter of llguidance's own limits: at most about 5 ms per token, because other answers wait for it.
LIMITS: dict[str, Any] = {"initial_lexer_fuel": 1_000_000, "step_lexer_fuel": 50_000, "step_max_items": 12_500}


@dataclass(frozen=True)
class Constraint:
    """A requested constraint, compiled when an answer begins. `source`: the schema or the options as JSON, or the text
    given.

    The constructors raise ValueError for a source that is too long; `Constraints.matcher` for an unsupported one.
    """

    name: str  # its name in messages: schema, expression, choice, grammar, rule, call
    source: str
    origin: str = field(default="constraint", compare=False)  # the parameter that requested it, for error messages

    def __post_init__(self) -> None:
        if len(self.source) > MAX_CHARS:
            raise ValueError(f"the {self.name} has {len(self.source):,} characters, but the limit is {MAX_CHARS:,}")

    @classmethod
    def json_schema(cls, schema: dict[str, Any] | bool) -> Constraint:
        """JSON that satisfies a schema."""
        try:
            return cls("schema", json.dumps(schema))
        except RecursionError:
            raise ValueError("the schema is nested too deeply") from None

    @classmethod
    def json_object(cls) -> Constraint:
        """Any JSON object."""
        return cls.json_schema({"type": "object"})

    @classmethod
    def regex(cls, pattern: str) -> Constraint:
        """Text that a regular expression (no look-around, no back references) matches completely."""
        return cls("expression", pattern)

    @classmethod
    def choice(cls, options: Sequence[str]) -> Constraint:
        """One of the given texts."""
        if not options or not all(options):
            raise ValueError("a choice needs at least one option, and none may be empty")
        return cls("choice", json.dumps(list(options)))

    @classmethod
    def lark(cls, grammar: str) -> Constraint:
        """Text of a context-free grammar: in llguidance's variant of Lark, or in llama.cpp's GBNF.

        Such an answer may be cut off when its tokens run out.
        """
        return cls("grammar", grammar)

    @classmethod
    def rules(cls, rules: Rules, after: str = "") -> Constraint:
        """Text that obeys rules for words, and any of the other forms that they name. after: the text it continues."""
        return cls("rule", rules.source(after))

    @classmethod
    def calls(cls, functions: Sequence[Mapping[str, Any]], is_tagged: bool, most: int) -> Constraint:
        """One to `most` calls of tools (OpenAI's functions), whose arguments satisfy their schemas.

        is_tagged: each between <tool_call> and </tool_call>.
        """
        return cls("call", json.dumps({"functions": list(functions), "is_tagged": is_tagged, "most": most}))


class Constraints:
    """Compiles grammars for one tokenizer. Thread-safe."""

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, end_ids: Sequence[int]) -> None:
        from llguidance import LLParserLimits, LLTokenizer, TokenizerWrapper

        self._vocab_size = vocab_size
        self._vocabulary = _Vocabulary(tokenizer)
        self._tokenizer = LLTokenizer(
            TokenizerWrapper(self._vocabulary), n_vocab=vocab_size, eos_token=list(end_ids), slices=[]
        )
        self._limits = LLParserLimits(**LIMITS, verbose_errors=False)
        self._compiled: OrderedDict[Constraint, _Grammar] = OrderedDict()

    def matcher(self, constraint: Constraint, end_ids: frozenset[int]) -> Matcher:
        """A matcher at the beginning of the grammar. Raises ValueError for an invalid grammar."""
        compiled = self._compiled.get(constraint)
        if compiled is None:
            compiled = self._compiled[constraint] = self._compile(constraint)
            while len(self._compiled) > MAX_REMEMBERED:
                self._compiled.popitem(last=False)
        return Matcher(compiled, end_ids, self._vocabulary)

    def _compile(self, constraint: Constraint) -> _Grammar:
        from llguidance import LLMatcher

        from firstwords.engine.grammar.closing import Follower

        try:
            grammar, shape = _READERS[constraint.name](constraint.source)
            matcher = LLMatcher(self._tokenizer, grammar, log_level=0, limits=self._limits)
            if matcher.is_error():
                raise ValueError(_first_line(matcher.get_error()))
            follower = Follower(shape) if shape is not None else None
            shortest = self._vocabulary.spelled(follower.start().rest) if follower is not None else []
            if shortest is None:
                raise ValueError("this model's vocabulary cannot spell such a text")
            return _Grammar(matcher, follower, len(shortest), self._vocab_size)
        except ValueError as error:
            if constraint.name == "rule":  # whose messages say which rule it is
                raise ValueError(str(error)) from None
            raise ValueError(f"the {constraint.name} is not supported: {error}") from None


# Each returns the grammar in llguidance's form and, if known, the shape of its texts: an answer of a known shape is
# closed before its tokens run out.
def _schema(source: str) -> tuple[str, Shape | None]:
    from firstwords.engine.grammar.schema import shape_of

    return _of_shape(shape_of(json.loads(source)))


def _choice(source: str) -> tuple[str, Shape | None]:
    from firstwords.engine.grammar import regular
    from firstwords.engine.grammar.shape import Shape, Text

    return _of_shape(Shape(Text((regular.any_of(dict.fromkeys(json.loads(source))),))))


def _expression(source: str) -> tuple[str, Shape | None]:
    from llguidance import LLMatcher

    from firstwords.engine.grammar import regular
    from firstwords.engine.grammar.pattern import parse
    from firstwords.engine.grammar.shape import Shape, Text

    tree = regular.whole(parse(source))
    shape = Shape(Text((tree,)))
    try:
        is_possible = shape.shortest is not None
    except ValueError:  # too large to compute the shortest completion from every state
        return LLMatcher.grammar_from_regex(regular.to_rust(tree)), None
    if not is_possible:
        raise ValueError("no text matches it")
    return _of_shape(shape)


def _call(source: str) -> tuple[str, Shape | None]:
    from firstwords.engine.grammar.calls import shape_of

    return _of_shape(shape_of(**json.loads(source)))


def _rule(source: str) -> tuple[str, Shape | None]:
    from firstwords.engine.rules.rules import shape_of

    return _of_shape(shape_of(source))


def _grammar(source: str) -> tuple[str, Shape | None]:
    from llguidance import LLMatcher
    from llguidance.gbnf_to_lark import gbnf_to_lark

    if "::=" in source:
        try:
            source = gbnf_to_lark(source)
        except Exception as error:
            raise ValueError(_first_line(str(error))) from None
    return LLMatcher.grammar_from_lark(source), None


def _of_shape(shape: Shape) -> tuple[str, Shape]:
    from llguidance import LLMatcher

    return LLMatcher.grammar_from_lark(shape.lark), shape


_READERS: dict[str, Callable[[str], tuple[str, Shape | None]]] = {
    "schema": _schema,
    "choice": _choice,
    "expression": _expression,
    "grammar": _grammar,
    "rule": _rule,
    "call": _call,
}


class _Next(NamedTuple):
    """What may follow in an answer."""

    mask_W: np.ndarray | None  # as `Matcher.write_mask` writes it; None where no token may follow
    may_end: bool
    is_complete: bool


class _Grammar:
    """A compiled constraint. Answers under the same one share what is known about the places of a regular shape.

    min_tokens: of the shortest answer; 0 if unknown.
    """

    def __init__(
        self, matcher: llguidance.LLMatcher, follower: Follower | None, min_tokens: int, vocab_size: int
    ) -> None:
        self.matcher, self.follower, self.min_tokens, self.vocab_size = matcher, follower, min_tokens, vocab_size
        self._known: dict[tuple[Place, frozenset[int]], _Next] = {}

    def known(self, place: Place | None, end_ids: frozenset[int]) -> _Next | None:
        """What may follow at a place, if an answer with the same end tokens was there before."""
        return self._known.get((place, end_ids)) if place is not None else None

    def remember(self, place: Place | None, end_ids: frozenset[int], found: _Next) -> None:
        """Keep what llguidance said about a place."""
        if place is None or not place.follower.shape.is_regular:
            return
        if len(self._known) * self.vocab_size > 8 * MAX_MASK_BYTES:
            self._known.clear()
        self._known[place, end_ids] = found


class Matcher:
    """One answer's path through a grammar. For every token: `write_mask`, then `settle` the drawn one, then `advance`.

    llguidance reads the tokens only where it has to be asked. min_tokens: as in `_Grammar`.
    """

    def __init__(self, grammar: _Grammar, end_ids: frozenset[int], vocabulary: _Vocabulary) -> None:
        self._grammar, self._end_ids, self._vocabulary = grammar, end_ids, vocabulary
        self._matcher: llguidance.LLMatcher | None = None
        self._unread: list[int] = []  # tokens that llguidance has not read
        self._here: _Next | None = None
        self._place = grammar.follower.start() if grammar.follower is not None else None
        self._next: Place | None = None  # after the token that was settled
        self._way: list[int] | None = None  # tokens that would finish the answer from here, if they were computed
        self._growing: Growing | None = None  # the text being generated, if later ones need room as well
        self._least_room = 0  # tokens that it must leave to those
        self._landing = 0  # tokens before the last one, from which on sentences begin no new word; 0 before the first
        self._word_tokens = 0  # of the word being written
        self._last_words: list[int] | None = None  # the tokens that end the last sentence, once that was decided
        self.min_tokens = grammar.min_tokens
        self.has_failed = False  # the grammar has become too complex, or no token can continue
        self.has_ended = False  # the settled token is past the end and not part of the answer

    def write_mask(self, mask_W: np.ndarray) -> None:
        """Write which tokens may come next into words of 32 tokens (uint32), bit i of word w for token 32 w + i: those
        that continue the grammar and, where it may end, the request's end tokens. All tokens if `has_failed`.
        """
        found = self._look().mask_W
        if found is None:
            self.has_failed = True
            mask_W[:] = 0xFFFFFFFF
        else:
            mask_W[:] = found

    def allowed(self) -> np.ndarray:
        """What `write_mask` writes as bool, (V,)."""
        mask_W = np.zeros(-(-self._grammar.vocab_size // 32), np.uint32)
        self.write_mask(mask_W)
        return np.unpackbits(mask_W.view(np.uint8), bitorder="little")[: self._grammar.vocab_size].astype(bool)

    def _look(self) -> _Next:
        """What may follow: from memory if an answer was at this place before, else from llguidance."""
        if self._here is None:
            self._here = self._grammar.known(self._place, self._end_ids)
        if self._here is None:
            self._here = self._ask()
            if not self.has_failed:
                self._grammar.remember(self._place, self._end_ids, self._here)
        return self._here

    def _ask(self) -> _Next:
        if self._matcher is None:
            self._matcher = self._grammar.matcher.deep_copy()
        matcher = self._matcher
        if self._unread and not matcher.consume_tokens(self._unread):
            self.has_failed = True
        self._unread.clear()
        may_end, is_complete = matcher.is_accepting(), matcher.is_stopped()
        bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        allowed_V = np.unpackbits(bits, bitorder="little")[: self._grammar.vocab_size]
        allowed_V[list(self._end_ids)] = may_end
        if matcher.is_error() or not allowed_V.any():
            return _Next(None, may_end, is_complete)
        mask_W = np.zeros(-(-len(allowed_V) // 32), np.uint32)
        packed = np.packbits(allowed_V, bitorder="little")
        mask_W.view(np.uint8)[: len(packed)] = packed
        return _Next(mask_W, may_end, is_complete)

    def settle(self, token: int, room: int) -> int:
        """The token to use for a drawn one, given that `room` tokens remain, including this one.

        It is the drawn token if what it opens can be closed with the remaining ones, else the next token of the
        shortest completion. A completion always fits: it did at the beginning (`min_tokens`), and every accepted token
        preserves this. A string followed by other values ends when it has used half of the room, because a model may
        never end it.
        """
        if self._place is None or self.has_failed or (token in self._end_ids and not self._last_words):
            return token
        if self._place.follower.shape.is_prose and self._begins_too_late(token, room):
            return self._end_sentence(token)
        after = self._after(token)
        if after is not None and self._is_too_long(after, room):
            end = self._vocabulary.spelled(self._place.end_of_text)
            token = end[0] if end else token
            after = self._after(token)
        if after is not None:
            way = None if after.length < room else self._vocabulary.spelled(after.rest)
            if after.length < room or (way is not None and len(way) < room):
                self._next, self._way = after, way
                return token
        way = self._way if self._way is not None else self._vocabulary.spelled(self._place.rest)
        if not way:
            self.has_ended = True
            return min(self._end_ids, default=token)
        self._next, self._way = self._place.after(self._vocabulary.tokens[way[0]]), way[1:]
        return way[0]

    def _begins_too_late(self, token: int, room: int) -> bool:
        """Whether a sentence has to end here: a new word might be cut by the end of the room. Where the model begins
        a word, the one before it is whole.
        """
        assert self._place is not None
        if self._last_words is not None:
            return True
        if not self._landing:
            self._landing = min(LANDING, max(1, room // 4))
        data = self._vocabulary.tokens[token]
        if data.strip() == data:
            self._word_tokens += 1
            return False
        self._landing = max(self._landing, min(self._word_tokens + 2, MAX_LANDING))
        self._word_tokens = 1
        return room <= self._landing and self._place.length <= LONGEST_ENDING

    def _end_sentence(self, token: int) -> int:
        """The next token of the shortest way to the end of the sentence."""
        assert self._place is not None
        if self._last_words is None:
            self._last_words = self._vocabulary.spelled(self._place.rest) or []
        if not self._last_words:
            self.has_ended = True
            return min(self._end_ids, default=token)
        settled = self._last_words.pop(0)
        self._next = self._place.after(self._vocabulary.tokens[settled])
        return settled

    def _after(self, token: int) -> Place | None:
        """The place after a token; None where the answer could not be finished from there."""
        assert self._place is not None
        after = self._place.after(self._vocabulary.tokens[token])
        return after if after is not None and after.length < math.inf else None

    def _is_too_long(self, after: Place, room: int) -> bool:
        """Whether a text that has used half of the room continues although other long values follow it."""
        growing = after.growing
        before = self._growing
        if growing is None or before is None or any(a is not b for a, b in zip(growing, before, strict=False)):
            self._growing = growing
            self._least_room = room - int(room - after.length) // 2 if growing is not None else 0
            return False
        return room <= self._least_room

    def advance(self, token: int) -> None:
        """Record a token that was allowed and does not end the answer."""
        self._unread.append(token)
        if self._place is not None and not self.has_failed:
            self._place = self._next or self._place.after(self._vocabulary.tokens[token])
        self._here = self._next = None

    @property
    def is_complete(self) -> bool:
        """Whether the grammar allows no continuation."""
        return self._look().is_complete and not self.has_failed

    @property
    def may_end(self) -> bool:
        """Whether the answer is already complete."""
        return self._look().may_end and not self.has_failed


class _Vocabulary:
    """A tokenizer with llguidance's interface."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._encode: Callable[[str], list[int]] = tokenizer.encode
        special = tokenizer.special_ids
        self.eos_token_id, self.bos_token_id = tokenizer.endoftext_id, None
        self.tokens = [b"" if i in special else tokenizer.token_bytes(i) for i in range(tokenizer.vocab_size)]
        self.special_token_ids = sorted(special)
        self._ids = {data: i for i, data in enumerate(self.tokens) if data}
        self._longest = max(map(len, self._ids))

    def __call__(self, text: str | bytes) -> list[int]:
        return self._encode(text if isinstance(text, str) else text.decode("utf-8", "replace"))

    def spelled(self, data: bytes) -> list[int] | None:
        """The fewest tokens that encode some bytes; None if the vocabulary lacks one of them."""
        fewest: list[tuple[int, int, int] | None] = [None] * len(data)  # tokens to the end, the first one, its size
        for start in range(len(data) - 1, -1, -1):
            for size in range(1, min(self._longest, len(data) - start) + 1):
                token = self._ids.get(data[start : start + size])
                rest = (0, 0, 0) if start + size == len(data) else fewest[start + size]
                best = fewest[start]
                if token is not None and rest is not None and (best is None or rest[0] + 1 < best[0]):
                    fewest[start] = (rest[0] + 1, token, size)
        ids, start = [], 0
        while start < len(data):
            step = fewest[start]
            if step is None:
                return None
            ids.append(step[1])
            start += step[2]
        return ids


def _first_line(message: str) -> str:
    """The relevant part of llguidance's report: its `error:` line, else the first line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()] or ["it gave no reason"]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines)[0][:200]
