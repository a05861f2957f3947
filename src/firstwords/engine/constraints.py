"""Constrained answers: before every draw, tokens that would violate the grammar are masked, and when few tokens remain,
open structures are closed.

    Constraint.json_schema({"type": "object", ...})    Constraint.regex(r"[0-9]{4}")    Constraint.choice(["yes", "no"])

`llguidance` follows the grammar byte by byte, so it works with any vocabulary; `grammar.closing` computes the shortest
completion. Only the sampled tokens are restricted: log-probabilities remain those of the model. JSON has no optional
white space, because a small model that may write spaces there fills its context with them.
"""

from __future__ import annotations

import functools
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from firstwords.engine.grammar.matcher import Grammar, Matcher, Vocabulary
from firstwords.engine.grammar.places import Places

if TYPE_CHECKING:
    from firstwords.engine.grammar.shape import Shape
    from firstwords.engine.rules.rules import Rules
    from firstwords.tokenizer.fast import Tokenizer

MAX_CHARS = 32_768  # of a schema or expression; one of this size compiles in a few tenths of a second
MAX_REMEMBERED = 32  # compiled grammars
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
        self._vocabulary = Vocabulary(tokenizer)
        self._tokenizer = LLTokenizer(
            TokenizerWrapper(self._vocabulary), n_vocab=vocab_size, eos_token=list(end_ids), slices=[]
        )
        self._limits = LLParserLimits(**LIMITS, verbose_errors=False)
        self._compiled: OrderedDict[Constraint, Grammar] = OrderedDict()

    @functools.cached_property
    def places(self) -> Places:
        """What compiled loops know of the grammars. For the engine's own thread."""
        return Places(self._vocabulary.spellings, self._vocab_size)

    def matcher(self, constraint: Constraint, end_ids: frozenset[int]) -> Matcher:
        """A matcher at the beginning of the grammar. Raises ValueError for an invalid grammar."""
        compiled = self._compiled.get(constraint)
        if compiled is None:
            compiled = self._compiled[constraint] = self._compile(constraint)
            while len(self._compiled) > MAX_REMEMBERED:
                self._compiled.popitem(last=False)
        return Matcher(compiled, end_ids, self._vocabulary)

    def _compile(self, constraint: Constraint) -> Grammar:
        from llguidance import LLMatcher

        from firstwords.engine.grammar.closing import Follower

        try:
            grammar, shape = _READERS[constraint.name](constraint.source)
            matcher = LLMatcher(self._tokenizer, grammar, log_level=0, limits=self._limits)
            if matcher.is_error():
                raise ValueError(_first_line(matcher.get_error()))
            follower = Follower(shape) if shape is not None else None
            shortest = self._vocabulary.spelled(follower.start().rest) if follower is not None else ()
            if shortest is None:
                raise ValueError("this model's vocabulary cannot spell such a text")
            return Grammar(matcher, follower, len(shortest), self._vocab_size)
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


def _first_line(message: str) -> str:
    """The relevant part of llguidance's report: its `error:` line, else the first line."""
    lines = [line.strip() for line in message.splitlines() if line.strip()] or ["it gave no reason"]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return (errors or lines)[0][:200]
