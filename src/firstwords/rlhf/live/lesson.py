"""One choice, learned at once: a few small updates on the new pair, earlier pairs replayed, stage two rehearsed.

    lesson = Lesson(model, tokenizer, chats, seed=0)
    lesson.learn(pair)          -> 0.61, the loss of the new pair before its last update
    state = lesson.state()      # everything that the next choice depends on; `restore(state)` is exact

The loss of a pair is DPO's with smoothed labels (Rafailov et al. 2023; Mitchell 2023): people err, and with smoothing
the best margin is finite, so that a pair that is replayed often is not pushed further and further. The chosen answer's
own likelihood is added, because DPO alone may lower both. Half of every gradient is ordinary chats of stage two: steps
on preferences alone made a small model forget a tenth of what it knew, half and half did not (docs/LOG.md).

Updates are a pure function of the starting weights, the seed and the order of the choices (and of the number of
threads, on which the last bits of sums depend). Axes as in `pair_rows`: P pairs, T positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from firstwords.data.packing import ChatRows
from firstwords.model.transformer import Transformer
from firstwords.preferences.records import Preference
from firstwords.rlhf.losses import dpo_loss
from firstwords.rlhf.pair_rows import answer_logprobs, on_device, pair_ids
from firstwords.rlhf.reward_model import padded
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids
from firstwords.train.learner import Learner, OptimConfig
from firstwords.train.losses import next_token_loss

MAX_PRACTISED = 200  # pairs of practice that are kept, the newest


@dataclass(frozen=True)
class LessonOptions:
    """How a choice is learned. The rates are a fraction of stage two's; see docs/LOG.md for how they were found."""

    updates: int = 2  # per choice
    replayed: int = 3  # earlier pairs in each update,
    practised: int = 8  # and pairs of practice
    rehearsed: int = 2  # rows of stage two's chats in each update
    beta: float = 0.5  # DPO's
    smoothing: float = 0.1  # share of choices that are taken to be mistakes: the best margin is log(9) / beta nats
    chosen_weight: float = 0.2  # of the chosen answer's own loss per token
    matrix_lr: float = 1.5e-3
    table_lr: float = 1e-3
    vector_lr: float = 1.5e-3
    momentum: float = 0.85


@dataclass(frozen=True)
class LivePair:
    """A choice as ids, with the starting model's log-probabilities of both answers."""

    chosen: list[int]  # with the prompt
    rejected: list[int]
    start: int  # tokens of the prompt
    ref: tuple[float, float]  # of the chosen and the rejected answer


@dataclass
class LessonState:
    """A copy of everything that the next choice depends on."""

    learner: dict[str, Any]
    pairs: list[LivePair]
    practised: list[LivePair]

    @property
    def num_bytes(self) -> int:
        """Size of its tensors."""
        return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(self.learner))


