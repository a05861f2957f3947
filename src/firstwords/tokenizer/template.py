"""The chat template of an imported model: a Jinja program that writes a chat as text, rendered in a sandbox.

    template = read_template(directory, config)
    template.text([{"role": "user", "content": "Hi"}], add_generation_prompt=True)
    "<|im_start|>system\\nYou are ...<|im_end|>\\n<|im_start|>user\\nHi<|im_end|>\\n<|im_start|>assistant\\n"

It sees what `transformers` lets it see, so that both write the same text. A template comes with a model from anywhere:
the sandbox keeps it from everything but its own variables.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError

if TYPE_CHECKING:
    import jinja2

Messages = Sequence[Mapping[str, Any]]  # each with "role" and "content"
FILE = "chat_template.jinja"  # where newer models have it; older ones have it in tokenizer_config.json
MOST_CHARS = 20_000_000  # of a rendered chat


class ChatTemplate:
    """source: the Jinja text. variables: what it may name, such as bos_token."""

    def __init__(self, source: str, variables: dict[str, Any]) -> None:
        self.source, self.variables = source, variables

    @functools.cached_property
    def _compiled(self) -> jinja2.Template:
        import jinja2

        try:
            return _environment().from_string(self.source)
        except jinja2.TemplateError as error:
            raise UserError(f"this model's chat template is not valid ({error}): copy the model again") from None

    def text(self, messages: Messages, add_generation_prompt: bool = False) -> str:
        """The chat as text, from the role and the content of each turn. Raises UserError like `written`."""
        turns = [{"role": message["role"], "content": message["content"]} for message in messages]
        return self.written(turns, add_generation_prompt)

    def written(self, turns: Sequence[Any], add_generation_prompt: bool, tools: Sequence[Any] | None = None) -> str:
        """The chat as text; the template sees the turns whole, with the calls in them.

        Raises UserError with the template's own words for a chat that it refuses.
        """
        import jinja2

        try:
            text = self._compiled.render(
                self.variables | {"messages": turns, "add_generation_prompt": add_generation_prompt},
                tools=tools,
                documents=None,
            )
        except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            reason = str(error) or type(error).__name__
            raise UserError(f"this model's chat template does not accept this chat: {reason.rstrip('.')}") from None
        if len(text) > MOST_CHARS:
            raise UserError(f"this model's chat template makes {len(text):,} letters of this chat: shorten the chat")
        return text

    def around_answers(self, messages: Messages, add_generation_prompt: bool = False) -> list[str]:
        """What the template writes before, between and after the assistant's answers."""
        mark = unused_letter(message["content"] for message in messages)
        marked = [m | {"content": mark} if m["role"] == "assistant" else m for m in map(dict, messages)]
        return self.text(marked, add_generation_prompt).split(mark)

    def closing(self, names: Iterable[str]) -> str | None:
        """The first of these names of special tokens that the template writes right after an answer."""
        chat = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi"}]
        return closing_name(self.around_answers(chat)[-1], names)


def closing_name(text: str, names: Iterable[str]) -> str | None:
    """The first of these names with which a text begins, apart from white space."""
    return next((name for name in names if text.lstrip().startswith(name)), None)


def unused_letter(texts: Iterable[str]) -> str:
    """A letter that occurs in none of the texts."""
    used = set().union(*texts)
    return next(letter for letter in map(chr, range(0xE000, 0xF8FF)) if letter not in used)


def read_template(directory: Path, config: dict[str, Any] | None) -> ChatTemplate | None:
    """The template of a model directory; None if it has none. config: its tokenizer_config.json, if it has one."""
    config = config or {}
    try:
        source: Any = (directory / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        source = config.get("chat_template")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {directory / FILE}: {getattr(error, 'strerror', None) or error}") from None
    if isinstance(source, list):  # several templates with names
        named = {each.get("name"): each.get("template") for each in source if isinstance(each, dict)}
        source = named.get("default")
    if not isinstance(source, str) or not source.strip():
        return None
    names = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")
    variables = {name: text for name in names if (text := token_text(config.get(name))) is not None}
    return ChatTemplate(source, variables)


def token_text(token: Any) -> str | None:
    """tokenizer_config.json writes a token as text or as {"content": text, ...}."""
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else None


@functools.cache
def _environment() -> jinja2.Environment:
    from jinja2 import nodes
    from jinja2.exceptions import TemplateError
    from jinja2.ext import Extension
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %}` marks an answer for libraries that ask for it; the text inside is written as it is."""

        tags = {"generation"}  # noqa: RUF012 - jinja2's own attribute

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def refuse(message: str) -> None:
        raise TemplateError(message)

    def tojson(
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment
