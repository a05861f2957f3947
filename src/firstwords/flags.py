"""Turn a dataclass into a command's flags: defaults < TOML file < flags. Every error is one sentence.

    @dataclass
    class Next:
        text: Positional[str]
        '''The beginning of the text, in quotes.'''
        top: int = 10
        '''Number of tokens to show.'''

    config = parse(Next, ["The cat is", "--top", "5"], "next")      # Next(text="The cat is", top=5)

A flag is a field's name with hyphens (`from_`, a keyword, is --from); its docstring is the help. A field that is itself
a dataclass gives a group of flags: `ppo: PpoOptions` with a field `clip` is --ppo.clip, and a table [ppo] in TOML.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import functools
import inspect
import itertools
import os
import sys
import textwrap
import tomllib
import types
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from firstwords.config import UserError, flag_of, mark_given, unknown
from firstwords.plain_text import clean_text, in_all_texts

C = TypeVar("C")
V = TypeVar("V")
POSITIONAL = "positional"
Positional = Annotated[V, POSITIONAL]  # a field that is given without a flag
NAME = "name"  # of a model: if it is a command's only positional field, `--name NAME` is accepted too
METAVARS = {str: "TEXT", int: "INT", float: "FLOAT", bool: ""}
KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True)
class Option:
    """A field of a command's dataclass, or of a dataclass in it; `path` is ("minutes",) or ("ppo", "clip")."""

    owner: type
    path: tuple[str, ...]
    kind: Any  # of the value, or of each value of a list
    default: Any
    is_list: bool = False
    is_positional: bool = False
    choices: tuple[str, ...] = ()

    @property
    def dest(self) -> str:
        return ".".join(self.path)

    @property
    def flag(self) -> str:
        return flag_of(self.dest)

    @property
    def metavar(self) -> str:
        return "{" + ",".join(self.choices) + "}" if self.choices else METAVARS[self.kind]

    def read(self, word: str) -> Any:
        """Convert a word to a value. Raises UserError."""
        if self.choices and word not in self.choices:
            raise UserError(f"{self.flag} is {word}, but it must be one of {', '.join(self.choices)}")
        try:
            return self.kind(word)
        except ValueError:
            raise UserError(f"{self.flag} needs {KINDS[self.kind]}, not {word!r}") from None

    def read_toml(self, value: Any) -> Any:
        """Convert a value from a TOML file. Raises UserError."""
        if self.is_list:
            return [self.read(str(each)) for each in (value if isinstance(value, list) else [value])]
        if isinstance(value, bool) != (self.kind is bool) or isinstance(value, list | dict):
            raise UserError(f"{self.flag} needs {KINDS.get(self.kind, 'a text')}, not {value!r}")
        return value if self.kind is bool else self.read(str(value))


def parse(cls: type[C], argv: list[str], command: str) -> C:
    """Read `argv` (the words after the command's name) into the dataclass `cls`.

    A list takes several values, and its flag may be repeated. Values from `--config FILE.toml` override defaults and
    are overridden by flags. Raises UserError for anything invalid; `--help` prints and exits 0.
    """
    options = list(options_of(cls))
    positionals = [option for option in options if option.is_positional]
    has_name = [option.dest for option in positionals] == [NAME]
    words, texts = _split(argv)
    if any(word in ("-h", "--help") for word in words):
        print(help_text(cls, command), end="")
        sys.exit(0)
    _check_flags(options, words, command, has_name)
    try:
        found, left = _parser(options, command, has_name).parse_known_args(words)
    except argparse.ArgumentError as error:
        needs = "takes no value" if "explicit" in error.message else "needs a value"
        needs = "needs the name of a TOML file" if error.argument_name == "--config" else needs
        raise UserError(f"{error.argument_name} {needs}; see `firstwords {command} --help`") from None
    typed = {dest: value for dest, value in vars(found).items() if value is not None}
    typed |= _positional_values(positionals, left, texts, command)
    if typed.get("--name"):
        typed[NAME] = _one_name([*filter(None, [typed.get(NAME)]), *typed.pop("--name")])
    values = (read_toml(typed.pop("--config"), cls) if "--config" in typed else {}) | typed
    for option in positionals:
        if option.dest not in values and option.default is dataclasses.MISSING:
            see = f"see `firstwords {command} --help`"
            raise UserError(f"{option.dest.upper()} is missing (write -- before a text that begins with -); {see}")
    return mark_given(_build(cls, values), values)


