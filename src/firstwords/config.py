"""Settings as dataclasses: which ones the user gave, how they are recorded, and errors for users."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Iterable
from typing import Any, Literal, TypeVar

C = TypeVar("C")
CHAT_TEMPERATURE = 0.5  # default sampling temperature in chats
CHAT_TOP_P = 0.95  # default top-p in chats
WeightFormat = Literal["auto", "fp32", "int8"]  # how an engine holds a model's weights
WEIGHT_FORMATS: tuple[str, ...] = typing.get_args(WeightFormat)


class UserError(Exception):
    """An error that the user can fix: one sentence with what was wrong, where, and what to do."""


@dataclasses.dataclass
class Settings:
    """The root of dataclasses of flags and options that check their values when they are made.

    Each class checks its own fields in `__post_init__`, after `super().__post_init__()`: a command that inherits from
    several of them needs no code to have them all checked.
    """

    def __post_init__(self) -> None:
        """Raise a UserError that names the flag of the first impossible value."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """The valid name most similar to `name`, or "" if none is: nearest("minuts", ["minutes"]) == "minutes"."""
    found = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return found[0] if found else ""


def unknown(what: str, name: str, valid: Iterable[str], otherwise: str) -> UserError:
    """The error for an unknown name: suggests the nearest valid one, or says `otherwise`."""
    close = nearest(name.lstrip("-"), [v.lstrip("-") for v in valid])
    prefix = "--" if name.startswith("--") else ""
    hint = f"did you mean {prefix}{close}?" if close else otherwise
    return UserError(f"unknown {what} {name}; {hint}")


def given(config: Any) -> frozenset[str]:
    """Names of the fields that the user gave as flags or in a TOML file; empty for a config made by code."""
    return getattr(config, "_given", frozenset())


def mark_given(config: C, names: Iterable[str]) -> C:
    """Mark these fields as given by the user, and return the config; `dataclasses.replace` loses the mark."""
    object.__setattr__(config, "_given", frozenset(names))
    return config


def flag_of(field_name: str) -> str:
    """flag_of("save_every_steps") == "--save-every-steps"; flag_of("from_") == "--from"; "ppo.clip" -> "--ppo.clip"."""
    return "--" + field_name.rstrip("_").replace("_", "-")


def resolved(config: Any) -> dict[str, Any]:
    """A dataclass as a plain dict that JSON and TOML can hold (paths become strings), for the run's record."""
    return {f.name: _plain(getattr(config, f.name)) for f in dataclasses.fields(config)}


def flat(values: dict[str, Any]) -> dict[str, Any]:
    """{"steps": 1, "ppo": {"clip": 0.2}} -> {"steps": 1, "ppo.clip": 0.2}, with names as in `given`."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
    return found


def to_toml(config: Any) -> str:
    """The dataclass as TOML that `--config` reads back; fields that are None are left out."""
    values = {key: value for key, value in resolved(config).items() if value is not None}
    lines = [f"{key} = {_toml_value(value)}" for key, value in values.items() if not isinstance(value, dict)]
    for key, table in values.items():
        if isinstance(table, dict):
            lines += [f"[{key}]", *(f"{k} = {_toml_value(v)}" for k, v in table.items() if v is not None)]
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
