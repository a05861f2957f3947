"""The architecture as a test: modules import downwards only, no stage imports another, and light modules stay light."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "firstwords"

# The longest matching prefix decides. Lower layers are imported by higher ones, never the other way round.
LAYERS = {
    "": 0, "config": 0, "home": 0, "locks": 0, "moves": 0, "process": 0, "promotions": 0, "runlog": 0, "trash": 0,
    "tokenizer": 1, "data": 1, "world": 1, "classify": 1,
    "train.losses": 1, "train.optim": 1, "train.schedule": 1, "train.budget": 1,
    "train.policy_losses": 1, "train.compiling": 1, "train.threads": 1,
    "engine.sampling": 1, "engine.scheduler": 1, "engine.constraints": 1, "engine.grammar": 1,
    "model": 2,
    # Stages measure while they train, so eval stands beside the learner, below the stages.
    "engine": 3, "train": 3, "preferences": 3, "retrieval": 3, "eval": 3,
    "train.pretrain": 4, "train.finetune": 4, "train.reward": 4, "train.ppo": 4, "train.rloo": 4, "train.grpo": 4,
    "train.dpo": 4, "train.align": 4, "train.learn": 4,
    "commands": 5, "cli": 5, "__main__": 5, "serve": 5,
}  # fmt: skip
STAGES = {name for name, layer in LAYERS.items() if layer == 4}
# `learn` and `align` run stages one after the other; the command line names them as text only.
MAY_IMPORT_STAGES = {"train.learn", "train.align"}
NO_TORCH = ("config", "home", "locks", "moves", "process", "promotions", "runlog", "trash", "tokenizer", "data",
            "world", "engine.scheduler", "engine.constraints", "train.schedule", "train.budget", "cli", "eval.report",
            "eval.charts", "eval.winrate", "eval.report_card", "eval.decoding",
            "preferences", "classify", "commands.models", "commands.tokenizer")  # fmt: skip


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


def layer(name: str) -> int:
    while name and name not in LAYERS:
        name = name.rpartition(".")[0]
    return LAYERS[name]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_go_downwards_only(name: str) -> None:
    # An import for type checkers only is an edge all the same.
    wrong = {other for other in ours(MODULES[name], name) if layer(other) > layer(name)}
    assert not wrong, f"{name} (layer {layer(name)}) imports upwards: {', '.join(sorted(wrong))}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_nobody_imports_a_stage_but_learn(name: str) -> None:
    stages = {other for other in ours(MODULES[name], name) if other in STAGES}
    if name not in MAY_IMPORT_STAGES:
        assert not stages, f"{name} imports the stage {', '.join(sorted(stages))}: what both need belongs below them"


def test_world_and_classify_use_only_light_layers() -> None:
    for name, path in MODULES.items():
        if name.split(".")[0] in ("world", "classify"):
            assert all(layer(other) <= 1 for other in ours(path, name)), name


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
    lines = ("def f():", "from firstwords.pipeline import main", "from firstwords import cli", "import torch")
    file.write_text("\n    ".join(lines) + "\n")
    assert {"train.learn", "cli"} <= ours(file, "model.bad")
    assert layer("train.learn") > layer("model.bad") and layer("engine.scheduler") == 1 < layer("engine.engine")
    assert "torch" in imports(file, "x") and "torch" not in imports(file, "x", top_level_only=True)


@pytest.mark.parametrize("name", sorted(MODULES))
def test_files_stay_readable(name: str) -> None:
    path = MODULES[name]
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= 500, f"{path.name} has {lines} lines; split it by idea"
