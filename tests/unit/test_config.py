"""Flags from a dataclass: defaults < TOML < flags, and every mistake is one sentence that helps."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from firstwords.config import Settings, UserError, given, nearest, resolved, to_toml
from firstwords.flags import Positional, parse


@dataclass
class Example:
    """What the command does."""

    text: Positional[str]
    """The beginning."""
    minutes: float = 6.0
    """Minutes of work."""
    top_k: int = 3
    """How many."""
    files: list[str] = field(default_factory=list)
    """Some files."""
    json: bool = False
    """Print JSON."""
    model: str | None = None
    """Which model."""
    method: Literal["muon", "adamw"] = "muon"
    """Which optimizer."""

    def __post_init__(self) -> None:
        if isinstance(self.minutes, float) and self.minutes < 0:
            raise UserError("--minutes must be positive")


def read(*argv: str) -> Example:
    return parse(Example, list(argv), "example")


def test_defaults_and_flags() -> None:
    assert read("hi") == Example("hi")
    given = read("hi", "--minutes", "2.5", "--top-k=9", "--files", "a", "b", "--json", "--model", "pip/base")
    assert given == Example("hi", 2.5, 9, ["a", "b"], True, "pip/base")
    assert read("hi", "--top_k", "4").top_k == 4  # underscores work too


@dataclass
class Train:
    """A command about a model."""

    name: Positional[str] = ""
    """The model."""
    steps: int = 0
    """How many."""
    from_: str = "base"
    """A flag that is a keyword of Python."""
    world: bool = False
    """A switch."""


def train(*argv: str) -> Train:
    return parse(Train, list(argv), "train")


def test_a_models_name_is_given_in_either_way(tmp_path: Path) -> None:
    for words in (["pip"], ["--name", "pip"], ["--name=pip"], ["pip", "--name", "pip"], ["--steps", "0", "pip"]):
        assert train(*words) == Train("pip")
    for words in (["pip", "--name", "tom"], ["--name", "pip", "--name=tom"]):
        with pytest.raises(UserError, match="pip and --name tom contradict each other"):
            train(*words)
    for words in (["--name"], ["--name", "--steps", "3"]):
        with pytest.raises(UserError, match="--name needs a value"):
            train(*words)
    file = tmp_path / "run.toml"
    file.write_text('name = "toml"\nfrom = "sft"\n')
    assert train("--config", str(file)) == Train("toml", from_="sft")
    assert train("--config", str(file), "--name", "pip").name == train("pip", "--config", str(file)).name == "pip"
    with pytest.raises(UserError, match="unknown flag --nam; did you mean --name"):
        train("--nam", "x")


def test_what_was_typed_is_known(tmp_path: Path) -> None:
    assert given(train()) == given(Train(steps=3)) == frozenset()
    assert given(train("--steps", "0", "--no-world")) == {"steps", "world"}, "also where it is the default"
    assert given(train("pip", "--from=sft")) == {"name", "from_"} and given(train("--name", "x")) == {"name"}
    file = tmp_path / "run.toml"
    file.write_text("steps = 3\n")
    assert given(train("--world", "--config", str(file))) == {"steps", "world"}


def test_a_text_may_look_like_a_flag() -> None:
    assert read("--", "--not a flag").text == "--not a flag"
    assert read("--json", "--", "-x").text == "-x"


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["hi", "--minuts", "3"], "unknown flag --minuts; did you mean --minutes?"),
        (["hi", "--xyzzy"], "unknown flag --xyzzy; see `firstwords example --help`"),
        (["hi", "--minutes", "soon"], "--minutes needs a number, not 'soon'"),
        (["hi", "--top-k", "2.5"], "--top-k needs a whole number, not '2.5'"),
        (["hi", "--minutes"], "--minutes needs a value"),
        (["hi", "--method", "sgd"], "--method is sgd, but it must be one of muon, adamw"),
        (["the", "cat"], "put a text of several words in quotes"),
        ([], "TEXT is missing"),
        (["-x"], "write -- before a text that begins with -"),
        (["hi", "--config"], "--config needs the name of a TOML file"),
        (["hi", "--config", "/no/such.toml"], "there is no such file"),
        (["hi", "--minutes", "-1"], "--minutes must be positive"),
    ],
)
def test_mistakes_are_one_sentence(argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError) as caught:
        read(*argv)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value) and not set("╭│╰") & set(str(caught.value))
    assert capsys.readouterr() == ("", ""), "the sentence is all there is"


def test_toml_stands_between_defaults_and_flags(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('minutes = 9\ntop-k = 5\njson = true\nfiles = ["x", "y"]\nmodel = "pip"\n')
    assert read("hi", "--config", str(file)) == Example("hi", 9.0, 5, ["x", "y"], True, "pip")
    assert read(f"--config={file}", "hi", "--top_k=1", "--no-json", "--files", "z").top_k == 1
    changed = read("hi", "--config", str(file), "--files", "z", "--no-json", "--minutes", "2")
    assert changed == Example("hi", 2.0, 5, ["z"], False, "pip")


def test_toml_may_hold_the_positional_argument(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('text = "from the file"\n')
    assert read("--config", str(file)).text == "from the file"
    assert read("from the line", "--config", str(file)).text == "from the line"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("minuts = 3\n", "minuts; did you mean minutes?"),
        ("qqqq = 3\n", "the keys are files, json"),
        ('minutes = "soon"\n', "--minutes needs a number, not 'soon'"),
        ("minutes = \n", "is not valid TOML"),
        ("[minutes]\na = 1\n", "minutes is a table"),
    ],
)
def test_mistakes_in_toml_name_the_file(tmp_path: Path, content: str, sentence: str) -> None:
    file = tmp_path / "run.toml"
    file.write_text(content)
    with pytest.raises(UserError) as caught:
        read("hi", "--config", str(file))
    assert sentence in str(caught.value) and str(file) in str(caught.value)


def test_help_shows_docstrings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        read("--help")
    shown = capsys.readouterr().out
    assert stop.value.code in (0, None)
    for expected in ("What the command does.", "Minutes of work.", "--top-k INT", "default: 6.0", "--config FILE.toml"):
        assert expected in shown
    assert "--no-json" not in shown


@dataclass(kw_only=True)
class Shared(Settings):
    """Flags that several commands take."""

    seed: int | None = None
    """The same seed gives the same answer."""
    minutes: float = 10.0
    """Time budget."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.minutes <= 0:
            raise UserError("--minutes must be positive")


