"""Documents: add by upload or from the web, list, open, remove, search and ask. A user sees only their own."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from pydantic import Field

from firstwords.config import UserError
from firstwords.retrieval import adding, store, web
from firstwords.retrieval.records import COLLECTION, Document
from firstwords.serve import models
from firstwords.serve.asking import ask, check_collection
from firstwords.serve.errors import ApiError
from firstwords.serve.page.parts import Body, FileBody, User

router = APIRouter(prefix="/api/documents")
UNLESS = "unless the server was started with --allow-private"
MAX_CHUNKS = 200  # of a document per request
Collection = Annotated[str | None, Query(min_length=1, max_length=store.NAME_CHARS)]


class Upload(FileBody):
    """A file for a collection."""

    collection: str = Field(COLLECTION, min_length=1, max_length=store.NAME_CHARS)


class PageBody(Body):
    """A page of the web for a collection."""

    url: str = Field(min_length=1, max_length=2000)
    collection: str = Field(COLLECTION, min_length=1, max_length=store.NAME_CHARS)


class Asked(Body):
    """A question for the documents of a collection, or of all."""

    question: str = Field(min_length=1, max_length=5000)
    collection: str | None = Field(None, min_length=1, max_length=store.NAME_CHARS)
    model: str | None = None


@router.get("")
def listed(
    user: User, collection: Collection = None, limit: Annotated[int | None, Query(ge=0, lt=2**31)] = None
) -> dict[str, Any]:
    """The documents (the first `limit` of `total`), and the names of all collections."""
    check_collection(user, collection)
    found = store.documents(user, collection)
    rows = [document.to_dict() for document in found[:limit]]
    return {"documents": rows, "total": len(found), "collections": store.collections(user)}


@router.post("")
def add(user: User, body: Upload) -> dict[str, Any]:
    """Add a file or a text; `status` is added, replaced or unchanged. The file itself is not kept."""
    try:
        outcome = adding.add_bytes(body.name, body.content(), user, body.collection)
    except UserError as error:
        raise ApiError(400, str(error), "name") from None
    return outcome.to_dict()


@router.post("/pages")
def add_page(user: User, request: Request, body: PageBody) -> dict[str, Any]:
    """Fetch a page of the web and add it, by the rules of `firstwords documents add`; `as_of` says when it was read."""
    try:
        outcome = adding.add_page(body.url, user, body.collection, request.app.state.settings.allow_private)
    except UserError as error:
        raise ApiError(400, str(error).replace(web.UNLESS, UNLESS), "url") from None
    return outcome.to_dict()


@router.get("/search")
def search(
    user: User,
    q: Annotated[str, Query(min_length=1, max_length=1000)],
    collection: Collection = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
) -> dict[str, Any]:
    """The passages that fit some words best; `marks` are the matches in their texts."""
    check_collection(user, collection)
    return {"passages": [passage.to_dict() for passage in store.search(q, limit, user, collection)]}


@router.post("/ask")
async def answer(user: User, request: Request, body: Asked) -> dict[str, Any]:
    """An answer with citations, or that the documents don't say; with all passages that were found."""
    stage = models.find(body.model, request.app.state.settings.model)
    found = await ask(request.app.state.worker, stage, user, body.question, body.collection)
    return found.to_dict() | {"model": stage.ref}


@router.get("/{number}")
def show(user: User, number: int) -> dict[str, Any]:
    """One document, without its text."""
    return _document(user, number).to_dict()


@router.get("/{number}/chunks")
def chunks(
    user: User,
    number: int,
    first: Annotated[int, Query(ge=0, lt=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_CHUNKS)] = MAX_CHUNKS,
) -> dict[str, Any]:
    """Passages of a document, from number `first` on. All of them, joined, are its text."""
    document = _document(user, number)
    found = [{k: v for k, v in vars(chunk).items() if k != "id"} for chunk in store.chunks(number, user, first, limit)]
    return {"document": document.to_dict(), "chunks": found}


@router.delete("/{number}")
async def remove(user: User, number: int) -> dict[str, Any]:
    """Remove a document with its passages."""
    await to_thread.run_sync(partial(_document, user, number))
    await to_thread.run_sync(partial(store.remove, [number], user))
    return {"removed": number}


def _document(user: str, number: int) -> Document:
    """A user's document. Raises ApiError 404."""
    try:
        if not 0 < number < 2**63:
            raise UserError(f"there is no document {number}")
        return store.document(number, user)
    except UserError:
        raise ApiError(404, f"there is no document {number}", "number", "document_not_found") from None
