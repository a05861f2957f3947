"""From a dataclass to a command's flags: defaults < TOML file < flags, and every mistake is one sentence.

    @dataclass
    class Next:
        text: Positional[str]
        '''The beginning whose next token is guessed.'''
        top: int = 10
        '''How many tokens to show.'''

    config = parse(Next, ["The cat is", "--top", "5"], "next")      # Next(text="The cat is", top=5)
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import io
import os
import re
import sys
import tomllib
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from firstwords.plain_text import clean_text, in_all_texts

C = TypeVar("C")
NAME = "name"  # of a model: where it is a command's only positional field, `--name NAME` says the same
CHAT_TEMPERATURE = 0.5  # at which a model talks to people who did not choose another
CHAT_TOP_P = 0.95  # likewise


class UserError(Exception):
    """A mistake that its user can mend: one sentence with what was wrong, where, and what to do."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """The valid name that looks most like `name`, or "" when none comes near: nearest("minuts", ["minutes"])."""
    found = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return found[0] if found else ""


def unknown(what: str, name: str, valid: Iterable[str], otherwise: str) -> UserError:
    """The error for a name that nobody knows: names the nearest valid one, or says `otherwise`."""
    close = nearest(name.lstrip("-"), [v.lstrip("-") for v in valid])
    prefix = "--" if name.startswith("--") else ""
    hint = f"did you mean {prefix}{close}?" if close else otherwise
    return UserError(f"unknown {what} {name}; {hint}")


def parse(cls: type[C], argv: list[str], command: str) -> C:
    """Read `argv` (the words after the command's name) into the dataclass `cls`.

    A flag is a field's name with hyphens; its docstring is the help. A list takes several values, and its flag may be
    given several times. `--config FILE.toml` gives values between the defaults and the flags. Raises UserError for
    anything that does not fit; `--help` prints and exits 0.
    """
    argv, toml_path = _take_config(list(argv))
    values = read_toml(toml_path, cls) if toml_path else {}
    positionals = _positional_names(cls)
    flag_name = None
    if positionals == {NAME}:
        argv, flag_name = _take_flag(argv, NAME)
        values |= {} if flag_name is None else {NAME: flag_name}
    _check_flags(cls, argv, command)
    argv = _joined(cls, argv)
    wants_help = any(word in ("-h", "--help") for word in _before_separator(argv))
    flags = {word.partition("=")[0].replace("_", "-") for word in _before_separator(argv)}
    argv = _insert(argv, _as_flags({k: v for k, v in values.items() if k not in positionals}, flags))
    default = _default_with(cls, {k: v for k, v in values.items() if k in positionals})
    said = io.StringIO()
    import tyro

    options = (tyro.conf.DisallowNone, tyro.conf.PositionalMetavarFromFieldName)
    if wants_help:  # --no-x exists too, so that a flag can undo a TOML file, but it would only clutter the help
        options += (tyro.conf.FlagCreatePairsOff,)
    with contextlib.ExitStack() as stack:
        if not wants_help:
            stack.enter_context(contextlib.redirect_stderr(said))
            stack.enter_context(contextlib.redirect_stdout(said))
        try:
            keywords: dict[str, Any] = {} if default is None else {"default": default}
            cli = tyro.cli(cls, args=argv, prog=f"firstwords {command}", config=options, **keywords)
            config, failed = _cleaned(cli), None
        except SystemExit as stop:
            failed = stop.code not in (0, None)
    if failed is None:
        if flag_name is not None and config.name != flag_name:
            raise UserError(f"{config.name} and --name {flag_name} contradict each other: give the name once")
        return mark_given(config, _typed(cls, flags) | set(values) | _filled(config, positionals))
    if failed:
        where = f" (also see {toml_path})" if toml_path else ""
        raise UserError(_sentence(said.getvalue(), argv, command, positionals) + where)
    if positionals == {NAME}:
        print("  --name NAME         is the same as NAME.")
    print("  --config FILE.toml  reads any of these options from a file; flags override it.")
    sys.exit(0)


def _cleaned(config: C) -> C:
    """The dataclass with texts that a model can read, see `plain_text`. Names of files stay as they are: a file may be
    called anything."""
    changed = {}
    for each in dataclasses.fields(config):  # type: ignore[arg-type]
        value = getattr(config, each.name)
        if isinstance(value, str | list) and (new := in_all_texts(value, _clean_unless_path)) != value:
            changed[each.name] = new
    return dataclasses.replace(config, **changed) if changed else config  # type: ignore[type-var]


def _clean_unless_path(text: str) -> str:
    cleaned = clean_text(text)
    return text if cleaned != text and os.path.lexists(text.partition(":")[0]) else cleaned


def given(config: Any) -> frozenset[str]:
    """Names of the fields that a person typed or wrote into a TOML file; none of a config that code has made."""
    return getattr(config, "_given", frozenset())


def mark_given(config: C, names: Iterable[str]) -> C:
    """Remember that these fields were given by a person, and return the config; `dataclasses.replace` forgets it."""
    object.__setattr__(config, "_given", frozenset(names))
    return config


def flag_of(field_name: str) -> str:
    """flag_of("save_every_steps") == "--save-every-steps"; a field that would be a keyword ends in _: from_, --from."""
    return "--" + field_name.rstrip("_").replace("_", "-")


def read_toml(path: str | Path, cls: type) -> dict[str, Any]:
    """The keys of a TOML file as field names (hyphen or underscore); an unknown key names the nearest field."""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"--config {path}: there is no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}") from None
    names = {f.name for f in dataclasses.fields(cls)}
    values = {key.replace("-", "_"): value for key, value in table.items()}
    values = {key if key in names or f"{key}_" not in names else f"{key}_": value for key, value in values.items()}
    for key, value in values.items():
        if key not in names:
            raise unknown(f"key in {path}:", key, names, f"the keys are {', '.join(sorted(names))}")
        if isinstance(value, dict):
            raise UserError(f"{path}: {key} is a table, but a plain value is expected")
    return values


def resolved(config: Any) -> dict[str, Any]:
    """A dataclass as a plain dict that JSON and TOML can hold (paths become strings), for the run's record."""
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def to_toml(config: Any) -> str:
    """The dataclass as TOML that `--config` reads back; fields that are None are left out."""
    lines = [f"{k} = {_toml_value(v)}" for k, v in resolved(config).items() if v is not None]
    return "\n".join(lines) + "\n"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return resolved(value)
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(v) for v in value) + "]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    escaped = "".join(c if ord(c) >= 32 and ord(c) != 127 else f"\\u{ord(c):04x}" for c in escaped)
    return f'"{escaped}"'


