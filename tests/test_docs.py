"""The documentation agrees with what is there: links, commands and flags, figures, and a README of readable size."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from firstwords.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
MAX_README_WORDS = 1000
MAX_COLUMNS = 120
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCED = re.compile(r"^[ ]*```.*?^[ ]*```", re.MULTILINE | re.DOTALL)
GENERATED = "docs/cli.md"
OLD_COMMANDS = ("docs/LOG.md", "docs/RESULTS.md", "CHANGELOG.md")  # speak of commands as they were on that day


def pages() -> list[str]:
    """Every Markdown file of the repository, as a path from its root."""
    skipped = {".venv", "node_modules", ".git", ".pytest_cache", "dist", "build"}
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    return sorted(str(path) for path in paths if not skipped & set(path.parts))


PAGES = pages()


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """Markdown without its code: fenced and indented blocks, and `inline`."""
    lines = FENCED.sub("", text).splitlines()
    kept, in_paragraph = [], False
    for line in lines:
        if not in_paragraph and line.startswith("    "):
            continue
        kept.append(line)
        in_paragraph = bool(line.strip())
    return re.sub(r"`[^`\n]*`", "", "\n".join(kept))


def anchors(text: str) -> set[str]:
    """The #names that headings get on GitHub: "## What is held out" -> "what-is-held-out"."""
    names: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", FENCED.sub("", text), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", LINK.sub("", heading).lower()).replace(" ", "-")
        number, name = 0, plain
        while name in names:
            number += 1
            name = f"{plain}-{number}"
        names.add(name)
    return names


def broken_links(page: str, text: str) -> list[str]:
    """Relative links of a page that lead to no file, or to no heading of it."""
    broken = []
    for target in LINK.findall(prose(text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file.read_text("utf-8"))):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    assert not broken_links(page, read(page))


def test_a_broken_link_is_noticed() -> None:
    text = "[a](docs/LOG.md) [b](docs/NONE.md) [c](#where-to-read-on) [d](#nowhere) `[e](code.md)` [f](https://x.org/y)"
    assert broken_links("README.md", text) == ["docs/NONE.md", "#nowhere"]


@pytest.mark.parametrize("page", PAGES)
def test_paragraphs_are_wrapped(page: str) -> None:
    long = [line for line in prose(read(page)).splitlines() if len(line) > MAX_COLUMNS and not _may_be_long(line)]
    assert not long, f"{page}: longer than {MAX_COLUMNS} columns: {long[0][:60]}..."


def _may_be_long(line: str) -> bool:
    return line.startswith(("|", "#", "![")) or "](" in line or " " not in line.strip(" -*>")


def test_readme_is_short() -> None:
    assert len(read("README.md").split()) <= MAX_README_WORDS


def test_readme_quotes_the_results() -> None:
    figures = read("README.md").split("\n## Figures\n")[1].split("\n## ")[0]
    results = read("docs/RESULTS.md").replace("**", "")
    quoted = re.findall(r"\d[\d,]*(?:\.\d+)?(?= %| times| tokens/s| bits| min| of the engine|\b)", figures)
    assert len(quoted) > 8
    assert not [figure for figure in quoted if figure not in results]


def commands(text: str) -> list[list[str]]:
    """The words of every `firstwords ...` line in the code of a page, comments and pipes taken off."""
    code = [line.strip() for line in text.splitlines()] + re.findall(r"`(firstwords [^`\n]+)`", text)
    found = []
    for line in code:
        match = re.match(r"(?:\$ |[A-Z_]+=\S+ )*(firstwords [a-z].*)", line)
        if match is None or line.startswith("firstwords:"):
            continue
        command = re.split(r"\s{2,}#|\s\|\s|\s>\s|\\$", match.group(1))[0]
        try:
            found.append(shlex.split(command)[1:])
        except ValueError:  # an apostrophe: prose that begins with the name
            continue
    return found


def wrong_words(words: list[str], reference: dict[str, str]) -> list[str]:
    """What `firstwords WORDS` would not know: the command itself, or flags that its help text does not name."""
    name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
    if name not in COMMANDS:
        return [name]
    flags = [word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)]
    return [flag for flag in flags if not re.search(rf"{flag}(?![\w-])", reference[name])]