@dataclass(kw_only=True)
class Loud(Settings):
    """Another group of flags."""

    volume: int = 1
    """How loud."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.volume > 11:
            raise UserError("--volume goes to 11")


@dataclass(kw_only=True)
class Inheriting(Loud, Shared):
    """A command that inherits flags."""

    text: Positional[str]
    """The beginning."""
    minutes: float = 3.0
    width: int = 8
    """How wide."""


def test_inherited_flags_follow_a_commands_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert parse(Inheriting, ["hi", "--seed", "1"], "x") == Inheriting(text="hi", seed=1, minutes=3.0)
    with pytest.raises(SystemExit):
        parse(Inheriting, ["--help"], "x")
    shown = capsys.readouterr().out
    assert [shown.index(flag) for flag in ("--width", "--volume", "--seed", "--minutes")] == sorted(
        shown.index(flag) for flag in ("--width", "--volume", "--seed", "--minutes")
    )
    assert "Time budget. (default: 3.0)" in shown, "another default, the same words"


@pytest.mark.parametrize(("flag", "value"), [("--minutes", "-1"), ("--volume", "12")])
def test_the_checks_of_all_bases_are_made(flag: str, value: str) -> None:
    with pytest.raises(UserError, match=flag):
        parse(Inheriting, ["hi", flag, value], "x")


@dataclass
class Clipping:
    """For the method that clips."""

    clip: float = 0.2
    """How far."""
    is_fast: bool = False
    """Hurry."""


@dataclass
class Nested:
    """A command with a group of flags."""

    steps: int = 1
    """How many."""
    ppo: Clipping = field(default_factory=Clipping)


def test_a_dataclass_in_a_dataclass_is_a_group_of_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = parse(Nested, ["--ppo.clip", "0.1", "--ppo.is_fast", "--steps=3"], "nested")
    assert found == Nested(3, Clipping(0.1, True)) and given(found) == {"ppo.clip", "ppo.is_fast", "steps"}
    file = tmp_path / "run.toml"
    file.write_text("steps = 2\n[ppo]\nclip = 0.5\nis-fast = true\n")
    read_back = parse(Nested, ["--config", str(file), "--no-ppo.is-fast"], "nested")
    assert read_back == Nested(2, Clipping(0.5, False))
    file.write_text(to_toml(found))
    assert parse(Nested, ["--config", str(file)], "nested") == found
    with pytest.raises(UserError, match=r"unknown flag --ppo.clp; did you mean --ppo.clip\?"):
        parse(Nested, ["--ppo.clp", "1"], "nested")
    with pytest.raises(UserError, match=r"unknown key in .*: ppo.clp; did you mean ppo.clip\?"):
        file.write_text("[ppo]\nclp = 1\n")
        parse(Nested, ["--config", str(file)], "nested")
    with pytest.raises(SystemExit):
        parse(Nested, ["--help"], "nested")
    shown = capsys.readouterr().out
    assert "ppo options" in shown and "For the method that clips." in shown and "--ppo.clip FLOAT" in shown


@drawn(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    minutes=st.floats(0, 1e6),
    top_k=st.integers(-(10**9), 10**9),
    files=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=3),
    json=st.booleans(),
)
def test_toml_round_trip(tmp_path_factory, text, minutes, top_k, files, json) -> None:
    import tomllib

    example = Example(text, minutes, top_k, files, json)
    assert tomllib.loads(to_toml(example)) == {k: v for k, v in resolved(example).items() if v is not None}


def test_to_toml_is_read_back_by_config(tmp_path: Path) -> None:
    example = Example("The cat", 2.5, 9, ["a b", "c"], True, None, "adamw")
    file = tmp_path / "saved.toml"
    file.write_text(to_toml(example))
    assert read("--config", str(file)) == example


def test_resolved_holds_plain_values(tmp_path: Path) -> None:
    @dataclass
    class Paths:
        folder: Path
        pair: tuple[int, int] = (1, 2)

    assert resolved(Paths(tmp_path)) == {"folder": str(tmp_path), "pair": [1, 2]}


def test_nearest() -> None:
    assert nearest("stges", ["stages", "chat"]) == "stages" and nearest("zzz", ["stages"]) == ""


@dataclass
class _Lists:
    """Lists together with a positional word."""

    ref: Positional[str] = "pip"
    """REF."""
    key: list[str] = field(default_factory=list)
    """Keys."""
    allow_host: list[str] = field(default_factory=lambda: ["here"])
    """Names."""
    open: bool = False
    """Open."""


@pytest.mark.parametrize(
    ("argv", "key", "hosts"),
    [
        (["--key", "a"], ["a"], ["here"]),
        (["--key", "a", "b"], ["a", "b"], ["here"]),
        (["--key", "a", "--key", "b"], ["a", "b"], ["here"]),
        (["pip", "--key=a", "--open", "--key", "b", "c", "--key=d"], ["a", "b", "c", "d"], ["here"]),
        (["--allow-host", "x", "--key", "a", "--allow_host=y", "--key", "b"], ["a", "b"], ["x", "y"]),
        (["--key", "a=b", "--key", "--", "pip"], ["a=b"], ["here"]),
        (["--open"], [], ["here"]),
    ],
)
def test_a_lists_flag_may_be_given_several_times(argv: list[str], key: list[str], hosts: list[str]) -> None:
    found = parse(_Lists, argv, "serve")
    assert (found.ref, found.key, found.allow_host, found.open) == ("pip", key, hosts, "--open" in argv)


def test_flags_of_a_list_replace_what_toml_says(tmp_path: Path) -> None:
    (tmp_path / "serve.toml").write_text('key = ["x", "y"]\nallow-host = ["z"]\n', encoding="utf-8")
    found = parse(_Lists, ["--key", "a", "--config", str(tmp_path / "serve.toml"), "--key", "b"], "serve")
    assert (found.key, found.allow_host) == (["a", "b"], ["z"])