def _before_separator(argv: list[str]) -> list[str]:
    return argv[: argv.index("--")] if "--" in argv else argv


def _take_config(argv: list[str]) -> tuple[list[str], str | None]:
    """Take `--config FILE` or `--config=FILE` out of the words; the last one counts."""
    path, rest, words = None, [], iter(argv)
    for word in words:
        if word == "--":
            return rest + [word, *words], path
        if word == "--config":
            path = next(words, None)
            if path is None:
                raise UserError("--config needs the name of a TOML file")
        elif word.startswith("--config="):
            path = word.partition("=")[2]
        else:
            rest.append(word)
    return rest, path


def _take_flag(argv: list[str], name: str) -> tuple[list[str], str | None]:
    """Take `--name VALUE` or `--name=VALUE` out of the words. Raises UserError for two different values."""
    found, rest, words = None, [], iter(argv)
    for word in words:
        if word == "--":
            return rest + [word, *words], found
        if word != f"--{name}" and not word.startswith(f"--{name}="):
            rest.append(word)
            continue
        value = word.partition("=")[2] if "=" in word else next(words, None)
        if value is None or (value.startswith("-") and "=" not in word):
            raise UserError(f"--{name} needs a value")
        if found not in (None, value):
            raise UserError(f"--{name} {found} and --{name} {value} contradict each other: give the name once")
        found = value
    return rest, found


def _typed(cls: type, flags: set[str]) -> set[str]:
    """The fields that these words of a command line set."""
    names = {f.name for f in dataclasses.fields(cls)}
    return {name for name in names if flags & {flag_of(name), "--no-" + flag_of(name)[2:]}}


def _filled(config: Any, positionals: set[str]) -> set[str]:
    """Positional fields that do not hold their default."""
    defaults = {f.name: f.default for f in dataclasses.fields(config) if f.name in positionals}
    return {name for name, default in defaults.items() if getattr(config, name) != default}


def _positional_names(cls: type) -> set[str]:
    """Names of the fields that are given without a flag (annotated with tyro.conf.Positional)."""
    hints = typing.get_type_hints(cls, include_extras=True)
    import tyro

    probe = typing.get_args(tyro.conf.Positional[str])[1:]
    return {name for name, hint in hints.items() if any(m in probe for m in getattr(hint, "__metadata__", ()))}


