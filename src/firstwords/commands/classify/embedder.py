"""A language model on the ladder: its hidden states as embeddings, and its own answer to the question.

Axes: B rows, T tokens, D hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from firstwords import api
from firstwords.classify.songs import sigmoid
from firstwords.commands import shared
from firstwords.config import UserError
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.chat import ids_of
from firstwords.tokenizer.prompts import chat_ids, cleaned, text_ids

BATCH_TOKENS = 4096
SMALL_MODEL = 30_000_000  # parameters
QUESTION = 'Is this sentence happy or sad? "{text}"'
REPLY = "This sentence is {answer}."
ANSWERS = ("sad", "happy")
ANSWER_TOKENS = 16
SLOTS = 32


@dataclass(frozen=True)
class HiddenStates:
    """A model's last hidden states as word vectors: unlike a table's, each depends on the words before it."""

    loaded: api.Model

    @property
    def name(self) -> str:
        """REF of the model."""
        return self.loaded.label

    def pieces(self, texts: Sequence[str]) -> list[tuple[list[str], np.ndarray]]:
        """The words of each text and the mean of their tokens' states; texts are cut off at the context limit."""
        tokenizer, limit = self.loaded.tokenizer, self.loaded.context
        spaced = ["".join(f" {word}" for word in text.split()) for text in texts]  # every word as inside a sentence
        rows = [text_ids(tokenizer, text)[:limit] for text in spaced]
        known = [i for i, ids in enumerate(rows) if len(ids) > 1]
        found: list[tuple[list[str], np.ndarray]] = [([], np.empty((0, 0)))] * len(rows)
        with suitable_threads(self.loaded.model):
            for place, states_TD in hidden_states(self.loaded.model, [rows[i] for i in known]):
                i = known[place]
                found[i] = self._words(rows[i][1:], states_TD[1:].numpy())
        return found

    def _words(self, ids: Sequence[int], states_TD: np.ndarray) -> tuple[list[str], np.ndarray]:
        """Tokens joined into words at spaces, with the mean of their states."""
        pieces = [self.loaded.tokenizer.token_bytes(i) for i in ids]
        starts = [t for t, piece in enumerate(pieces) if t == 0 or piece[:1].isspace()]
        ends = [*starts[1:], len(pieces)]
        names = [b"".join(pieces[a:b]).decode("utf-8", "replace").strip() for a, b in zip(starts, ends, strict=True)]
        vectors = np.stack([states_TD[a:b].mean(0) for a, b in zip(starts, ends, strict=True)])
        return names, vectors


@contextmanager
def suitable_threads(model: Transformer) -> Iterator[None]:
    """One thread for a small model: on a busy machine, threads that wait for each other take ten times as long."""
    before = torch.get_num_threads()
    if model.config.num_params < SMALL_MODEL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.inference_mode()
def hidden_states(model: Transformer, rows: Sequence[Sequence[int]]) -> Iterator[tuple[int, torch.Tensor]]:
    """(number of the row, its last hidden states (T, D) in fp32 on the CPU), the longest rows first."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    while order:
        longest = len(rows[order[-1]])
        size = max(1, BATCH_TOKENS // longest)
        batch, order = order[-size:], order[:-size]
        padded = [[*rows[i], *[0] * (longest - len(rows[i]))] for i in batch]  # attention never looks right
        hidden_BTD = model.hidden(torch.tensor(padded, device=model.head_weight.device)).float().cpu()
        yield from ((i, hidden_BTD[b, : len(rows[i])]) for b, i in enumerate(batch))


@torch.inference_mode()
def reply_logprobs(model: Transformer, rows: Sequence[Sequence[int]], starts: Sequence[int]) -> list[float]:
    """log p of each row's tokens from index `start`, given those before."""
    sums = [0.0] * len(rows)
    for i, states_TD in hidden_states(model, rows):
        said = torch.tensor(rows[i][starts[i] :])
        before_TD = states_TD[starts[i] - 1 : -1].to(model.head_weight.device, model.compute_dtype)
        logprobs_TV = torch.log_softmax(model.logits(before_TD).cpu(), -1)
        sums[i] = float(logprobs_TV.gather(1, said[:, None]).sum())
    return sums


def check_question(loaded: api.Model, question: str, answers: Sequence[str]) -> None:
    """Raise UserError for a base model, a question without {text}, or if there are not exactly two answers."""
    if loaded.is_base:
        raise UserError(f"{loaded.label} continues text and answers no questions; name a later stage, as in NAME/sft")
    if len(answers) != 2:
        raise UserError(f"--answers has {len(answers)} words; two are needed, in the order of the classes")
    if "{text}" not in question:
        raise UserError(f"--question {question!r} lacks {{text}}, which marks where each sentence goes")


def zero_shot(
    loaded: api.Model, texts: Sequence[str], question: str = QUESTION, answers: Sequence[str] = ANSWERS
) -> tuple[np.ndarray, list[str]]:
    """(p_N, replies): the probability of the second answer relative to the first, and the model's own greedy reply.

    Nothing is trained. A sentence too long for the context gets a probability of one half and no reply.
    """
    prompts, rows = [], []
    for text in texts:
        asked = [{"role": "user", "content": question.replace("{text}", text)}]
        prompts.append(chat_ids(loaded.tokenizer, asked))
        for answer in answers:
            replied = [*asked, {"role": "assistant", "content": REPLY.format(answer=answer)}]
            rows.append(ids_of(cleaned(replied), loaded.tokenizer))
    fitting = [n for n in range(len(texts)) if max(map(len, rows[2 * n : 2 * n + 2])) <= loaded.context]
    places = [2 * n + answer for n in fitting for answer in (0, 1)]
    with suitable_threads(loaded.model):
        logprobs = reply_logprobs(loaded.model, [rows[i] for i in places], [len(prompts[i // 2]) for i in places])
    p_N = np.full(len(texts), 0.5)
    p_N[fitting] = sigmoid(np.array(logprobs[1::2]) - np.array(logprobs[::2]))
    return p_N, replies(loaded, prompts)


def replies(loaded: api.Model, prompts: Sequence[Sequence[int]]) -> list[str]:
    """The greedy reply to each prompt; "" if the prompt fills the context."""
    params = shared.sampling(temperature=0.0, max_tokens=ANSWER_TOKENS)
    fitting = [n for n, ids in enumerate(prompts) if len(ids) < loaded.context]
    said = [""] * len(prompts)
    engine = loaded.engine(SLOTS)
    for n, done in zip(fitting, engine.generate([prompts[n] for n in fitting], params), strict=True):
        said[n] = done.text.strip()
    return said
