"""Your own documents: add files and folders, list, show and remove them, and search in them.

firstwords documents add notes/ manual.pdf
firstwords search "warranty period"
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from firstwords.commands import shared
from firstwords.commands.shared import JsonFlag, Row
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.plain_text import counted
from firstwords.retrieval.records import COLLECTION, Document, Passage
from firstwords.runlog import say

NO_DOCUMENTS = "there are no documents yet: add some with `firstwords documents add FILES`"
SHOWN_OUTCOMES = 20  # skipped files that are listed one by one


@dataclass(kw_only=True)
class CollectionFlag:
    """The flag of every command that reads documents."""

    documents: str | None = None
    """Name of the collection of documents; default: all collections."""


@dataclass
class DocumentsAdd(JsonFlag):
    """Add documents to ask about: files, folders, web pages. An unchanged file is not read again."""

    files: Positional[list[str]]
    """Files and folders: everything that --text of `firstwords learn` reads; FILE:COLUMN for tables; addresses of web
    pages; hf:NAME."""
    documents: str = COLLECTION
    """Name of the collection to add them to."""
    allow_private: bool = False
    """Also read web pages of this machine and its own network."""


@dataclass
class DocumentsList(JsonFlag, CollectionFlag):
    """List the stored documents."""


@dataclass
class DocumentsShow(JsonFlag, CollectionFlag):
    """Show the text of a stored document, as it is searched and quoted."""

    document: Positional[str]
    """Id, file or title of the document, as in `firstwords documents list`."""


@dataclass
class DocumentsRemove(CollectionFlag):
    """Remove documents from the store; the files themselves stay where they are."""

    names: Positional[list[str]]
    """Ids, files, folders or titles of documents, as in `firstwords documents list`."""


@dataclass
class DocumentsReindex:
    """Cut the stored texts into passages again, and rebuild the index."""


@dataclass
class Search(JsonFlag, CollectionFlag):
    """Search the documents. Example: firstwords search "warranty period" """

    query: Positional[str]
    """Words to look for; passages that contain more of them, and rarer ones, come first."""
    limit: int = 10
    """Maximum number of passages."""
    every: bool = False
    """Only passages that contain every word."""


def main(config: Any) -> int | None:
    """Run the subcommand."""
    actions: dict[type, Callable[[Any], int | None]] = {
        DocumentsAdd: add,
        DocumentsList: show_list,
        DocumentsShow: show,
        DocumentsRemove: remove,
        DocumentsReindex: reindex,
        Search: search,
    }
    return actions[type(config)](config)


def add(config: DocumentsAdd) -> None:
    """Add documents and report on each file. Raises UserError if a named file could not be added."""
    from firstwords.data.source_stats import SourceStats
    from firstwords.retrieval.adding import Outcome, Status, add

    stats = SourceStats()
    outcomes: list[Outcome] = []
    for outcome in add(config.files, collection=config.documents, stats=stats, allow_private=config.allow_private):
        outcomes.append(outcome)
        if outcome.document and outcome.status != "unchanged":
            passages = counted(outcome.document.chunks, "passage")
            say(f"{outcome.status} {outcome.source} ({passages}, id {outcome.document.id})")
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    skipped = [outcome for outcome in outcomes if outcome.status == "skipped"]
    for outcome in skipped[:SHOWN_OUTCOMES]:
        say(f"skipped: {outcome.reason}")
    if len(skipped) > SHOWN_OUTCOMES:
        say(f"... and {len(skipped) - SHOWN_OUTCOMES:,} more skipped")
    for line in stats.lines():
        say(line)
    for outcome in failed[1:]:
        say(f"failed: {outcome.reason}")
    counter = Counter(outcome.status for outcome in outcomes)
    counts = {status: counter[status] for status in get_args(Status) if counter[status]}
    if config.json:
        shared.emit({"outcomes": [o.to_dict() for o in outcomes], "left_out": stats.notes, **counts})
    elif len(failed) < len(outcomes):
        say(f"{config.documents}: " + ", ".join(f"{count:,} {status}" for status, count in counts.items()))
    if failed:
        raise UserError(failed[0].reason)


def show_list(config: DocumentsList) -> None:
    """Print the stored documents as a table."""
    from firstwords.retrieval import store

    found = store.documents(collection=config.documents)
    if config.json:
        shared.emit({"documents": [document.to_dict() for document in found]})
        return
    if not found:
        say(NO_DOCUMENTS)
        return
    titles = (
        ("document", "<"),
        ("id", ">"),
        ("collection", "<"),
        ("passages", ">"),
        ("characters", ">"),
        ("added", "<"),
    )
    shared.print_rows(titles, [Row(_cells(document), document.source) for document in found])


def _cells(document: Document) -> tuple[str, ...]:
    when = document.added[:10]
    return (
        document.title,
        str(document.id),
        document.collection,
        f"{document.chunks:,}",
        f"{document.chars:,}",
        f"{when} (as of {document.as_of[:10]})" if document.as_of else when,
    )


def show(config: DocumentsShow) -> None:
    """Print a document's text, passage by passage."""
    from firstwords.retrieval import store

    document, *more = store.named(config.document, collection=config.documents)
    if more:
        ids = ", ".join(str(each.id) for each in (document, *more))
        raise UserError(f"{config.document} means several documents: give one of the ids {ids}")
    chunks = store.chunks(document.id)
    if config.json:
        parts = [{k: v for k, v in vars(chunk).items() if k != "document_id"} for chunk in chunks]
        shared.emit({"document": document.to_dict(), "chunks": parts})
        return
    say(f"{document.title}  ({document.source}, {counted(document.chunks, 'passage')})")
    for chunk in chunks:
        sys.stdout.write(chunk.text)


