"""The owner's own language model on the ladder: its hidden states as embeddings, and its own answer to the question.

Axes: B rows, T tokens, D hidden.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from firstwords.commands import shared
from firstwords.config import UserError
from firstwords.engine.score import score
from firstwords.tokenizer.chat import render

BATCH_TOKENS = 4096
QUESTION = 'Is this sentence happy or sad? "{text}"'
REPLY = "This sentence is {answer}."
ANSWERS = ("sad", "happy")
ANSWER_TOKENS = 16
SLOTS = 32


@dataclass(frozen=True)
class HiddenStates:
    """A model's last hidden states as vectors of words: each has seen the words before it, unlike a table's."""

    loaded: shared.Loaded

    @property
    def name(self) -> str:
        """REF of the model."""
        return self.loaded.label

    def pieces(self, texts: Sequence[str]) -> list[tuple[list[str], np.ndarray]]:
        """The words of each text and the mean of their tokens' states; what does not fit the context is cut off."""
        tokenizer, limit = self.loaded.tokenizer, self.loaded.context
        rows = [shared.text_ids(tokenizer, " " + " ".join(text.split()))[:limit] for text in texts]
        found: list[tuple[list[str], np.ndarray]] = [([], np.empty((0, 0)))] * len(rows)
        order = sorted((i for i, ids in enumerate(rows) if len(ids) > 1), key=lambda i: len(rows[i]))
        while order:
            size = max(1, BATCH_TOKENS // len(rows[order[-1]]))
            batch, order = order[-size:], order[:-size]
            for i, states_TD in zip(batch, self._states([rows[i] for i in batch]), strict=True):
                found[i] = self._words(rows[i][1:], states_TD[1:])
        return found

    @torch.inference_mode()
    def _states(self, rows: Sequence[Sequence[int]]) -> list[np.ndarray]:
        longest = max(map(len, rows))
        model = self.loaded.model
        ids_BT = torch.tensor([[*ids, *[0] * (longest - len(ids))] for ids in rows], device=model.head_weight.device)
        hidden_BTD = model.hidden(ids_BT).float().cpu().numpy()  # padding on the right is behind what anybody looks at
        return [states[: len(ids)] for ids, states in zip(rows, hidden_BTD, strict=True)]

    def _words(self, ids: Sequence[int], states_TD: np.ndarray) -> tuple[list[str], np.ndarray]:
        """Tokens joined to words at the spaces, with the mean of their states."""
        pieces = [self.loaded.tokenizer.token_bytes(i) for i in ids]
        starts = [t for t, piece in enumerate(pieces) if t == 0 or piece[:1].isspace()]
        ends = [*starts[1:], len(pieces)]
        names = [b"".join(pieces[a:b]).decode("utf-8", "replace").strip() for a, b in zip(starts, ends)]
        vectors = np.stack([states_TD[a:b].mean(0) for a, b in zip(starts, ends)])
        return names, vectors


def check_question(question: str) -> None:
    """Raise UserError for a question without a place for the sentence."""
    if "{text}" not in question:
        raise UserError(f"--question {question!r} has no {{text}} in it: that is where each sentence goes")


def zero_shot(
    loaded: shared.Loaded, texts: Sequence[str], question: str = QUESTION, answers: Sequence[str] = ANSWERS
) -> tuple[np.ndarray, list[str]]:
    """(p_N, what it says): the probability of the second answer beside the first, and the model's own greedy reply.

    Nothing is trained. A sentence too long for the context gets one half and no reply.
    """
    if shared.is_base(loaded.directory):
        raise UserError(f"{loaded.label} continues text and answers no questions; name a later stage, as in NAME/sft")
    prompts, rows = [], []
    for text in texts:
        asked = [{"role": "user", "content": question.replace("{text}", text)}]
        prompts.append(render(asked, loaded.tokenizer, add_generation_prompt=True)[0])
        for answer in answers:
            replied = [*asked, {"role": "assistant", "content": REPLY.format(answer=answer)}]
            rows.append(render(replied, loaded.tokenizer)[0])
    fits = [max(map(len, rows[2 * n : 2 * n + 2])) <= loaded.context for n in range(len(texts))]
    scored = iter(score(loaded.model, [row for n, row in enumerate(rows) if fits[n // 2]]))
    p_N = np.full(len(texts), 0.5)
    for n in range(len(texts)):
        if fits[n]:
            first, second = (float(next(scored).logprobs_T[len(prompts[n]) - 1 :].sum()) for _ in answers)
            p_N[n] = 1 / (1 + np.exp(np.clip(first - second, -50, 50)))
    return p_N, replies(loaded, prompts)


def replies(loaded: shared.Loaded, prompts: Sequence[Sequence[int]]) -> list[str]:
    """The greedy reply to each prompt; "" where the prompt fills the context."""
    params = shared.sampling(temperature=0.0, max_tokens=ANSWER_TOKENS)
    fitting = [n for n, ids in enumerate(prompts) if len(ids) < loaded.context]
    said = [""] * len(prompts)
    engine = loaded.engine(SLOTS)
    for n, done in zip(fitting, engine.generate([prompts[n] for n in fitting], params), strict=True):
        said[n] = done.text.strip()
    return said