def options_of(cls: type, parents: tuple[str, ...] = ()) -> Iterator[Option]:
    """The options of a dataclass: first its own, in the order of its fields, then those that it inherits.

    A field that a base class has too, declared again for another default, keeps the base's place.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in sorted(dataclasses.fields(cls), key=lambda field: _depth(cls, field.name)):
        hint, path = hints[field.name], (*parents, field.name)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            yield from options_of(hint, path)
            continue
        is_positional = POSITIONAL in getattr(hint, "__metadata__", ())
        hint = hint.__origin__ if is_positional else hint
        if isinstance(hint, types.UnionType):  # T | None
            hint = next(part for part in typing.get_args(hint) if part is not type(None))
        is_list = typing.get_origin(hint) is list
        kind = typing.get_args(hint)[0] if is_list else hint
        choices = typing.get_args(kind) if typing.get_origin(kind) is Literal else ()
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        yield Option(cls, path, str if choices else kind, default, is_list, is_positional, choices)


def read_toml(path: str | Path, cls: type) -> dict[str, Any]:
    """The values in a TOML file by field name, {"minutes": 3.0, "ppo.clip": 0.1}. Raises a UserError that names it.

    A key may have hyphens or underscores; an unknown key names the nearest field.
    """
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"--config {path}: there is no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}") from None
    options = {option.dest: option for option in options_of(cls)}
    groups = {option.path[0] for option in options.values() if len(option.path) > 1}
    names = {dest.rstrip("_") for dest in options}
    values: dict[str, Any] = {}
    for key, value in _flat(table, groups):
        option = options.get(key) or options.get(f"{key}_")
        if option is None:
            raise unknown(f"key in {path}:", key, names, f"the keys are {', '.join(sorted(names))}")
        if isinstance(value, dict):
            raise UserError(f"{path}: {key} is a table, but a plain value is expected")
        try:
            values[option.dest] = option.read_toml(value)
        except UserError as error:
            raise UserError(f"{error} (in {path})") from None
    return values


def help_text(cls: type, command: str) -> str:
    """The output of `--help`: what the command does, then each flag with its docstring and default."""
    options = list(options_of(cls))
    positionals = [option for option in options if option.is_positional]
    shown = "".join(f" [{o.dest.upper()}]" if _has_default(o) else f" {o.dest.upper()}" for o in positionals)
    parser = argparse.ArgumentParser(
        usage=f"firstwords {command}{shown} [options]",
        description=inspect.cleandoc(cls.__doc__ or ""),
        formatter_class=functools.partial(argparse.RawDescriptionHelpFormatter, max_help_position=28),
        add_help=False,
    )
    groups: dict[tuple[str, ...], Any] = {}
    if positionals:
        groups[("positional",)] = parser.add_argument_group("arguments")
    groups[()] = parser.add_argument_group("options")
    for option in options:
        parents = ("positional",) if option.is_positional else option.path[:-1]
        if parents not in groups:
            title = f"{' '.join(parents)} options"
            groups[parents] = parser.add_argument_group(title, inspect.cleandoc(option.owner.__doc__ or ""))
        _add_help(groups[parents], option)
    if [option.dest for option in positionals] == [NAME]:
        groups[()].add_argument("--name", metavar="NAME", help="Same as NAME.")
    groups[()].add_argument("--config", metavar="FILE.toml", help="Read any of these options from a file.")
    groups[()].add_argument("--help", action="help", help="Show this help.")
    return parser.format_help()


def _add_help(group: Any, option: Option) -> None:
    """Add an option to the help; empty values and False are not shown as defaults."""
    text = docstrings(option.owner).get(option.path[-1], "").replace("%", "%%")
    default = " ".join(map(str, option.default)) if isinstance(option.default, list) else option.default
    if _has_default(option) and default not in ("", None) and default is not False:
        text += f" (default: {default})".replace("%", "%%")
    if option.is_positional:
        group.add_argument(option.dest.upper(), help=text, nargs="?")
    elif option.kind is bool:
        group.add_argument(option.flag, action="store_true", help=text)
    else:
        repeated = {"nargs": "+"} if option.is_list else {}
        group.add_argument(option.flag, metavar=option.metavar, help=text, **repeated)


@functools.cache
def docstrings(cls: type) -> dict[str, str]:
    """The docstrings of a dataclass's own and inherited fields, each on one line. A field that is declared again
    without a docstring keeps that of the base class.
    """
    found: dict[str, str] = {}
    for each in reversed([c for c in cls.__mro__ if dataclasses.is_dataclass(c)]):
        body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0].body  # type: ignore[attr-defined]
        for field, text in itertools.pairwise(body):
            is_text = isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
                found[field.target.id] = " ".join(str(text.value.value).split())
    return found


# ---- inside ----------------------------------------------------------------------------------------------------------


def _depth(cls: type, field_name: str) -> int:
    """How far up among a dataclass's bases a field is declared first; 0 for a field of its own."""
    places = (place for place, each in enumerate(cls.__mro__) if field_name in inspect.get_annotations(each))
    return max(places)


