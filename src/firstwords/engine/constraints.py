"""Answers of a given shape: before every draw, the tokens that would leave a grammar are ruled out.

    Constraint.json_schema({"type": "object", ...})    Constraint.regex(r"[0-9]{4}")    Constraint.choice(["yes", "no"])

`llguidance` walks the grammar byte by byte, so that any vocabulary can follow it. Only what may be drawn changes:
log-probabilities stay those of the model. JSON comes without white space between its parts, because a small model
that may write blanks there writes them until its context is full.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import llguidance

    from firstwords.tokenizer.fast import Tokenizer

MAX_CHARS = 32_768  # of a schema or expression; such a one compiles in a tenth of a second
MAX_REMEMBERED = 32  # compiled grammars
# A quarter of llguidance's own limits: at most some 5 ms a token, because other answers wait for it.
LIMITS = {"initial_lexer_fuel": 1_000_000, "step_lexer_fuel": 50_000, "step_max_items": 12_500}


@dataclass(frozen=True)
class Constraint:
    """A grammar, in llguidance's form. The makers raise ValueError for what cannot be one."""

    grammar: str

    @classmethod
    def json_schema(cls, schema: dict[str, Any] | bool) -> Constraint:
        """JSON that satisfies a schema."""
        from llguidance import LLMatcher

        try:
            text = json.dumps(schema)
        except RecursionError:
            raise ValueError("the schema is nested too deeply") from None
        _check_size(text)
        try:
            return cls(LLMatcher.grammar_from_json_schema(text, overrides={"whitespace_flexible": False}))
        except ValueError as error:
            raise ValueError(f"the schema cannot be followed: {_first_line(str(error))}") from None

    @classmethod
    def json_object(cls) -> Constraint:
        """Any JSON object."""
        return cls.json_schema({"type": "object"})

    @classmethod
    def regex(cls, pattern: str) -> Constraint:
        """Text that a regular expression (of Rust's kind: no look-around, no back references) matches as a whole."""
        from llguidance import LLMatcher

        _check_size(pattern)
        return cls(LLMatcher.grammar_from_regex(pattern))

    @classmethod
    def choice(cls, options: Sequence[str]) -> Constraint:
        """One of the given texts."""
        from llguidance import LLMatcher

        if not options or not all(options):
            raise ValueError("a choice needs options, none of them empty")
        start = " | ".join(json.dumps(option, ensure_ascii=False) for option in options)
        _check_size(start)
        return cls(LLMatcher.grammar_from_lark(f"start: {start}"))


class Constraints:
    """Compiles grammars for one tokenizer. May be used from any thread."""

    def __init__(self, tokenizer: Tokenizer, vocab_size: int, end_ids: Sequence[int]) -> None:
        from llguidance import LLParserLimits, LLTokenizer, TokenizerWrapper

        self._vocab_size = vocab_size
        self._tokenizer = LLTokenizer(
            TokenizerWrapper(_Vocabulary(tokenizer)), n_vocab=vocab_size, eos_token=list(end_ids), slices=[]
        )
        self._limits = LLParserLimits(**LIMITS, verbose_errors=False)
        self._compiled: OrderedDict[str, llguidance.LLMatcher] = OrderedDict()

    def matcher(self, constraint: Constraint, end_ids: frozenset[int]) -> Matcher:
        """Where an answer stands in the grammar: at its beginning. Raises ValueError for a faulty grammar."""
        from llguidance import LLMatcher

        compiled = self._compiled.get(constraint.grammar)
        if compiled is None:
            compiled = LLMatcher(self._tokenizer, constraint.grammar, log_level=0, limits=self._limits)
            if compiled.is_error():
                raise ValueError(f"the constraint cannot be followed: {_first_line(compiled.get_error())}")
            self._compiled[constraint.grammar] = compiled
            while len(self._compiled) > MAX_REMEMBERED:
                self._compiled.popitem(last=False)
        return Matcher(compiled.deep_copy(), self._vocab_size, end_ids)


class Matcher:
    """One answer's way through a grammar."""

    def __init__(self, matcher: llguidance.LLMatcher, vocab_size: int, end_ids: frozenset[int]) -> None:
        self._matcher, self._vocab_size, self._end_ids = matcher, vocab_size, sorted(end_ids)
        self.has_failed = False  # the grammar has become too complex, or no token can go on

    def allowed(self) -> np.ndarray:
        """Which tokens may come next, (V,) bool: those that the grammar goes on with, and where it may end, the
        request's end tokens. All of them when `has_failed`.
        """
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        allowed_V = np.unpackbits(bits, bitorder="little")[: self._vocab_size].astype(bool)
        if self._end_ids:
            allowed_V[self._end_ids] = self._matcher.is_accepting()
        if self._matcher.is_error() or not allowed_V.any():
            self.has_failed = True
            allowed_V[:] = True
        return allowed_V

    def advance(self, token: int) -> None:
        """The answer has got a token that `allowed` allowed and that does not end it."""
        if not self._matcher.consume_token(token):
            self.has_failed = True

    @property
    def is_complete(self) -> bool:
        """Whether the grammar lets nothing follow."""
        return self._matcher.is_stopped() and not self.has_failed


class _Vocabulary:
    """A tokenizer as llguidance wants to see it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._encode = tokenizer.encode
        special = tokenizer.special_ids
        self.eos_token_id, self.bos_token_id = tokenizer.endoftext_id, None
        self.tokens = [b"" if i in special else tokenizer.token_bytes(i) for i in range(tokenizer.vocab_size)]
        self.special_token_ids = sorted(special)

    def __call__(self, text: str | bytes) -> list[int]:
        return self._encode(text if isinstance(text, str) else text.decode("utf-8", "replace"))


def _check_size(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise ValueError(f"a constraint has at most {MAX_CHARS:,} characters, this one {len(text):,}")


def _first_line(message: str) -> str:
    """The part of llguidance's report that says what is wrong: its `error:` line, else the first."""
    lines = [line.strip() for line in message.splitlines() if line.strip()] or ["no reason is known"]
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (told or lines)[0][:200]