def _check_flags(cls: type, argv: list[str], command: str) -> None:
    fields = dataclasses.fields(cls)
    positionals = _positional_names(cls)
    valid = {flag_of(f.name) for f in fields if f.name not in positionals}
    negated = {"--no-" + v[2:] for v in valid}
    for word in _before_separator(argv):
        flag = word.partition("=")[0].replace("_", "-")
        if not word.strip("-") and len(word) > 2:
            raise UserError(f"{word} looks like a flag; write -- before a text that begins with -: -- {word!r}")
        # A word with a space is somebody's text, not a flag.
        if flag.startswith("--") and " " not in flag and flag not in valid | negated | {"--help"}:
            see = f"see `firstwords {command} --help`"
            also = {"--name"} if positionals == {NAME} else set()
            raise unknown("flag", flag, valid | also | {"--config", "--help"}, see)


def _joined(cls: type, argv: list[str]) -> list[str]:
    """The words with all values of a list behind its first flag: --key A --open --key B -> --key A B --open.

    The parser would take the last ones and forget the others.
    """
    hints = typing.get_type_hints(cls)
    lists = {"--" + name.replace("_", "-") for name, hint in hints.items() if typing.get_origin(hint) is list}
    words = _before_separator(argv)
    groups: list[list[str]] = [[]]
    firsts: dict[str, list[str]] = {}
    for word in words:
        name, _, value = word.partition("=")
        flag = name.replace("_", "-")
        if flag in lists:
            groups.append(firsts.setdefault(flag, [flag]))
            groups[-1] += [value] if "=" in word else []
        elif word.startswith("--") and " " not in word:
            groups.append([word])
        else:
            groups[-1].append(word)
    kept = {id(group): group for group in groups}  # each flag of a list once, where it stood first
    return [word for group in kept.values() for word in group] + argv[len(words) :]


def _as_flags(values: dict[str, Any], given: set[str]) -> list[str]:
    """TOML values as words of a command line, so that one parser checks both; flags already given win."""
    words: list[str] = []
    for key, value in values.items():
        flag = flag_of(key)[2:]
        if given & {f"--{flag}", f"--no-{flag}"}:
            continue
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif isinstance(value, list):
            words += [f"--{flag}", *map(str, value)]
        else:
            words.append(f"--{flag}={value}")
    return words


def _insert(argv: list[str], words: list[str]) -> list[str]:
    """`words` behind the flags of `argv`, yet before the `--` that ends flags."""
    end = len(_before_separator(argv))
    return argv[:end] + words + argv[end:]


def _default_with(cls: type, values: dict[str, Any]) -> Any:
    """An instance of `cls` to start from when TOML sets positional fields; None when it sets none."""
    if not values:
        return None
    import tyro

    for field in dataclasses.fields(cls):
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if not has_default:
            values.setdefault(field.name, tyro.MISSING)
    return cls(**values)


def _sentence(box: str, argv: list[str], command: str, positionals: set[str]) -> str:
    """One sentence out of the parser's box of text."""
    lines = [re.sub(r"[╭╮╰╯│─|]+|-{3,}|^\+-+", " ", line).strip() for line in box.splitlines()]
    text = " ".join(line for line in lines if line)
    see = f"see `firstwords {command} --help`"
    if found := re.search(r"Error parsing (--?[\w-]+|[\w-]+): .*?could not convert string to float: ('.*?')", text):
        return f"{found[1]} needs a number, not {found[2]}"
    if found := re.search(r"Error parsing (--?[\w-]+|[\w-]+): invalid literal for int\(\).*?: ('.*?')", text):
        return f"{found[1]} needs a whole number, not {found[2]}"
    if found := re.search(r"(invalid choice .*?\))\.", text, re.I):
        return f"{found[1]}; {see}"
    if found := re.search(r"Missing value for argument ['\"]?(--?[\w-]+)", text):
        return f"{found[1]} needs a value; {see}"
    if found := re.search(r"Missing from .*?: (?:\(positional\) )?(\S+)", text):
        return f"{found[1]} is missing; {see}"
    if found := re.search(r"Unrecognized (?:options|arguments): (.*?)(?: Perhaps| For full|$)", text):
        return f"there is one word too many: {found[1]} (put a text of several words in quotes); {see}"
    if "Missing value" in text and positionals:
        return f"{' '.join(sorted(positionals)).upper()} is missing (write -- before a text that begins with -); {see}"
    title = re.match(r"(?:\w+ (?:error|options|choice)\s+)?(.*?)(?: Argument helptext| For full helptext|$)", text)
    return f"{(title[1] if title else text).strip().rstrip('.')}; {see}"
