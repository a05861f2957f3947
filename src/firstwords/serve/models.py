"""Which models a server offers (the stages in home, never a path from a request), and those it holds in memory."""

from __future__ import annotations

import functools
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from firstwords import home
from firstwords.commands import shared
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


def refs() -> list[str]:
    """Every NAME/STAGE there is, the newest model first."""
    return [f"{name}/{stage}" for name in home.models() for stage in home.stages(name)]


def find(ref: str | None, default: str | None = None) -> Stage:
    """The stage that a request means: NAME, NAME/STAGE, or nothing for the default. Raises ApiError 404.

    Looked up among what is there, never joined to a path.
    """
    wanted = ref or default
    names = home.models()
    if not names:
        raise ApiError(404, "there is no model yet: `firstwords learn` trains one", "model", "model_not_found")
    name, _, stage = (wanted or names[0]).partition("/")
    if name not in names:
        raise ApiError(404, f"there is no model {wanted}: GET /v1/models lists them", "model", "model_not_found")
    stage = stage or home.promoted(name)
    if stage not in home.stages(name):
        raise ApiError(404, f"{name} has no stage {stage}", "model", "model_not_found")
    directory = home.stage_dir(name, stage)
    weights = next(path for file in home.WEIGHTS if (path := directory / file).is_file()).stat()
    return Stage(f"{name}/{stage}", directory, (weights.st_mtime_ns, weights.st_size))


@dataclass(eq=False)
class Held:
    """A stage in memory with its engine."""

    stage: Stage
    loaded: shared.Loaded
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
        return shared.is_base(self.stage.directory)


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
        loaded = shared.load(str(stage.directory))
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