def _has_default(option: Option) -> bool:
    return option.default is not dataclasses.MISSING


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    """(words including flags, texts after `--`), with hyphens in the flags' names."""
    end = argv.index("--") if "--" in argv else len(argv)
    words = []
    for word in argv[:end]:
        name, equals, value = word.partition("=")
        words.append(name.replace("_", "-") + equals + value if _is_flag(name) else word)
    return words, argv[end + 1 :]


def _is_flag(word: str) -> bool:
    """A word with a space is a text, not a flag."""
    return word.startswith("--") and " " not in word


def _check_flags(options: list[Option], words: list[str], command: str, has_name: bool) -> None:
    valid = {option.flag for option in options if not option.is_positional}
    valid |= {"--config", "--help"} | ({"--name"} if has_name else set())
    negated = {"--no-" + option.flag[2:] for option in options if option.kind is bool}
    for word in words:
        flag = word.partition("=")[0]
        if not word.strip("-") and len(word) > 2:
            raise UserError(f"{word} looks like a flag; write -- before a text that begins with -: -- {word!r}")
        if _is_flag(flag) and flag not in valid | negated:
            raise unknown("flag", flag, valid, f"see `firstwords {command} --help`")


def _parser(options: list[Option], command: str, has_name: bool) -> argparse.ArgumentParser:
    """A parser for the flags alone; the words left over are the positional ones, wherever they appear."""
    parser = argparse.ArgumentParser(
        prog=f"firstwords {command}", add_help=False, allow_abbrev=False, exit_on_error=False
    )
    for option in options:
        if option.is_positional:
            continue
        if option.kind is bool and not option.is_list:
            parser.add_argument(option.flag, dest=option.dest, action="store_true", default=None)
            parser.add_argument("--no-" + option.flag[2:], dest=option.dest, action="store_false", default=None)
        elif option.is_list:
            parser.add_argument(option.flag, dest=option.dest, type=option.read, nargs="*", action="extend")
        else:
            parser.add_argument(option.flag, dest=option.dest, type=option.read)
    parser.add_argument("--config", dest="--config")
    if has_name:
        parser.add_argument("--name", dest="--name", action="append")
    return parser


def _positional_values(positionals: list[Option], left: list[str], texts: list[str], command: str) -> dict[str, Any]:
    """The words that belong to no flag, in order; a positional list takes all remaining ones."""
    see = f"see `firstwords {command} --help`"
    for word in left:
        if word.startswith("-") and word != "-" and " " not in word:
            names = " ".join(option.dest.upper() for option in positionals) or word
            raise UserError(f"{names} is missing (write -- before a text that begins with -); {see}")
    words, values = [*left, *texts], {}
    for option in positionals:
        if words:
            values[option.dest] = [option.read(w) for w in words] if option.is_list else option.read(words[0])
            words = [] if option.is_list else words[1:]
    if words:
        raise UserError(f"unexpected argument: {' '.join(words)} (put a text of several words in quotes); {see}")
    return values


def _one_name(names: list[str]) -> str:
    for other in names[1:]:
        if other != names[0]:
            first = names[0] if len(names) == 2 else f"--name {names[0]}"
            raise UserError(f"{first} and --name {other} contradict each other: give the name once")
    return names[0]


def _flat(table: dict[str, Any], groups: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """{"top-k": 1, "ppo": {"clip": 2}} -> ("top_k", 1), ("ppo.clip", 2)."""
    for key, value in table.items():
        name = key.replace("-", "_")
        if name in groups and isinstance(value, dict):
            yield from ((f"{name}.{inner.replace('-', '_')}", each) for inner, each in value.items())
        else:
            yield name, value


def _build(cls: type[C], values: dict[str, Any]) -> C:
    """The dataclass with these values, {"minutes": 3.0, "ppo.clip": 0.1}; texts are cleaned for a model."""
    hints = typing.get_type_hints(cls)
    keywords: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        inner = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{field.name}.")}
        if dataclasses.is_dataclass(hints[field.name]):
            keywords[field.name] = _build(typing.cast(Callable[..., Any], hints[field.name]), inner)  # type: ignore
        elif field.name in values:
            keywords[field.name] = in_all_texts(values[field.name], _clean_unless_path)
    return cls(**keywords)


def _clean_unless_path(text: str) -> str:
    """A text that a model can read, see `plain_text`; names of existing files are not changed."""
    cleaned = clean_text(text)
    return text if cleaned != text and os.path.lexists(text.partition(":")[0]) else cleaned
