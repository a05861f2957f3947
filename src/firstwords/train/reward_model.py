"""A reward model in use: one number for an answer, normalised so that samples of the sft model have mean 0 and std 1.

    reward_model = load_reward_model(home.run_dir("pip", "reward") / "model")
    reward_model.score([(messages, "Tom is twelve years old.")])    -> array([0.83], dtype=float32)

The raw score is that of a scalar head plus `weight` times how sure the sft model itself was of the answer: what a small
model knows of the truth shows there long before a few hundred preferences could teach it (docs/LOG.md).
The scalar is read at the answer's stop token, which is where it was trained: text that people judged and ids that a
policy sampled take the same path (`answer_ids`), so that both get the same number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from firstwords.config import UserError
from firstwords.model.card import CARD
from firstwords.model.heads import ScalarModel, load_scalar_model
from firstwords.model.hub import load_model, weights_hash, whole_card
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.chat import Message, render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.train.shared import shared_parts

BATCH_TOKENS = 8192  # of one scoring pass
REFERENCE = "reference"  # folder beside the weights: the sft model whose confidence is asked


def prompt_ids(tokenizer: Tokenizer, messages: Sequence[Message]) -> list[int]:
    """Ids of a prompt with an open turn for the assistant."""
    return render(messages, tokenizer, add_generation_prompt=True)[0]


def answer_ids(tokenizer: Tokenizer, messages: Sequence[Message], answer: str) -> list[int]:
    """Ids of prompt and answer up to and with the stop token: what the policy would have sampled for this text."""
    return [*prompt_ids(tokenizer, messages), *tokenizer.encode(answer.strip()), tokenizer.im_end_id]


def padded(sequences: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """(ids_BT padded with zeros on the right, lengths_B), int64."""
    lengths_B = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    ids_BT = np.zeros((len(sequences), int(lengths_B.max())), dtype=np.int64)
    for row, sequence in enumerate(sequences):
        ids_BT[row, : len(sequence)] = sequence
    return ids_BT, lengths_B


@dataclass
class RewardModel:
    """A scalar model with its tokenizer and its frozen normalisation: reward = (score - mean) / std."""

    model: ScalarModel
    tokenizer: Tokenizer
    mean: float = 0.0
    std: float = 1.0
    hash: str = ""
    reference: Transformer | None = None
    weight: float = 0.0  # of the reference's confidence in the raw score

    def score(self, pairs: Sequence[tuple[Sequence[Message], str]]) -> np.ndarray:
        """Normalised rewards of (messages, answer) pairs, fp32, (B,)."""
        return self.score_ids([answer_ids(self.tokenizer, messages, answer) for messages, answer in pairs])

    @torch.no_grad()
    def score_ids(
        self,
        sequences: Sequence[Sequence[int]],
        starts: Sequence[int] | None = None,
        confidence_B: np.ndarray | None = None,
    ) -> np.ndarray:
        """Normalised rewards of whole sequences, read at their last tokens, fp32, (B,).

        starts: see `confidence`. confidence_B: of the sequences, where it is known already. Neighbours that begin alike
        are computed together.
        Raises UserError for a sequence beyond the model's context.
        """
        limit = self.model.config.max_position_embeddings
        if sequences and max(map(len, sequences)) > limit:
            raise UserError(f"an answer with its prompt has more than {limit} tokens: shorten it")
        raw = self._scalars(sequences)
        if self.reference is not None and self.weight:
            raw += self.weight * (self.confidence(sequences, starts) if confidence_B is None else confidence_B)
        return (raw - self.mean) / self.std

    def _scalars(self, sequences: Sequence[Sequence[int]]) -> np.ndarray:
        """What the scalar head says at each last token, fp32, (B,)."""
        raw = np.zeros(len(sequences), dtype=np.float32)
        for part in shared_parts([np.array(ids) for ids in sequences], BATCH_TOKENS, in_order=False):
            values = self.model.values(*part.inputs(self.model.head_weight.device)).flatten()
            raw[part.rows] = values[[int(places[-1]) for places in part.places]].cpu().numpy()
        return raw

    @torch.no_grad()
    def confidence(self, sequences: Sequence[Sequence[int]], starts: Sequence[int] | None = None) -> np.ndarray:
        """Of each answer: mean over its tokens of log pi(token) - max log pi under the reference, fp32, <= 0, (B,).

        0 where greedy decoding of the sft model would have said just that. starts: where each answer begins; without it
        the answer is the last turn of a sequence, which is not so for what a policy sampled: it may open a turn itself.
        """
        opening, found = len(prompt_ids(self.tokenizer, [])), np.zeros(len(sequences), dtype=np.float32)
        device = self.reference.head_weight.device
        for part in shared_parts([np.array(ids) for ids in sequences], BATCH_TOKENS, in_order=False):
            hidden_MD = self.reference.hidden(*part.inputs(device)).flatten(0, 1)
            for row, places in zip(part.rows, part.places, strict=True):
                ids = torch.tensor(sequences[row])
                last_turn = int((ids == self.tokenizer.im_start_id).nonzero()[-1])
                start = last_turn + opening if starts is None else int(starts[row])
                logits_NV = self.reference.logits(hidden_MD[places[start - 1 : -1]][None])[0]
                chosen_N = logits_NV.gather(1, ids[start:, None].to(device))[:, 0]
                if len(chosen_N):
                    found[row] = float((chosen_N - logits_NV.amax(1)).mean())
        return found

    def normalise_on(self, sequences: Sequence[Sequence[int]]) -> None:
        """Freeze mean and std to those of the scores of these sequences: samples of the sft model."""
        self.mean, self.std = 0.0, 1.0
        scores = self.score_ids(sequences)
        self.mean, self.std = float(scores.mean()), max(float(scores.std()), 1e-6)


def load_reward_model(directory: str | Path, device: str = "cpu") -> RewardModel:
    """Read a reward model that `firstwords reward` or `align` has made. Raises UserError where there is none."""
    model = load_scalar_model(directory, device)
    data = whole_card(directory).get("data") or {}
    tokenizer = Tokenizer.load(directory)
    try:
        weight, mean, std = (float(data.get(k, d)) for k, d in (("confidence_weight", 0), ("mean", 0), ("std", 1)))
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{Path(directory) / CARD} is damaged ({error}): copy it again from its source") from None
    reference = load_model(Path(directory) / REFERENCE, device=device).requires_grad_(False) if weight else None
    return RewardModel(model, tokenizer, mean, std, weights_hash(model), reference, weight)