def remove(config: DocumentsRemove) -> None:
    """Remove documents."""
    from firstwords.retrieval import store

    found = {d.id: d for name in config.names for d in store.named(name, collection=config.documents)}
    if not found:
        raise UserError("no documents were given: give their ids, as in `firstwords documents list`")
    store.remove(list(found))
    for document in found.values():
        say(f"removed {document.source}; the file itself was not touched")


def reindex(config: DocumentsReindex) -> None:
    """Rebuild the index."""
    from firstwords.retrieval import store

    found = store.reindex()
    say(f"indexed {counted(len(found), 'document')}, {counted(sum(d.chunks for d in found), 'passage')}")


def search(config: Search) -> None:
    """Print the passages that fit the words best."""
    from firstwords.retrieval import store

    if not config.query.strip():
        raise UserError("QUERY is empty: give the words to look for")
    if config.limit < 1:
        raise UserError(f"--limit is {config.limit}: show at least one passage")
    found = store.search(config.query, config.limit, collection=config.documents, every=config.every)
    if config.json:
        shared.emit({"query": config.query, "passages": [passage.to_dict() for passage in found]})
        return
    if not found:
        say(nothing_found())
    for number, passage in enumerate(found, 1):
        print(passage_text(passage, number, is_coloured=sys.stdout.isatty()) + "\n")


def nothing_found() -> str:
    """Why a search found nothing."""
    from firstwords.retrieval import store

    return "no passage contains any of these words" if store.documents() else NO_DOCUMENTS


def passage_text(passage: Passage, number: int, is_coloured: bool) -> str:
    """A passage with where it is from and its matches in bold, wrapped for the terminal."""
    width = max(40, min(100, shutil.get_terminal_size().columns))
    bold, off = ("\033[1m", "\033[0m") if is_coloured else ("", "")
    text, at, parts = passage.chunk.text, 0, []
    for start, end in passage.marks:
        parts += [text[at:start], bold, text[start:end], off]
        at = end
    lines = textwrap.wrap(" ".join(("".join(parts) + text[at:]).split()), width - 4)
    return "\n".join([f"[{number}] {place(passage)}", *(f"    {line}" for line in lines)])


def place(passage: Passage) -> str:
    """Where a passage is: title, page, date of a web page, file and characters."""
    chunk, document = passage.chunk, passage.document
    page = f", page {chunk.page}" if chunk.page is not None else ""
    as_of = f", as of {document.as_of[:10]}" if document.as_of else ""
    return f"{chunk.title}{page}{as_of}  ({document.source}, characters {chunk.char_start:,}-{chunk.char_end:,})"
