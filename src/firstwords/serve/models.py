"""The models that a server offers (stages in home, never a path from a request), and those in memory."""

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
    from firstwords.model.transformer import Transformer
    from firstwords.serve.settings import Settings


@dataclass(frozen=True)
class Stage:
    """A stage on disk. `identity` changes when it is trained again."""

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
    """The models in home, newest first. Re-read only when something there has changed, since every request needs it."""
    return _read(str(home.models_dir()), _traces(home.models_dir()))


@functools.lru_cache(maxsize=4)
def _read(folder: str, traces: tuple[tuple[str, int, int], ...]) -> dict[str, _Model]:
    return {name: _Model(tuple(home.stages(name)), home.promoted(name)) for name in home.models()}


def _traces(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """(path, inode, time) of the models' folders and their direct contents: a replaced file has another inode, and a
    folder with a new file another time.
    """
    found = []
    waiting = [(os.fspath(folder), 2)]
    while waiting:
        path, depth = waiting.pop()
        try:
            entries = list(os.scandir(path))
        except OSError:  # no folder, or removed in the meantime
            continue
        for entry in entries:
            with contextlib.suppress(OSError):
                status = entry.stat()
                found.append((entry.path, status.st_ino, status.st_mtime_ns))
                if depth > 1 and entry.is_dir():
                    waiting.append((entry.path, depth - 1))
    return tuple(sorted(found))


def refs() -> list[str]:
    """Every existing NAME/STAGE, newest model first."""
    return [f"{name}/{stage}" for name, model in catalogue().items() for stage in model.stages]


def find(ref: str | None, default: str | None = None) -> Stage:
    """The stage that a request means: NAME, NAME/STAGE, or nothing for the default. Raises ApiError 404.

    Looked up among existing models, never joined to a path.
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
    base: Transformer | None = None  # whose weights the model uses, with an adapter of its own or without

    @property
    def tensors(self) -> dict[int, int]:
        """Bytes of the weights, by address: models with the same base have most of them in common."""
        return {p.data_ptr(): p.numel() * p.element_size() for p in self.loaded.model.parameters()}

    @functools.cached_property
    def is_small(self) -> bool:
        """Whether a step takes about a millisecond, so that threads would cost more than they gain."""
        from firstwords.engine.compiled import SMALL_PARAMS

        return self.loaded.model.config.num_params <= SMALL_PARAMS

    @functools.cached_property
    def is_base(self) -> bool:
        """Whether it is a base model, which continues text and has no turns."""
        return is_base(self.stage.directory)


class Memory:
    """The stages in memory, most recently used last. Belongs to the worker's thread.

    Each has an engine of its own, so only requests to the same stage are computed together. Stages with adapters of the
    same base share its weights (`model.sharing`).
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.held: OrderedDict[str, Held] = OrderedDict()
        from firstwords.model.sharing import Bases

        self._bases = Bases()

    def get(self, stage: Stage) -> Held:
        """The stage, loaded if it is not in memory or was trained again. Raises UserError for an unreadable one."""
        found = self.peek(stage)
        if found is not None:
            self.held.move_to_end(stage.ref)
            return found
        self.held.pop(stage.ref, None)
        model, base = self._bases.load(stage.directory)
        loaded = api.loaded(stage.directory, model, self.settings.weights)
        held = Held(stage, loaded, loaded.engine(num_slots=self.settings.num_slots), base)
        held.engine.prepare()
        self.held[stage.ref] = held
        self._make_room()
        return held

    def peek(self, stage: Stage) -> Held | None:
        """The stage if it is in memory and up to date or still in use; may be called from any thread."""
        found = self.held.get(stage.ref)
        is_current = found is not None and (found.stage.identity == stage.identity or found.engine.has_work)
        return found if is_current else None

    def forget(self, held: Held) -> None:
        """Reload this stage when it is next needed."""
        if self.held.get(held.stage.ref) is held:
            del self.held[held.stage.ref]

    @property
    def num_bytes(self) -> int:
        tensors: dict[int, int] = {}
        for held in self.held.values():
            tensors |= held.tensors
        return sum(tensors.values()) + sum(held.engine.cache.num_bytes for held in self.held.values())

    def _make_room(self) -> None:
        """Unload idle stages, least recently used first, until the rest fits; the newest always stays."""
        for ref in list(self.held)[:-1]:
            if self.num_bytes <= self.settings.memory_bytes:
                return
            if not self.held[ref].engine.has_work:
                del self.held[ref]
