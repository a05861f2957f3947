"""Branching conversations: ChatGPT's export and OpenAssistant's trees.

ChatGPT's `conversations.json` holds {"title", "mapping": {id: {"message", "parent", "children"}}, "current_node"}; what
its owner saw last is the path from the current node up to the root.

OpenAssistant's rows are messages (message_id, parent_id, message_tree_id, role, text, rank), which `joined_trees`
assembles, or whole trees ({"prompt": {..., "replies": [...]}}). The replies to a message are ranked by people, 0 the
best.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from firstwords.data.messages import read_message
from firstwords.data.source_stats import UnusableRowError
from firstwords.tokenizer.chat import Message

_SAID = ("text", "multimodal_text", "code", "execution_output", "tether_quote", "tether_browsing_display", None)
_TREE_ROW = ("message_id", "parent_id", "text", "role")


# ---- ChatGPT ---------------------------------------------------------------------------------------------------------


def exported_messages(row: Mapping[str, Any]) -> list[Message]:
    """The current branch of an exported conversation. Hidden messages and reasoning are left out; tool calls and their
    results are context."""
    mapping = row["mapping"]
    if not isinstance(mapping, Mapping):
        raise UnusableRowError("the column mapping must be an object of nodes")
    found: list[Message] = []
    for node in _branch(mapping, row.get("current_node")):
        message = node.get("message")
        if isinstance(message, Mapping) and (turn := _exported_turn(message)):
            read = read_message(turn, len(found) + 1)
            found += [read] if read else []
    return found


def _branch(mapping: Mapping[str, Any], current: Any) -> list[Mapping[str, Any]]:
    """The nodes from the root to the current one or, if that is missing, to the newest leaf."""
    place: Any = current if current in mapping else None
    if place is None:
        place = next((key for key, node in mapping.items() if not node.get("parent")), None)
        while place in mapping and (children := [c for c in mapping[place].get("children") or [] if c in mapping]):
            place = children[-1]
    nodes: list[Mapping[str, Any]] = []
    seen = set()
    while place in mapping and place not in seen:
        seen.add(place)
        nodes.append(mapping[place])
        place = mapping[place].get("parent")
    return nodes[::-1]


def _exported_turn(message: Mapping[str, Any]) -> dict[str, Any] | None:
    content = message.get("content")
    kind = content.get("content_type") if isinstance(content, Mapping) else None
    metadata = message.get("metadata") or {}
    if kind not in _SAID or metadata.get("is_visually_hidden_from_conversation"):
        return None
    turn = {"role": message.get("author"), "weight": message.get("weight")}
    if isinstance(content, Mapping) and kind not in ("text", "multimodal_text", None):
        content = content.get("text") or content.get("result")
    role = (message.get("author") or {}).get("role")
    if role == "assistant" and message.get("recipient") not in (None, "", "all"):
        turn["role"] = "function_call"
    return turn | {"content": content}


# ---- OpenAssistant ---------------------------------------------------------------------------------------------------


def joined_trees(rows: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Rows with consecutive messages of one OpenAssistant tree joined into one row; all other rows unchanged."""
    tree: list[dict[str, Any]] = []
    where = ""
    for place, row in rows:
        is_part = isinstance(row, Mapping) and all(name in row for name in _TREE_ROW)
        if tree and not (is_part and _tree_id(row) == _tree_id(tree[0])):
            yield where, _joined(tree)
            tree = []
        if not is_part:
            yield place, row
            continue
        where = where if tree else place
        tree.append(dict(row))
    if tree:
        yield where, _joined(tree)


def _tree_id(row: Mapping[str, Any]) -> Any:
    return row.get("message_tree_id") or row.get("parent_id") or row.get("message_id")


def _joined(messages: list[dict[str, Any]]) -> dict[str, Any]:
    by_id = {message["message_id"]: message | {"replies": []} for message in messages}
    root = None
    for message in by_id.values():
        parent = by_id.get(message.get("parent_id"))
        if parent is not None:
            parent["replies"].append(message)
        elif root is None:
            root = message
    return {"message_tree_id": messages[0].get("message_tree_id"), "prompt": root}


def is_tree(row: Any) -> bool:
    """Whether a row is an OpenAssistant tree."""
    return isinstance(row, Mapping) and isinstance(row.get("prompt"), Mapping) and "replies" in row["prompt"]


def best_path(row: Mapping[str, Any]) -> list[Message]:
    """The best conversation of a tree: the best-ranked reply at each message."""
    node: Any = row["prompt"]
    messages: list[Message] = []
    while node is not None:
        messages += [message] if (message := _node_message(node, len(messages) + 1)) else []
        replies = _usable_replies(node)
        node = min(replies, key=_rank) if replies else None
    return messages


def ranked_replies(row: Mapping[str, Any]) -> Iterator[tuple[list[Message], list[tuple[str, float]]]]:
    """(prompt, [(reply, rating)]) of each message of a tree with at least two ranked replies by the assistant."""
    waiting: list[tuple[Mapping[str, Any], list[Message]]] = [(row["prompt"], [])]
    while waiting:
        node, before = waiting.pop(0)
        message = _node_message(node, len(before) + 1)
        prompt = [*before, message] if message else before
        replies = _usable_replies(node)
        ranked = [reply for reply in replies if isinstance(reply.get("rank"), int | float)]
        if len(ranked) > 1 and prompt and prompt[-1]["role"] == "user":
            yield prompt, [(str(reply["text"]), -float(reply["rank"])) for reply in ranked]
        waiting += [(reply, prompt) for reply in replies]


def _node_message(node: Mapping[str, Any], place: int) -> Message | None:
    return read_message({"role": node.get("role"), "text": node.get("text")}, place)


def _usable_replies(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    replies = node.get("replies") or []
    return [r for r in replies if isinstance(r, Mapping) and not r.get("deleted") and str(r.get("text") or "").strip()]


def _rank(node: Mapping[str, Any]) -> float:
    rank = node.get("rank")
    return float(rank) if isinstance(rank, int | float) else float("inf")
