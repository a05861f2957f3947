"""Answers from documents, for the API and the page: search in a thread, read on the engine's."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread

from firstwords.config import UserError
from firstwords.retrieval import readers, store
from firstwords.retrieval.answer import Answer, Kind, Sentence, answered
from firstwords.retrieval.evidence import Evidence, gather
from firstwords.serve.errors import ApiError

if TYPE_CHECKING:
    from firstwords.serve.models import Held, Stage
    from firstwords.serve.worker import Worker


async def ask(worker: Worker, stage: Stage, user: str, question: str, collection: str | None) -> Answer:
    """The answer of a user's documents. Raises ApiError 404 for an unknown collection."""
    await to_thread.run_sync(partial(check_collection, user, collection))
    evidence = await to_thread.run_sync(partial(gather, question, owner=user, collection=collection))
    if not evidence.is_enough:
        return answered(evidence, readers.Extractive())
    held = await worker.held(stage)
    if not held.loaded.can_write_from_passages:
        return await worker.call(stage, partial(_quoted, evidence=evidence))
    return answered(evidence, _Written(await _written(worker, held, evidence)))


def check_collection(user: str, collection: str | None) -> None:
    """Raise ApiError 404 for a collection that a user does not have."""
    if collection is not None and collection not in (known := store.collections(user)):
        listed = f"there are {', '.join(known)}" if known else "add documents with POST /api/documents"
        raise ApiError(404, f"there is no collection {collection[:60]}: {listed}", "documents", "collection_not_found")


def _quoted(held: Held, evidence: Evidence) -> Answer:
    return answered(evidence, held.loaded.reader("extractive"))


async def _written(worker: Worker, held: Held, evidence: Evidence) -> str:
    """What the model writes, at temperature 0, from as many passages as it has room for."""
    from firstwords.engine.sampling import SamplingParams

    ids_of = partial(held.loaded.chat_ids, max_tokens=readers.ANSWER_TOKENS)
    try:
        ids, max_tokens, _ = ids_of(readers.fitting(evidence, ids_of))
    except UserError as error:  # too long
        raise ApiError(400, str(error), "messages", "context_length_exceeded") from None
    stream = await worker.submit(held.stage, ids, SamplingParams(max_tokens=max_tokens, temperature=0.0))
    try:
        return (await stream.completion()).text
    finally:
        stream.cancel()


@dataclasses.dataclass(frozen=True)
class _Written:
    """A reader that has read."""

    text: str
    kind: Kind = "generative"

    def read(self, evidence: Evidence) -> list[Sentence]:
        return readers.checked(self.text, evidence)
