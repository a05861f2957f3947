"""Which models a server offers (the stages in home, never a path from a request), and those it holds in memory."""

from __future__ import annotations

import contextlib
import functools
import os
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from firstwords import api, home
from firstwords.model.card import is_base
from firstwords.serve.errors import ApiError

if TYPE_CHECKING:
    from firstwords.engine.engine import Engine
    from firstwords.serve.settings import Settings


@dataclass(frozen=True)
class Stage:
    """A stage on disk. `identity` changes when somebody trains it anew."""

    ref: str  # NAME/STAGE
    directory: Path
    identity: tuple[int, int]

    @property
    def name(self) -> str:
        return self.ref.partition("/")[0]


@dataclass(frozen=True)
class _Model:
    stages: tuple[str, ...]
    promoted: str


def catalogue() -> dict[str, _Model]:
    """What is in home, the newest model first. Read anew only when something there has changed: every request asks."""
    return _read(str(home.models_dir()), _traces(home.models_dir()))


@functools.lru_cache(maxsize=4)
def _read(folder: str, traces: tuple[tuple[str, int, int], ...]) -> dict[str, _Model]:
    return {name: _Model(tuple(home.stages(name)), home.promoted(name)) for name in home.models()}


def _traces(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """(path, inode, time) of the models' folders and of all that is directly in them: a file that is replaced has
    another inode, and a folder in which a file appears another time.
    """
    found = []
    waiting = [(os.fspath(folder), 2)]
    while waiting:
        path, depth = waiting.pop()
        try:
            entries = list(os.scandir(path))
        except OSError:  # no folder, or gone meanwhile
            continue
        for entry in entries:
            with contextlib.suppress(OSError):
                status = entry.stat()
                found.append((entry.path, status.st_ino, status.st_mtime_ns))
                if depth > 1 and entry.is_dir():
                    waiting.append((entry.path, depth - 1))
    return tuple(sorted(found))


def refs() -> list[str]:
    """Every NAME/STAGE there is, the newest model first."""
    return [f"{name}/{stage}" for name, model in catalogue().items() for stage in model.stages]


def find(ref: str | None, default: str | None = None) -> Stage:
    """The stage that a request means: NAME, NAME/STAGE, or nothing for the default. Raises ApiError 404.

    Looked up among what is there, never joined to a path.
    """
    wanted = ref or default
    models = catalogue()
    if not models:
        raise ApiError(404, "there is no model yet: `firstwords learn` trains one", "model", "model_not_found")
    name, _, stage = (wanted or next(iter(models))).partition("/")
    if name not in models:
        raise ApiError(404, f"there is no model {wanted}: GET /v1/models lists them", "model", "model_not_found")
    stage = stage or models[name].promoted
    if stage not in models[name].stages:
        raise ApiError(404, f"{name} has no stage {stage}", "model", "model_not_found")
    directory = home.stage_dir(name, stage)
    for file in home.WEIGHTS:
        with contextlib.suppress(FileNotFoundError):
            weights = os.stat(os.path.join(directory, file))
            return Stage(f"{name}/{stage}", directory, (weights.st_mtime_ns, weights.st_size))
    raise ApiError(404, f"{name}/{stage} has just been removed", "model", "model_not_found")


@dataclass(eq=False)
class Held:
    """A stage in memory with its engine."""

    stage: Stage
    loaded: api.Model
    engine: Engine

    @property
    def num_bytes(self) -> int:
        weights = sum(p.numel() * p.element_size() for p in self.loaded.model.parameters())
        return weights + self.engine.cache.num_bytes

    @functools.cached_property
    def is_small(self) -> bool:
        """Whether a step takes about a millisecond, so that threads would cost more than they bring."""
        from firstwords.engine.decode import LEAN_MAX_PARAMS

        return self.loaded.model.config.num_params <= LEAN_MAX_PARAMS

    @functools.cached_property
    def is_base(self) -> bool:
        """Whether it continues text and knows no turns."""
        return is_base(self.stage.directory)


class Memory:
    """The stages in memory, the one used last at the end. Belongs to the worker's thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.held: OrderedDict[str, Held] = OrderedDict()

    def get(self, stage: Stage) -> Held:
        """The stage, loaded when it is not there or was trained anew. Raises UserError for one that cannot be read."""
        found = self.peek(stage)
        if found is not None:
            self.held.move_to_end(stage.ref)
            return found
        self.held.pop(stage.ref, None)
        loaded = api.load(str(stage.directory))
        held = Held(stage, loaded, loaded.engine(num_slots=self.settings.num_slots))
        self.held[stage.ref] = held
        self._make_room()
        return held

    def peek(self, stage: Stage) -> Held | None:
        """The stage if it is there and up to date, or still at work; this one may be called from any thread."""
        found = self.held.get(stage.ref)
        is_current = found is not None and (found.stage.identity == stage.identity or found.engine.has_work)
        return found if is_current else None

    def forget(self, held: Held) -> None:
        """Load this stage anew when it is wanted next."""
        if self.held.get(held.stage.ref) is held:
            del self.held[held.stage.ref]

    @property
    def num_bytes(self) -> int:
        return sum(held.num_bytes for held in self.held.values())

    def _make_room(self) -> None:
        """Let idle stages go, the one used longest ago first, until the rest fits; the newest always stays."""
        for ref in list(self.held)[:-1]:
            if self.num_bytes <= self.settings.memory_bytes:
                return
            if not self.held[ref].engine.has_work:
                del self.held[ref]
