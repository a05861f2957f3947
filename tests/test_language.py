"""What people read is idiomatic English: the phrases that this project has outgrown stay away.

    python tests/test_language.py            # how many there are in each area, and where

A rule is a pattern and what to write instead. `violations` applies all of them to a list of (place, text); an area is
a function that gathers such a list. Only the areas in ENFORCED must be free of them. The built-in world's texts are
never checked: people in stories may say "nobody".
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "firstwords"
EXCLUDED = ("world",)  # folders of the source whose strings are the built-in world's own

Texts = list[tuple[str, str]]  # (place, text)

_UNITS = r"(?:tokens?|bytes?|bits?|nats?|steps?|answers?|parameters?|rows?|requests?|messages?|questions?|ms|MB|GB)"
_PER = r"(?:token|step|second|minute|byte|answer|parameter|row|prompt|question|word|process|update|nat)"
RULES: dict[str, str] = {  # pattern: what to write instead
    r"\b(?:speaks?|spoke|speaking) for\b": "is promoted, is the default",
    r"\bprices? (?:of|per) (?:a nat|KL|the KL|drifting)\b|\bprice of\b": "KL coefficient, cost",
    r"\banew\b": "again",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bdear(?:er|est)\b|\btoo dear\b": "more expensive",
    r"\bno ?body\b|\bsomebody\b": "no one, someone, or name the role",
    r"(?<!\bthere )(?<!\bThere )\bis no (?!longer\b|more\b|less\b|different\b|better\b|worse\b|larger\b|smaller\b"
    r"|doubt\b|other\b|further\b)\w+": "is not a (valid) ...",
    r"\b(?:go|goes|going|went) on\b(?= (?:with|without|as|from|where|by|further|learning|training)\b"
    r"|[.,;:)!?]|$)": "continues",
    r"\bnever[- ]told\b|\btold facts?\b|\bfacts? (?:that )?it was (?:never )?told\b": "known, unknown",
    r"\bmost (?:tokens|characters) (?:of|allowed|an|per)\b": "maximum tokens per ...",
    rf"\b{_UNITS} an? {_PER}\b": "per",
    r"\b(?:every|after|for) so many (?:steps|seconds|minutes|tokens|rows)\b": "every N ...",
    r"\bbeside\b": "alongside, next to, compared with",
    r"\b(?:stands?|stood) (?:here|there|behind|beside|outside|where)\b"
    r"|\b(?:stands|stood) in (?:the|a|an|its|their|this|docs)\b": "is, appears, is shown",
    r"\b(?:each|every|last|first|best) look\b(?!-)": "evaluation",
    r"\b[\d,]+ pieces\b|\bpieces? (?:of|in) (?:a|the|its) vocabulary\b": "token",
    r"\bfor want of\b": "for lack of",
    r"\bdoes not speak yet\b|\bspeaks with its\b": "is not promoted, uses",
    r"\b(?:is|are) gone through\b": "is read, is passed over",
    r"\b(?:is|are) \w+ing just now\b": "is currently ...ing",
    r"\bby a hair\b": "narrowly",
    r"\bwhat (?:it|the model) (?:knows, admits|admits|manages)\b": "say what is measured",
}
ALLOWED = ("Nobody came, and Mila cried",)  # sentences of the built-in world that others quote
_RULES = {re.compile(pattern, re.IGNORECASE): better for pattern, better in RULES.items()}


def violations(texts: Texts) -> list[str]:
    """Each use of an outgrown phrase, as "place: ... phrase ... -> what to write"."""
    lines = []
    for place, text in texts:
        plain = re.sub("|".join(ALLOWED), "", re.sub(r"\s+", " ", text))
        for pattern, better in _RULES.items():
            for match in pattern.finditer(plain):
                around = plain[max(0, match.start() - 40) : match.end() + 30].strip()
                lines.append(f"{place}: ...{around}... -> {better}")
    return lines


# --- areas ---------------------------------------------------------------------------------------------------------


def markdown(*patterns: str) -> Texts:
    """The prose of Markdown files, a paragraph at a time: code and quoted output are left out."""
    found = []
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        text = re.sub(r"^[ ]*```.*?^[ ]*```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for paragraph in re.split(r"\n\s*\n", text):
            if not paragraph.startswith(("    ", ">")):
                found.append((path.relative_to(ROOT).as_posix(), re.sub(r"`[^`\n]*`", "CODE", paragraph)))
    return found


def help_texts() -> Texts:
    """The help texts of all commands, from the generated page that equals them (tests/cli/test_reference.py)."""
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    sections = (section.partition("\n") for section in page.split("\n## ")[1:])
    return [(f"{title} --help", text) for title, _, text in sections]


def _source_files() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        relative = path.relative_to(SOURCE)
        if relative.parts[0] not in EXCLUDED:
            yield relative.as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def _docstring_nodes(tree: ast.Module) -> set[int]:
    """ids of string expressions that stand alone: docstrings of modules, classes, functions and fields."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def messages() -> Texts:
    """Errors, progress and everything else that the program says: every string of the source with several words."""
    found = []
    for place, tree in _source_files():
        docstrings = _docstring_nodes(tree)
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if id(node) in docstrings or id(node) in inside:
                continue
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            else:
                continue
            if " " in text.strip():
                found.append((f"{place}:{node.lineno}", text))
    return found


def docstrings() -> Texts:
    """Docstrings of modules, classes, functions and fields (those of a command's fields are its help text too)."""
    found = []
    for place, tree in _source_files():
        for node in ast.walk(tree):
            text = getattr(node.value, "value", None) if isinstance(node, ast.Expr) else None
            if isinstance(text, str):
                found.append((f"{place}:{node.lineno}", text))
    return found


_STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"|\'((?:[^\'\\\n]|\\.)*)\'|`((?:[^`\\]|\\.)*)`')
_COMMENT = re.compile(r"<!--.*?-->|/\*.*?\*/|(?<![:\"'\w])//[^\n]*", re.DOTALL)


def page_texts() -> Texts:
    """Texts of the page: what stands between tags, in attributes, and in strings of several words."""
    found = []
    for path in sorted((ROOT / "web" / "src").rglob("*")):
        if path.suffix not in (".svelte", ".ts"):
            continue
        text = re.sub(r"<style.*?</style>|\bclass=\"[^\"]*\"", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        place = path.relative_to(ROOT).as_posix()
        found += [(place, sentence) for sentence in texts_of_component(_COMMENT.sub(" ", text))]
    return found


def texts_of_component(text: str) -> list[str]:
    """Texts that a person sees, from a component without its comments and styles.

    texts_of_component('<p title="Pick one">Hello {name ? "dear friend" : ""}, go on</p>')
    -> ["Pick one", "dear friend", "Hello X, go on"]
    """
    scripts = "\n".join(re.findall(r"<script.*?</script>", text, flags=re.DOTALL)) if "<script" in text else ""
    markup = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL) if scripts else text
    strings = ["".join(groups) for groups in _STRING.findall(text)]
    nested = [string for outer in strings for string in re.findall(r'"([^"\n]*)"', outer)]
    sentences = [re.sub(r"\$?\{[^{}]*\}", "X", string) for string in (*strings, *nested)]
    if "<" in markup:
        without_code, before = markup, None
        while without_code != before:  # innermost braces first
            before, without_code = without_code, re.sub(r"\{[^{}]*\}", "X", without_code)
        sentences += re.sub(r"<[^<>]*>", "\n", without_code).split("\n")
    return [sentence.strip() for sentence in sentences if " " in sentence.strip()]


AREAS: dict[str, Callable[[], Texts]] = {
    "readme": lambda: markdown("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    "guides": lambda: markdown("docs/guides/*.md"),
    "docs": lambda: markdown("docs/ARCHITECTURE.md", "docs/RESULTS.md", "docs/kl-placement.md", "*/README.md"),
    "log": lambda: markdown("docs/LOG.md"),
    "help": help_texts,
    "messages": messages,
    "page": page_texts,
    "docstrings": docstrings,
}
ENFORCED = tuple(AREAS)


@pytest.mark.parametrize("area", ENFORCED)
def test_outgrown_phrases_stay_away(area: str) -> None:
    lines = violations(AREAS[area]())
    assert not lines, f"{len(lines)} in {area}:\n" + "\n".join(lines)


@pytest.mark.parametrize("area", AREAS)
def test_every_area_has_texts(area: str) -> None:
    texts = AREAS[area]()
    assert len(texts) > 10 and sum(len(text.split()) for _, text in texts) > 300


BAD = [
    "rlhf-1 speaks for pip now",
    "Price of a nat of KL, in standard deviations",
    "the page reads it anew",
    "Mended: a policy could",
    "a larger model is dearer",
    "somebody started it",
    "Nobody can know that",
    "'x y' is no good model name",
    "this is no key of this server",
    "it goes on with the next question",
    "the run goes on.",
    "facts it was never told",
    "Most tokens of one answer.",
    "2,400 tokens a second",
    "Checkpoint every so many steps",
    "a file beside the weights",
    "the loop stands in the stage's file",
    "at each look the reward is measured",
    "a vocabulary of 3,072 pieces",
    "pip is learning just now",
]
GOOD = [
    "no one can know",
    "there is no such model",
    "it is no longer the default",
    "besides, it fits",
    "goes on sale",
    "the tokens per second",
    "words that can stand in the same place",
    "Nobody came, and Mila cried.",
    "a token and its probability",
    "Most of the tokens are words",
    "it stands for the model",
    "you are told which file it was",
    "look at the first look-up table",
    "two pieces of advice",
    "A second run",
    "Is there no model yet?",
    "recommend",
    "an amendment",
    "the price is right",
    "Choose one to continue from there.",
]


@pytest.mark.parametrize("sentence", BAD)
def test_each_rule_finds_its_phrase(sentence: str) -> None:
    assert violations([("here", sentence)])


@pytest.mark.parametrize("sentence", GOOD)
def test_ordinary_english_passes(sentence: str) -> None:
    assert not violations([("here", sentence)])


def test_texts_of_a_component() -> None:
    component = """<script lang="ts">let wait = "just a moment";</script>
    <p title="Pick one"> Hello {name ? "old friend" : `Anna of ${town}`}, go on</p>"""
    texts = texts_of_component(component)
    assert {"just a moment", "Pick one", "old friend", "Anna of X", "Hello X, go on"} <= set(texts)


def test_strings_of_the_source_are_seen_without_docstrings() -> None:
    places = dict(messages())
    assert any("did you mean" in text for text in places.values())
    assert not any(place.startswith("world/") for place in places)
    assert not set(places.values()) & {text for _, text in docstrings()}


if __name__ == "__main__":
    wanted = sys.argv[1:] or list(AREAS)
    for name in wanted:
        listed = violations(AREAS[name]())
        print(f"{name}: {len(listed)}", *(f"  {line}" for line in listed if sys.argv[1:]), sep="\n")
