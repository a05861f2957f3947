"""Messages to ids and loss mask, in ChatML: `<|im_start|>role\\ncontent<|im_end|>\\n`.

    ids, mask = render([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
    tokenizer)

The mask is 1 on what the model must learn to say: the assistant's content *and the stop token after it* (without the
stop token a model never learns to end its answer). Answers of weight 0 and tool results (role `tool`) are read but not
learned. A user's turn in capitals alone ("HELLO") is read in lower case: a small model has a token for "hello", and has
hardly seen those that spell it in capitals.

Ids equal `transformers`' `apply_chat_template` with CHAT_TEMPLATE token by token, with one intended difference: where a
text contains a special token's name, say "<|im_end|>", a template sees the special token, which would let a text forge
turns; here it stays ordinary characters.

An imported model has its own template (`template.py`). Its ids equal those of `apply_chat_template`, too, with the same
difference; the mask is found by rendering the chat once more with marks in place of the answers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from firstwords.config import UserError
from firstwords.tokenizer.template import closing_name, unused_letter

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer

ROLES = ("system", "user", "assistant", "tool")


class Message(TypedDict):
    """One turn of a chat; `role` is one of ROLES. An assistant's turn of weight 0 is context: it is not learned."""

    role: str
    content: str
    weight: NotRequired[float]


def is_learned(message: Message) -> bool:
    """Whether training teaches a model to say this."""
    return message["role"] == "assistant" and message.get("weight", 1) != 0


def render(
    messages: Sequence[Message], tokenizer: Tokenizer, add_generation_prompt: bool = False
) -> tuple[list[int], list[int]]:
    """Ids of a chat and its mask (1 = supervised), both of the same length.

    `add_generation_prompt` opens an assistant turn at the end for the model to fill. A prompt's ids are
    always a prefix of the ids of the chat that continues it. Raises UserError for an unknown role or a
    tokenizer without ChatML's tokens. With an imported model's template, a chat that continues a prompt may begin
    differently, and what the template refuses is a UserError.
    """
    if tokenizer.template is not None:
        return _by_template(messages, tokenizer, add_generation_prompt)
    start, end = tokenizer.im_start_id, tokenizer.im_end_id
    newline = _encoded(tokenizer, "\n")
    ids: list[int] = []
    mask: list[int] = []

    def add(piece: list[int], supervised: bool = False) -> None:
        ids.extend(piece)
        mask.extend([int(supervised)] * len(piece))

    for message in messages:
        role = message["role"]
        if role not in ROLES:
            raise UserError(f"a chat message has the role {role!r}: use one of {', '.join(ROLES)}")
        content = message["content"].strip()
        if role == "user" and content == content.upper():
            content = content.lower()
        # Header and content are encoded separately: stripped content never shares a token with the preceding line end.
        add([start, *_encoded(tokenizer, role + "\n")])
        add([*tokenizer.encode(content), end], supervised=is_learned(message))
        add(newline)
    if add_generation_prompt:
        add([start, *_encoded(tokenizer, "assistant\n")])
    return ids, mask