class Lesson:
    """A model that learns from one choice after the other. Belongs to one thread.

    chats: rows of stage two's chats to rehearse; None if they no longer exist.
    """

    def __init__(
        self,
        model: Transformer,
        reference: Transformer,
        tokenizer: Tokenizer,
        chats: ChatRows | None,
        seed: int = 0,
        options: LessonOptions | None = None,
    ) -> None:
        self.model, self.reference, self.tokenizer, self.chats = model, reference, tokenizer, chats
        self.seed, self.options = seed, options or LessonOptions()
        self.learner = Learner(model, live_optim(self.options))
        self.pairs: list[LivePair] = []
        self.practised: list[LivePair] = []

    @torch.no_grad()
    def encoded(self, preferences: Sequence[Preference]) -> list[LivePair]:
        """Choices as the model reads them."""
        pairs = []
        for preference in preferences:
            start = len(chat_ids(self.tokenizer, preference.prompt))
            pairs.append(LivePair(*pair_ids(preference, self.tokenizer), start, (0.0, 0.0)))
        if not pairs:
            return []
        ref_2P = self._logprobs(self.reference, pairs).view(2, -1).T.tolist()
        return [replace(pair, ref=(chosen, rejected)) for pair, (chosen, rejected) in zip(pairs, ref_2P, strict=True)]

    @torch.no_grad()
    def logprobs(self, pair: LivePair) -> tuple[float, float]:
        """log p of the whole chosen and the whole rejected answer, including the end of the turn, by the model now."""
        found = self._logprobs(self.model, [pair])
        return float(found[0]), float(found[1])

    def learn(self, pair: LivePair, strength: float = 1.0, practice: Sequence[LivePair] = ()) -> float:
        """Train on a new pair; returns its loss at the last update.

        strength scales the learning rate. practice: pairs of the model's own answers to other questions, see
        `practice.py`; they are kept, and each update draws from all of them.
        """
        options, draw, loss = self.options, Random(f"live {self.seed} {len(self.pairs)}"), 0.0
        self.practised = [*self.practised, *practice][-MAX_PRACTISED:]
        for update in range(options.updates):
            replayed = draw.sample(self.pairs, min(options.replayed, len(self.pairs)))
            practised = draw.sample(self.practised, min(options.practised, len(self.practised)))
            pairs = [pair, *replayed, *practised]
            loss = self._update(pairs, len(self.pairs) * options.updates + update, strength)
        self.pairs = [*self.pairs, pair]  # a new list: states share the old one
        return loss

    def state(self) -> LessonState:
        """A copy of weights, optimizer and pairs."""
        return LessonState(_copied(self.learner.state_dict()), self.pairs, self.practised)

    def restore(self, state: LessonState) -> None:
        """Return to a state, bit by bit."""
        self.learner.load_state_dict(state.learner)
        self.pairs, self.practised = state.pairs, state.practised

    # -- inside ------------------------------------------------------------------------------------------------------

    def _update(self, pairs: Sequence[LivePair], step: int, strength: float) -> float:
        options, first = self.options, 0.0

        def loss_of_pairs(model: Transformer, batch: dict[str, Tensor]) -> Tensor:
            nonlocal first
            logprobs_2P = answer_logprobs(model, batch)
            (chosen_P, rejected_P), (ref_chosen_P, ref_rejected_P) = logprobs_2P.chunk(2), batch["ref"].chunk(2)
            loss_P, _, _ = dpo_loss(
                chosen_P,
                rejected_P,
                ref_chosen_P,
                ref_rejected_P,
                options.beta,
                label_smoothing=options.smoothing,
            )
            first = float(loss_P[0].detach())
            lengths_P = batch["mask"].sum(1).chunk(2)[0]
            return (loss_P - options.chosen_weight * chosen_P / lengths_P).sum()

        self.learner.forward_backward([batch_of(pairs)], loss_of_pairs, divisor=len(pairs))
        if self.chats is not None:
            self.learner.forward_backward([self.chats.batch(step, options.rehearsed)._asdict()], next_token_loss)
        self.learner.optim_step(strength)
        return first

    @staticmethod
    def _logprobs(model: Transformer, pairs: Sequence[LivePair]) -> Tensor:
        return answer_logprobs(model, on_device(model, batch_of(pairs)))


def batch_of(pairs: Sequence[LivePair]) -> dict[str, np.ndarray]:
    """inputs (2P, T), the chosen answers first; mask (2P, T - 1), True where the next token is one of the answer; ref
    (2P,)."""
    inputs, lengths = padded([pair.chosen for pair in pairs] + [pair.rejected for pair in pairs])
    starts, places = np.array([pair.start for pair in pairs] * 2), np.arange(1, inputs.shape[1])
    mask = (places >= starts[:, None]) & (places < lengths[:, None])
    ref = np.array([[pair.ref[side] for pair in pairs] for side in (0, 1)], dtype=np.float32).ravel()
    return {"inputs": inputs, "mask": mask, "ref": ref}


def live_optim(options: LessonOptions) -> OptimConfig:
    """Muon for matrices and AdamW for the rest, as in the policy methods."""
    return OptimConfig(
        matrix_lr=options.matrix_lr,
        table_lr=options.table_lr,
        vector_lr=options.vector_lr,
        momentum=options.momentum,
    )


def _copied(state: Any) -> Any:
    if isinstance(state, Tensor):
        return state.detach().clone()
    return {key: _copied(value) for key, value in state.items()} if isinstance(state, dict) else state


def _tensors(state: Any) -> Iterator[Tensor]:
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, dict):
        for value in state.values():
            yield from _tensors(value)
