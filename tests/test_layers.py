"""The architecture as a test: a folder is a layer, imports point downwards only, and light modules stay light."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "firstwords"

# From the lowest to the highest: the folders and files of a row are imported by the rows below it in this list, and
# not by one another. Only the files of the first row, which are small, may import one another.
LAYERS = (
    (
        "config",
        "database",
        "flags",
        "home",
        "plain_text",
        "process",
        "promotions",
        "runlog",
        "signals",
        "stats",
        "version",
    ),
    ("tokenizer", "world"),
    ("data",),
    ("model", "classify"),
    ("engine", "keeping"),
    ("eval", "preferences", "retrieval"),
    ("plan", "tools"),
    ("train",),
    ("rlhf",),
    ("pipeline", "writing"),  # stages one to three, one after the other; outlines and paragraphs
    ("api",),
    ("serve",),
    ("commands", "cli"),
    ("__main__",),
)
ROW = {name: row for row, names in enumerate(LAYERS) for name in names}
# A stage is one file with its own loop; what two of them need belongs below both.
STAGES = {
    "train.pretrain",
    "train.finetune",
    "rlhf.reward",
    "rlhf.methods.rloo",
    "rlhf.methods.grpo",
    "rlhf.methods.ppo",
    "rlhf.methods.dpo",
    "rlhf.align",
    "pipeline",
}
MAY_IMPORT_STAGES = {"pipeline", "rlhf.align", "api"}  # the command line names stages as text only
NO_TORCH = (
    *LAYERS[0],
    "api",
    "keeping",
    "tokenizer",
    "data",
    "world",
    "classify",
    "engine.scheduler",
    "engine.constraints",
    "plan.schedule",
    "plan.budget",
    "plan.footprint",
    "plan.scale",
    "cli",
    "eval.report",
    "eval.charts",
    "eval.winrate",
    "eval.report_card",
    "eval.decoding",
    "eval.tasks.kept",
    "preferences",
    "retrieval",
    "tools",
    "writing",
    "commands.models",
    "commands.plan",
    "commands.tokenizer",
)
MOST_FILES = 17  # in one folder


def modules() -> dict[str, Path]:
    """Dotted names under firstwords ("model.hub", "" for the package itself) and their files."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(path: Path, name: str, top_level_only: bool = False) -> set[str]:
    """Every module that a file imports, inside functions and for type checkers too unless `top_level_only`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in _walk(tree, top_level_only):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports hide the layer; write the full name"
            base = node.module or ""
            found.add(base)
            if base.split(".")[0] == "firstwords":  # `from firstwords.train import learn` names a module
                short = base.removeprefix("firstwords").lstrip(".")
                package_names = {alias.name for alias in node.names} - MODULES.keys() if not short else set()
                assert not package_names, f"{path}:{node.lineno}: {package_names} of the package: it lies above"
                names = (f"{short}.{alias.name}".lstrip(".") for alias in node.names)
                found |= {f"firstwords.{n}" for n in names if n in MODULES}
    return found


def _walk(node: ast.AST, top_level_only: bool):
    for child in ast.iter_child_nodes(node):
        if top_level_only and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if top_level_only and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _walk(child, top_level_only)


def ours(path: Path, name: str, **options: bool) -> set[str]:
    found = {m.removeprefix("firstwords").lstrip(".") for m in imports(path, name, **options) if _is_ours(m)}
    return found - {name}


def _is_ours(module: str) -> bool:
    return module.split(".")[0] == "firstwords"


def part(name: str) -> str:
    """The folder or top-level file that a module belongs to: "train" of "train.run"; "" is the package itself."""
    return name.split(".")[0]


def forbidden(name: str, others: set[str]) -> set[str]:
    """Which of the modules that `name` imports lie in its own row or above it.

    Every module may ask the package for its version, and the package imports nothing (see below).
    """
    row = ROW[part(name)]
    others = {other for other in others if other and part(other) != part(name)}
    return {other for other in others if ROW[part(other)] >= row and not row == ROW[part(other)] == 0}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Sets of modules that import one another, directly or through others (Tarjan 1972)."""
    found: list[list[str]] = []
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in order:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], order[other])
        if lowest[name] == order[name]:
            circle = [stack.pop()]
            while circle[-1] != name:
                circle.append(stack.pop())
            if len(circle) > 1 or name in graph[name]:
                found.append(sorted(circle))

    for name in graph:
        if name not in order:
            visit(name)
    return found


GRAPH = {name: {other for other in ours(path, name) if other} for name, path in MODULES.items()}


@pytest.mark.parametrize("name", sorted(set(MODULES) - {""}))
def test_imports_point_downwards(name: str) -> None:
    # Imports inside functions and for type checkers count too.
    assert part(name) in ROW, f"{part(name)} is in no layer: add it to LAYERS and to docs/ARCHITECTURE.md"
    wrong = forbidden(name, GRAPH[name])
    assert not wrong, f"{name} imports what is beside or above it: {', '.join(sorted(wrong))}"


def test_no_module_imports_itself_through_others() -> None:
    assert not circles(GRAPH)


def test_the_package_imports_nothing_by_itself() -> None:
    light = {"__future__", "importlib", "typing", "firstwords.version"}
    assert not imports(MODULES[""], "", top_level_only=True) - light


@pytest.mark.parametrize("name", sorted(MODULES))
def test_only_those_that_run_several_stages_import_one(name: str) -> None:
    stages = GRAPH[name] & STAGES
    if name not in MAY_IMPORT_STAGES:
        assert not stages, f"{name} imports the stage {', '.join(sorted(stages))}: what both need belongs below them"


def test_light_modules_import_no_torch_even_through_others() -> None:
    for start in (name for name in MODULES if name.startswith(NO_TORCH)):
        reached, waiting = set(), [start]
        while waiting:
            name = waiting.pop()
            if name in reached or name not in MODULES:
                continue
            reached.add(name)
            found = imports(MODULES[name], name, top_level_only=True)
            heavy = {m for m in found if m.split(".")[0] in ("torch", "transformers")}
            assert not heavy, f"{start} reaches {', '.join(heavy)} through {name}"
            waiting += [m.removeprefix("firstwords").lstrip(".") for m in found if _is_ours(m)]
            waiting += [name.rpartition(".")[0]]  # importing a module runs its package's __init__ first


def test_the_rules_see_a_forbidden_edge(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    lines = ("def f():", "from firstwords.rlhf.align import main", "from firstwords import cli", "import torch")
    file.write_text("\n    ".join(lines) + "\n")
    assert {"rlhf.align", "cli"} <= ours(file, "model.bad")
    assert forbidden("model.bad", ours(file, "model.bad")) == {"rlhf.align", "cli"}
    assert forbidden("serve.app", {"commands.chat", "api", "serve.jobs"}) == {"commands.chat"}
    assert forbidden("eval.exam", {"preferences.store", "engine.engine"}) == {"preferences.store"}
    assert not forbidden("home", {"promotions", "config"})
    assert "torch" in imports(file, "x") and "torch" not in imports(file, "x", top_level_only=True)


def test_the_rules_see_a_circle() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == [["a", "b", "c"]]
    assert circles({"a": {"a"}}) == [["a"]] and not circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_a_folder_can_be_taken_in_at_a_glance() -> None:
    for folder in {path.parent for path in MODULES.values()}:
        assert len(list(folder.glob("*.py"))) <= MOST_FILES, f"{folder.name} is full: find the folder that is in it"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_files_stay_readable(name: str) -> None:
    path = MODULES[name]
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= 500, f"{path.name} has {lines} lines; split it by idea"