@pytest.fixture(scope="module")
def reference() -> dict[str, str]:
    """{command: its help text}, from the generated page, which tests/cli/test_reference.py holds to the program."""
    parts = read(GENERATED).split("\n## firstwords ")[1:]
    return {part.partition("\n")[0]: part for part in parts}


@pytest.mark.parametrize("page", [page for page in PAGES if page not in (GENERATED, *OLD_COMMANDS)])
def test_commands_and_flags_exist(page: str, reference: dict[str, str]) -> None:
    text = read(page)
    blocks = FENCED.findall(text) + [line for line in text.splitlines() if line.startswith("    ")]
    inline = re.findall(r"`firstwords [^`\n]+`", text)
    for words in commands("\n".join([*blocks, *inline])):
        assert not wrong_words(words, reference), f"{page}: firstwords {' '.join(words)}"


def test_a_wrong_flag_is_noticed(reference: dict[str, str]) -> None:
    page = '    firstwords learn --minuts 3   # x\n    firstwords lern\n    firstwords next "a b" --top 5 | head\n'
    wrong = [wrong_words(words, reference) for words in commands(page)]
    assert wrong == [["--minuts"], ["lern"], []]


def missing_files(text: str) -> list[str]:
    """Files that a page names in code (`train/losses.py`) or in a tree, and that are nowhere in the repository."""
    tree = "\n".join(line.partition("   ")[0] for line in _tree_lines(text))
    code = " ".join(re.findall(r"`([^`\n]+)`", FENCED.sub("", text)))
    named = set(re.findall(r"(?<![\w/.<>-])[a-z_][\w/-]*\.(?:py|ts|svelte)(?![\w.])", f"{code} {tree}"))
    folders = set(re.findall(r"(?<![\w/.-])[a-z_]+/(?=\s|$)", tree))
    named = {name for name in named if not re.search("[A-Z]{2}", name)}  # methods/NAME.py
    return sorted(name for name in named | folders if not FILES.intersection({name, name.rstrip("/")}))


def _tree_lines(text: str) -> list[str]:
    """Lines of a page's drawing of the source tree, without their indentation."""
    parts = re.findall(r"^    src/firstwords/\n((?: {4,}.*\n)+)", text, re.MULTILINE)
    return [line.strip() for part in parts for line in part.splitlines()]


def _endings() -> set[str]:
    """Every file and folder of the repository, by every ending of its path: "losses.py", "train/losses.py", ..."""
    endings = set()
    for top in ("src", "tests", "web/src", "benchmarks", "docs", "deploy"):
        for path in (ROOT / top).rglob("*"):
            if "__pycache__" not in path.parts:
                parts = path.relative_to(ROOT).parts
                endings |= {"/".join(parts[i:]) for i in range(len(parts))}
    return endings | {path.name for path in ROOT.iterdir()}


FILES = _endings()
# Named before they were there: to be emptied when the folders of DESIGN section 4 are in place.


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md", "web/README.md"])
def test_files_that_a_page_names_exist(page: str) -> None:
    assert not missing_files(read(page))


def test_a_missing_file_is_noticed() -> None:
    tree = "    src/firstwords/\n      cli.py nowhere.py   one line\n      model/    the model\n      gone/     no\n"
    assert missing_files(f"`train/losses.py` and `train/loss.py`\n{tree}") == ["gone/", "nowhere.py", "train/loss.py"]


def test_every_guide_is_linked() -> None:
    guides = {path.name for path in (ROOT / "docs" / "guides").glob("*.md")}
    linked = "\n".join(read(page) for page in PAGES)
    assert not [name for name in guides if f"{name})" not in linked and f"{name}#" not in linked]


def test_pages_are_kept_by_git() -> None:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode or not listed.stdout:
        pytest.skip("not a git checkout")
    assert set(listed.stdout.split()) <= set(PAGES)


def test_the_guide_names_the_default_method() -> None:
    from firstwords.rlhf.align import Align

    default = Align.__dataclass_fields__["method"].default
    marked = re.findall(r"`(\w+)` \(default\)", read("docs/guides/stage-three.md"))
    assert marked == [default]
