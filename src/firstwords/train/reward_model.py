"""A reward model in use: one number for an answer, normalised so that samples of the sft model have mean 0 and std 1.

    reward_model = load_reward_model(home.run_dir("pip", "reward") / "model")
    reward_model.score([(messages, "Tom is twelve years old.")])    -> array([0.83], dtype=float32)

The raw score is that of a scalar head plus `weight` times how sure the sft model itself was of the answer: what a small
model knows of the truth shows there long before a few hundred preferences could teach it (docs/LOG.md).
The scalar is read at the answer's stop token, which is where it was trained: text that people judged and ids that a
policy sampled take the same path (`answer_ids`), so that both get the same number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from firstwords.config import UserError
from firstwords.model.heads import ScalarModel, load_scalar_model
from firstwords.model.hub import load_model, read_card, weights_hash
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.chat import Message, render
from firstwords.tokenizer.fast import Tokenizer

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
    def score_ids(self, sequences: Sequence[Sequence[int]]) -> np.ndarray:
        """Normalised rewards of whole sequences, read at their last tokens, fp32, (B,).

        Like lengths share a batch. Raises UserError for a sequence beyond the model's context.
        """
        limit = self.model.config.max_position_embeddings
        if sequences and max(map(len, sequences)) > limit:
            raise UserError(f"an answer with its prompt has more than {limit} tokens: shorten it")
        raw = self._in_batches(sequences, self._forward)
        if self.reference is not None and self.weight:
            raw += self.weight * self.confidence(sequences)
        return (raw - self.mean) / self.std

    def confidence(self, sequences: Sequence[Sequence[int]]) -> np.ndarray:
        """Of each answer: mean over its tokens of log pi(token) - max log pi under the reference, fp32, <= 0, (B,).

        0 where greedy decoding of the sft model would have said just that; the answer is the last turn of a sequence.
        """
        return self._in_batches(sequences, self._confidence)

    @torch.no_grad()
    def _in_batches(self, sequences: Sequence[Sequence[int]], forward: Callable) -> np.ndarray:
        """One number for each sequence, like lengths together."""
        raw = np.zeros(len(sequences), dtype=np.float32)
        order = sorted(range(len(sequences)), key=lambda index: len(sequences[index]))
        while order:
            size = max(1, BATCH_TOKENS // len(sequences[order[-1]]))
            rows, order = order[-size:], order[:-size]
            ids_BT, lengths_B = padded([sequences[row] for row in rows])
            raw[rows] = forward(ids_BT, lengths_B).cpu().numpy()
        return raw

    def _confidence(self, ids_BT: np.ndarray, lengths_B: np.ndarray) -> Tensor:
        T, opening = ids_BT.shape[1], len(prompt_ids(self.tokenizer, []))
        last_turn_B = T - 1 - (ids_BT == self.tokenizer.im_start_id)[:, ::-1].argmax(1)
        starts_B = last_turn_B + opening
        places_T = np.arange(1, T)
        mask_BT = torch.from_numpy((places_T >= starts_B[:, None]) & (places_T < lengths_B[:, None]))
        ids_BT = torch.from_numpy(ids_BT)
        device = self.reference.head_weight.device
        hidden_ND = self.reference.hidden(ids_BT[:, :-1].to(device))[mask_BT.to(device)]
        logits_NV = self.reference.logits(hidden_ND[None])[0]
        chosen_N = logits_NV.gather(1, ids_BT[:, 1:][mask_BT].to(device)[:, None])[:, 0]
        behind_BT = torch.zeros(mask_BT.shape)
        behind_BT[mask_BT] = (chosen_N - logits_NV.max(1).values).float().cpu()
        return behind_BT.sum(1) / mask_BT.sum(1).clamp(min=1)

    def _forward(self, ids_BT: np.ndarray, lengths_B: np.ndarray) -> Tensor:
        device = self.model.head_weight.device
        return self.model(torch.from_numpy(ids_BT).to(device), torch.from_numpy(lengths_B).to(device))

    def normalise_on(self, sequences: Sequence[Sequence[int]]) -> None:
        """Freeze mean and std to those of the scores of these sequences: samples of the sft model."""
        self.mean, self.std = 0.0, 1.0
        scores = self.score_ids(sequences)
        self.mean, self.std = float(scores.mean()), max(float(scores.std()), 1e-6)


def load_reward_model(directory: str | Path, device: str = "cpu") -> RewardModel:
    """Read a reward model that `firstwords reward` or `align` has made. Raises UserError where there is none."""
    model = load_scalar_model(directory, device)
    data = read_card(directory).get("data") or {}
    tokenizer = Tokenizer.load(directory)
    weight = data.get("confidence_weight", 0.0)
    reference = load_model(Path(directory) / REFERENCE, device=device).requires_grad_(False) if weight else None
    mean, std = data.get("mean", 0.0), data.get("std", 1.0)
    return RewardModel(model, tokenizer, mean, std, weights_hash(model), reference, weight)
