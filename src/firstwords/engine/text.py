"""From sampled ids to displayable text: whole characters only, and nothing from a stop text on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer


class TextStream:
    """push(id) -> text that is certain; `stopped` turns True when a stop text appears, even across tokens.

    With stop "END", the pieces "the E", "N", "ough" give "the ", "", "ENough"; "the E", "ND" give "the ", ""
    and stop.
    """

    def __init__(self, tokenizer: Tokenizer | None, stop: Sequence[str] = ()) -> None:
        self.text = ""  # all text returned so far
        self.stopped = False
        self._stop = tuple(stop)
        self._held = ""  # could be the beginning of a stop text
        self._decoder, self._num_known = None, 0
        if tokenizer is not None:
            from firstwords.tokenizer.fast import StreamDecoder

            self._decoder, self._num_known = StreamDecoder(tokenizer), tokenizer.vocab_size
        elif self._stop:
            raise ValueError("stop texts need a tokenizer: give the engine one, or use stop_token_ids")

    def push(self, token_id: int) -> str:
        # a model's table may be padded with ids that its tokenizer does not know: they have no text
        if self._decoder is None or self.stopped or token_id >= self._num_known:
            return ""
        return self._show(self._decoder.push(token_id), is_last=False)

    def flush(self) -> str:
        """The text held back, once no further token follows."""
        if self._decoder is None or self.stopped:
            return ""
        return self._show(self._decoder.flush(), is_last=True)

    def _show(self, piece: str, is_last: bool) -> str:
        held = self._held + piece
        if self._stop:
            found = [place for stop in self._stop if (place := held.find(stop)) >= 0]
            if found:
                self.stopped = True
                shown, self._held = held[: min(found)], ""
            else:
                keep = 0 if is_last else max(_overlap(held, stop) for stop in self._stop)
                shown, self._held = held[: len(held) - keep], held[len(held) - keep :]
        else:
            shown = held
        self.text += shown
        return shown


def text_of(tokenizer: Tokenizer | None, ids: Sequence[int]) -> str:
    """The text that a stream without stop texts makes of some ids, in one go."""
    if tokenizer is None:
        return ""
    special, num_known = tokenizer.special_ids, tokenizer.vocab_size
    known = (tokenizer.token_bytes(i) for i in ids if i < num_known and i not in special)
    return b"".join(known).decode("utf-8", "replace")


def _overlap(text: str, stop: str) -> int:
    """Length of the longest suffix of `text` that is a prefix of `stop`: _overlap("the E", "END") -> 1."""
    for length in range(min(len(text), len(stop) - 1), 0, -1):
        if text.endswith(stop[:length]):
            return length
    return 0
