"""The shape of a text: pieces that match regular expressions, in sequences, alternatives and repetitions.

    Shape(Sequence((Text.literal("["), Repeat(Reference("item"), 0, 3), Text.literal("]"))), {"item": ...})

`Shape.lark` is the same shape in llguidance's notation, `Shape.shortest` the shortest text that has it.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field

from firstwords.engine.grammar import regular
from firstwords.engine.grammar.automaton import Automaton, State, build, none_of, remainders
from firstwords.engine.grammar.regular import Expression, to_rust

UNFORCED = '%llguidance {"no_forcing": true}'


@dataclass(frozen=True, eq=False)
class Text:
    """A text that matches all expressions and is not excluded.

    divisor: it must also be a multiple of this integer; `lark` then has the whole in llguidance's notation.
    """

    expressions: tuple[Expression, ...]
    excluded: tuple[str, ...] = ()
    divisor: int | None = None
    lark: str | None = None

    @classmethod
    def literal(cls, text: str) -> Text:
        return cls((regular.literal(text),))

    @functools.cached_property
    def automaton(self) -> Automaton:
        return _automaton(self.expressions, self.excluded, self.divisor)

    def matches(self, text: str) -> bool:
        """Whether it matches a text."""
        automaton = self.automaton
        state: State | None = automaton.start
        for char in text:
            state = None if state is None else automaton.move(state, char)
        return state is not None and state.is_end


@functools.lru_cache(maxsize=512)
def _automaton(expressions: tuple[Expression, ...], excluded: tuple[str, ...], divisor: int | None) -> Automaton:
    others = [none_of(excluded)] if excluded else []
    return build(expressions, *others, *([remainders(divisor)] if divisor else []))


@dataclass(frozen=True, eq=False)
class Sequence:
    """One part after the other. is_nested: inside it one is a level deeper. is_unique: the items of this array, or
    the keys of this object, must differ, which the notation for llguidance does not say.
    """

    parts: tuple[Node, ...]
    is_nested: bool = False
    is_unique: bool = False


@dataclass(frozen=True, eq=False)
class Choice:
    """One of the options."""

    options: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Repeat:
    """A part `low` to `high` times; None is any number."""

    part: Node
    low: int
    high: int | None


@dataclass(frozen=True, eq=False)
class Reference:
    """The rule of this name."""

    name: str


Node = Text | Sequence | Choice | Repeat | Reference
NOTHING = Choice(())  # no text has this shape


@dataclass(eq=False)
class Shape:
    """Where a text begins, and the rules that references name. has_unique: some of its sequences are unique.
    is_prose: it consists of sentences, and should end between words.
    """

    start: Node
    rules: dict[str, Node] = field(default_factory=dict)
    has_unique: bool = False
    is_prose: bool = False

    @property
    def is_regular(self) -> bool:
        """Whether it is one piece of text: regular expressions say all."""
        return isinstance(self.start, Text)

    @functools.cached_property
    def shortest_of_rules(self) -> dict[str, str | None]:
        """The shortest text of each rule; None if it has none."""
        found: dict[str, str | None] = dict.fromkeys(self.rules)
        has_changed = True
        while has_changed:
            has_changed = False
            for name in (*self.rules, *reversed(self.rules)):  # references lead both ways
                text = shortest(self.rules[name], found)
                known = found[name]
                if text is not None and (known is None or len(text.encode()) < len(known.encode())):
                    found[name], has_changed = text, True
        return found

    @functools.cached_property
    def shortest(self) -> str | None:
        """The shortest text of this shape; None if there is none."""
        return shortest(self.start, self.shortest_of_rules)

    @functools.cached_property
    def lark(self) -> str:
        """The shape in llguidance's notation, without unsatisfiable parts.

        Where only one text can follow, llguidance allows only its usual tokens, which depend on those before. Not so in
        regular shapes: what may follow there depends on the place alone.
        """
        return f"{UNFORCED}\n{_Lark(self).text()}" if self.is_regular else _Lark(self).text()


def shortest(node: Node, rules: dict[str, str | None]) -> str | None:
    """The shortest text of a node's shape, in bytes."""
    if isinstance(node, Text):
        automaton = node.automaton
        return None if automaton.start.length == math.inf else automaton.shortest(automaton.start)
    if isinstance(node, Reference):
        return rules[node.name]
    if isinstance(node, Choice):
        texts = [text for option in node.options if (text := shortest(option, rules)) is not None]
        return min(texts, key=lambda text: len(text.encode()), default=None)
    if isinstance(node, Repeat):
        if not node.low:
            return ""
        text = shortest(node.part, rules)
        return None if text is None else text * node.low
    parts = [shortest(part, rules) for part in node.parts]
    return None if None in parts else "".join(part for part in parts if part is not None)


class _Lark:
    """Prints a shape; equal texts share a terminal."""

    def __init__(self, shape: Shape) -> None:
        self._shape, self._terminals = shape, dict[str, str]()

    def text(self) -> str:
        texts = self._shape.shortest_of_rules
        possible = [(name, node) for name, node in self._shape.rules.items() if texts[name] is not None]
        lines = [f"start: {self._alternatives(self._shape.start)}"]
        lines += [f"{name}: {self._alternatives(node)}" for name, node in possible]
        return "\n".join([*lines, *(f"{name}: {text}" for text, name in self._terminals.items())])

    def _alternatives(self, node: Node) -> str:
        options = node.options if isinstance(node, Choice) else (node,)
        return " | ".join(self._item(option) for option in options if self._is_possible(option))

    def _is_possible(self, node: Node) -> bool:
        return shortest(node, self._shape.shortest_of_rules) is not None

    def _item(self, node: Node) -> str:
        if isinstance(node, Reference):
            return node.name
        if isinstance(node, Text):
            return node.lark if node.lark is not None else self._terminal(node)
        if isinstance(node, Sequence):
            return " ".join(filter(None, (self._item(part) for part in node.parts)))
        if isinstance(node, Choice):
            return f"({self._alternatives(node)})"
        if node.high == 0 or not self._is_possible(node.part):
            return ""
        bounds = {(0, 1): "?", (0, None): "*", (1, None): "+", (1, 1): ""}.get((node.low, node.high))
        if bounds is None:
            bounds = f"{{{node.low},{'' if node.high is None else node.high}}}"
        return f"({self._item(node.part)}){bounds}"

    def _terminal(self, node: Text) -> str:
        parts = [f"/{_printed(tree)}/" for tree in node.expressions]
        if node.excluded:
            parts.append(f"~/{_printed(regular.any_of(node.excluded))}/")
        text = " & ".join(parts)
        return self._terminals.setdefault(text, f"T{len(self._terminals)}")


@functools.lru_cache(maxsize=1024)
def _printed(tree: Expression) -> str:
    return to_rust(tree)  # slashes, like everything except letters and digits, are escaped by number