@lru_cache(maxsize=16)
def _encoded(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of what stands in every chat."""
    return tokenizer.encode(text)


def ids_of(messages: Sequence[Message], tokenizer: Tokenizer, add_generation_prompt: bool = False) -> list[int]:
    """The ids of a chat, as `render` gives them, for chats of which nothing is learned."""
    if tokenizer.template is not None:
        return _template_ids(messages, tokenizer, add_generation_prompt)[0]
    return render(messages, tokenizer, add_generation_prompt)[0]


def fit(
    messages: Sequence[Message], tokenizer: Tokenizer, room: int, add_generation_prompt: bool = True
) -> tuple[list[int], int]:
    """(Ids of a chat of at most `room` tokens where possible, how many of its oldest turns were left out).

    System messages stay. The rest begins with a user's turn, and the newest user turn is never left out: if it alone is
    too long, the ids exceed `room`.
    """
    if tokenizer.template is not None:
        return _fit_by_template(messages, tokenizer, room, add_generation_prompt)
    turns = [message for message in messages if message["role"] != "system"]
    ids = render([message for message in messages if message["role"] == "system"], tokenizer)[0]
    opened = render([], tokenizer, add_generation_prompt)[0]
    total = len(ids) + len(opened)
    # each turn is encoded at most once, newest first; turns that cannot fit are never encoded
    kept: list[list[int]] = []
    first = len(turns)
    for place in range(len(turns) - 1, -1, -1):
        kept.append(render([turns[place]], tokenizer)[0])
        total += len(kept[-1])
        if total > room and first < len(turns):
            break
        if turns[place]["role"] == "user":
            first = place
    for piece in kept[::-1][-(len(turns) - first) :] if first < len(turns) else []:
        ids += piece
    return ids + opened, first


# ---- the templates of imported models --------------------------------------------------------------------------------


def opening_ids(tokenizer: Tokenizer) -> list[int]:
    """The ids that open an assistant's turn, such as `<|im_start|>assistant\\n`."""
    if tokenizer.template is None:
        return [tokenizer.im_start_id, *_encoded(tokenizer, "assistant\n")]
    chat: list[Message] = [{"role": "user", "content": "Hello"}]
    without, opened = (tokenizer.template.text(chat, is_open) for is_open in (False, True))
    return tokenizer.encode_template(opened.removeprefix(without))[0]


def _by_template(
    messages: Sequence[Message], tokenizer: Tokenizer, add_generation_prompt: bool
) -> tuple[list[int], list[int]]:
    ids, places = _template_ids(messages, tokenizer, add_generation_prompt)
    spans = _answer_spans(messages, tokenizer, add_generation_prompt)
    # a token that also holds the template's space before an answer belongs to the answer
    mask = [int(any(first < end and last > start for start, end in spans)) for first, last in places]
    return ids, mask


def _template_ids(
    messages: Sequence[Message], tokenizer: Tokenizer, add_generation_prompt: bool
) -> tuple[list[int], list[tuple[int, int]]]:
    """(ids, where each is in the rendered text). Names of special tokens in messages stay ordinary characters."""
    template = tokenizer.template
    assert template is not None
    for message in messages:
        if message["role"] not in ROLES:
            raise UserError(f"a chat message has the role {message['role']!r}: use one of {', '.join(ROLES)}")
    return written_ids(tokenizer, messages, lambda turns: template.text(turns, add_generation_prompt))


def written_ids(
    tokenizer: Tokenizer, values: Any, write: Callable[[Any], str]
) -> tuple[list[int], list[tuple[int, int]]]:
    """(Ids of the text that a template makes of `values`, where each is in the text).

    values: what people wrote, as JSON has it. Names of special tokens in it stay ordinary characters; those that the
    template writes itself are special tokens.
    """
    names = list(tokenizer.special_names)
    texts = list(_texts(values))
    if not any(name in text for text in texts for name in names):
        return tokenizer.encode_template(write(values))
    mark = unused_letter(texts)
    disguised = {name: f"{mark}{number}{mark}" for number, name in enumerate(names)}
    any_name = re.compile("|".join(map(re.escape, names)))
    safe = _changed(values, lambda text: any_name.sub(lambda found: disguised[found[0]], text))
    ids: list[int] = []
    places: list[tuple[int, int]] = []
    length = 0
    for part in re.split(f"({any_name.pattern})", write(safe)):
        if part in tokenizer.special_names:
            ids.append(tokenizer.special_names[part])
            places.append((length, length + len(part)))
        else:
            part = re.sub(f"{mark}(\\d+){mark}", lambda found: names[int(found[1])], part)
            its_ids, its_places = tokenizer.encode_places(part)
            ids += its_ids
            places += [(length + first, length + last) for first, last in its_places]
        length += len(part)
    return ids, places


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    """The same value with every text in it changed; keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _changed(each, change) for key, each in value.items()}
    return [_changed(each, change) for each in value] if isinstance(value, list | tuple) else value


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def _answer_spans(
    messages: Sequence[Message], tokenizer: Tokenizer, add_generation_prompt: bool
) -> list[tuple[int, int]]:
    """(start, end) of each learned answer in the rendered text, with the token that closes it.

    Raises UserError for a template that does not write answers as they are.
    """
    answers = [message for message in messages if message["role"] == "assistant"]
    if not any(map(is_learned, answers)):
        return []
    assert tokenizer.template is not None
    whole = tokenizer.template.text(messages, add_generation_prompt)
    fixed = tokenizer.template.around_answers(messages, add_generation_prompt)
    spans, place = [], 0
    for number, answer in enumerate(answers):
        end = None
        if len(fixed) == len(answers) + 1 and whole.startswith(fixed[number], place):
            start = place + len(fixed[number])
            end = _answer_end(whole, start, answer["content"], fixed[number + 1])
        if end is None:
            raise UserError("this model's chat template does not write answers as they are, so they cannot be learned")
        if is_learned(answer):
            after = fixed[number + 1]
            closing = closing_name(after, tokenizer.special_names)
            spans.append((start, end + (after.index(closing) + len(closing) if closing else 0)))
        place = end
    return spans


def _answer_end(whole: str, start: int, content: str, after: str) -> int | None:
    """Where an answer ends that begins at `start`: templates write it as it is, or strip white space."""
    lines = content.strip("\n")
    for text in (content, content.strip(), lines, content.lstrip(), content.rstrip(), content.lstrip("\n")):
        if whole.startswith(text, start) and whole.startswith(after, start + len(text)):
            return start + len(text)
    return None


def _fit_by_template(
    messages: Sequence[Message], tokenizer: Tokenizer, room: int, add_generation_prompt: bool
) -> tuple[list[int], int]:
    """`fit` for a template: whole chats are rendered, since it may write a turn differently depending on the others."""
    system = [message for message in messages if message["role"] == "system"]
    turns = [message for message in messages if message["role"] != "system"]
    starts = [place for place, message in enumerate(turns) if message["role"] == "user"] or [0]
    low, high = 0, len(starts) - 1  # the first start that fits lies between these
    while low < high:
        middle = (low + high) // 2
        ids = _template_ids([*system, *turns[starts[middle] :]], tokenizer, add_generation_prompt)[0]
        low, high = (low, middle) if len(ids) <= room else (middle + 1, high)
    return _template_ids([*system, *turns[starts[low] :]], tokenizer, add_generation_prompt)[0], starts[low]
