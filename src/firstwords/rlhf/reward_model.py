"""Use a reward model: one number per answer, normalised so that samples of the sft model have mean 0 and std 1.

    reward_model = load_reward_model(home.run_dir("pip", "reward") / "model")
    reward_model.score([(messages, "Tom is twelve years old.")])    -> array([0.83], dtype=float32)

The raw score is the output of a scalar head plus `weight` times the sft model's own confidence in the answer: it shows
what a small model knows of the truth long before a few hundred preferences could teach it (docs/LOG.md).

Sampled answers are scored by exactly the ids that were sampled: encoding the text again may give other tokens, and
more of them than the context holds. Text that people wrote or judged is encoded (`answer_ids`).

The scalar is the mean over the answer's tokens, including the stop token, as in training: how an answer began is hard
to see at its end (docs/LOG.md). Models of earlier versions read it at the stop token alone (`pool`). An answer that was
cut, by a token limit or the end of the context, has no stop token: in training and in use it is read as if it had
stopped there (`closed`), so that its text is scored like any other. The penalty for not stopping is applied elsewhere
(`stop_penalty`). The confidence covers only the answer's real tokens: a stop token added for reading does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from firstwords import home
from firstwords.config import UserError
from firstwords.model.card import CARD, read_card
from firstwords.model.heads import ScalarModel, load_scalar_model
from firstwords.model.hub import load_model, weights_hash, whole_card
from firstwords.model.transformer import Transformer
from firstwords.rlhf.prefix_rows import shared_parts
from firstwords.tokenizer.chat import Message, opening_ids
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids

BATCH_TOKENS = 8192  # per scoring pass
POOLS = ("mean", "stop")  # where the scalar is read: mean over the answer's tokens, or at the stop token
REFERENCE = "reference"  # folder next to the weights: the sft model whose confidence is used


def answer_ids(tokenizer: Tokenizer, messages: Sequence[Message], answer: str) -> list[int]:
    """Ids of prompt and answer including the stop token, as the policy would have sampled this text."""
    return [*chat_ids(tokenizer, messages), *tokenizer.encode(answer.strip()), tokenizer.answer_end_id]


def closed(ids: Sequence[int], tokenizer: Tokenizer, limit: int) -> list[int]:
    """Ids of prompt and answer as the scalar reads them: ending with the stop token of a turn.

    An answer that was cut gets one, in place of its last token if the context of `limit` tokens is full. One that ended
    with the end-of-text token gets it instead of that.
    """
    ended = bool(ids) and ids[-1] in (tokenizer.answer_end_id, tokenizer.endoftext_id)
    return [*(ids[:-1] if ended else ids)[: limit - 1], tokenizer.answer_end_id]


class Sampled(Protocol):
    """A sampled answer (`engine.Completion`, `judgements.Answer`); ids include the stop token if it stopped."""

    @property
    def ids(self) -> list[int]: ...

    @property
    def text(self) -> str: ...


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
    pool: str = "mean"  # one of POOLS

    @property
    def limit(self) -> int:
        """Maximum tokens of a prompt and its answer together."""
        return self.model.config.max_position_embeddings

    @cached_property
    def vocabulary(self) -> str:
        """Hash of the tokenizer: ids have the same meaning for models with the same hash."""
        return self.tokenizer.hash

    def can_read(self, messages: Sequence[Message]) -> bool:
        """Whether a prompt leaves room for an answer of one token and the stop token."""
        return len(chat_ids(self.tokenizer, messages)) + 2 <= self.limit

    def score(self, pairs: Sequence[tuple[Sequence[Message], str]]) -> np.ndarray:
        """Normalised rewards of (messages, answer) pairs of texts, fp32, (B,).

        An answer that is too long for the context is cut. Raises UserError for a prompt that is too long.
        """
        starts = [len(chat_ids(self.tokenizer, messages)) for messages, _ in pairs]
        sequences = [answer_ids(self.tokenizer, messages, answer) for messages, answer in pairs]
        return self.score_ids([self._shortened(*each) for each in zip(sequences, starts, strict=True)], starts)

    def score_sampled(
        self, prompts: Sequence[Sequence[Message]], answers: Sequence[Sampled], vocabulary: str
    ) -> tuple[np.ndarray, int]:
        """(normalised rewards of sampled answers, fp32, (B,); how many were too long and were cut).

        vocabulary: hash of the tokenizer of the model that sampled. If it is this model's own, the ids are scored
        directly; otherwise the text is encoded again. Raises UserError as `score` does.
        """
        is_own = vocabulary == self.vocabulary
        sequences, starts = [], []
        for messages, answer in zip(prompts, answers, strict=True):
            prompt = chat_ids(self.tokenizer, messages)
            starts.append(len(prompt))
            sequences.append([*prompt, *answer.ids] if is_own else answer_ids(self.tokenizer, messages, answer.text))
        cut = sum(len(sequence) > self.limit for sequence in sequences)
        shortened = [self._shortened(*each) for each in zip(sequences, starts, strict=True)]
        return self.score_ids(shortened, starts), cut

    def _shortened(self, sequence: list[int], start: int) -> list[int]:
        if start + 2 > self.limit:
            raise UserError(
                f"a prompt has {start} tokens, but this reward model reads at most {self.limit} for prompt and answer: "
                "shorten it, or leave it out"
            )
        return sequence[: self.limit]

    @torch.no_grad()
    def score_ids(
        self,
        sequences: Sequence[Sequence[int]],
        starts: Sequence[int] | None = None,
        confidence_B: np.ndarray | None = None,
    ) -> np.ndarray:
        """Normalised rewards of whole sequences of ids as sampled, read where they stop, fp32, (B,).

        starts: see `confidence`. confidence_B: of the sequences, if already known. Neighbouring sequences with a common
        prefix are computed together.
        Raises ValueError for a sequence longer than the model's context, which sampling never produces.
        """
        if (longest := max(map(len, sequences), default=0)) > self.limit:
            raise ValueError(f"a sequence has {longest} tokens, but this reward model reads at most {self.limit}")
        raw = self._scalars([closed(sequence, self.tokenizer, self.limit) for sequence in sequences], starts)
        if self.reference is not None and self.weight:
            raw += self.weight * (self.confidence(sequences, starts) if confidence_B is None else confidence_B)
        return (raw - self.mean) / self.std

    def _scalars(self, sequences: Sequence[Sequence[int]], starts: Sequence[int] | None) -> np.ndarray:
        """Output of the scalar head for each answer, fp32, (B,)."""
        raw = np.zeros(len(sequences), dtype=np.float32)
        for part in shared_parts([np.array(ids) for ids in sequences], BATCH_TOKENS, in_order=False):
            values = self.model.values(*part.inputs(self.model.head_weight.device)).flatten()
            if self.pool == "stop":
                raw[part.rows] = values[[int(places[-1]) for places in part.places]].cpu().numpy()
                continue
            for row, places in zip(part.rows, part.places, strict=True):
                start = min(self._start(sequences[row]) if starts is None else int(starts[row]), len(places) - 1)
                raw[row] = float(values[places[start:]].mean())
        return raw

    def _start(self, sequence: Sequence[int]) -> int:
        """Where the last turn's text begins."""
        opening = opening_ids(self.tokenizer)
        if not opening:  # a template that writes answers right after questions
            return 0
        last = max(place for place, token in enumerate(sequence) if token == opening[0])
        return last + len(opening)

    @torch.no_grad()
    def confidence(self, sequences: Sequence[Sequence[int]], starts: Sequence[int] | None = None) -> np.ndarray:
        """For each answer, the mean over its tokens of log pi(token) - max log pi of the reference, fp32, <= 0, (B,).

        0 if greedy decoding of the sft model would give the same answer. starts: where each answer begins; by default
        the answer is the last turn of a sequence, which is wrong for a policy's samples: they may open a turn.
        """
        found = np.zeros(len(sequences), dtype=np.float32)
        reference = self.reference
        assert reference is not None, "a reward model without a reference weighs no confidence"
        device = reference.head_weight.device
        for part in shared_parts([np.array(ids) for ids in sequences], BATCH_TOKENS, in_order=False):
            hidden_MD = reference.hidden(*part.inputs(device)).flatten(0, 1)
            for row, places in zip(part.rows, part.places, strict=True):
                ids = torch.tensor(sequences[row])
                start = self._start(sequences[row]) if starts is None else int(starts[row])
                logits_NV = reference.logits(hidden_MD[places[start - 1 : -1]][None])[0]
                chosen_N = logits_NV.gather(1, ids[start:, None].to(device))[:, 0]
                if len(chosen_N):
                    found[row] = float((chosen_N - logits_NV.amax(1)).mean())
        return found

    def normalise_on(self, sequences: Sequence[Sequence[int]], starts: Sequence[int] | None = None) -> None:
        """Freeze mean and std to those of the scores of these sequences, which are samples of the sft model."""
        self.mean, self.std = 0.0, 1.0
        if not sequences:
            return
        scores = self.score_ids(sequences, starts)
        self.mean, self.std = float(scores.mean()), max(float(scores.std()), 1e-6)


def load_reward_model(
    directory: str | Path, device: str = "cpu", sft: tuple[Path, Transformer] | None = None
) -> RewardModel:
    """Load a reward model made by `firstwords reward` or `align`. Raises UserError if there is none.

    sft: a model in memory with its directory. If it is the reference, no second copy of it is loaded.
    """
    model = load_scalar_model(directory, device)
    data = whole_card(directory).get("data") or {}
    tokenizer = Tokenizer.load(directory)
    try:
        weight, mean, std = (float(data.get(k, d)) for k, d in (("confidence_weight", 0), ("mean", 0), ("std", 1)))
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{Path(directory) / CARD} is damaged ({error}): copy it again from its source") from None
    reference = _reference(Path(directory) / REFERENCE, device, sft) if weight else None
    pool = "mean" if data.get("pool") == "mean" else "stop"  # as the models of earlier versions read it
    return RewardModel(model, tokenizer, mean, std, weights_hash(model), reference, weight, pool)


def _reference(directory: Path, device: str, sft: tuple[Path, Transformer] | None) -> Transformer:
    if sft is not None:
        own, known = (read_card(path).get("weights_sha256") for path in (directory, sft[0]))
        if own and own == known:
            return sft[1]
    return load_model(directory, device=device).requires_grad_(False)


def ensemble_dirs(name: str) -> list[Path]:
    """All reward models of a model: runs/NAME/reward/model and member-*."""
    folder = home.run_dir(name, "reward")
    return [path for path in (folder / "model", *sorted(folder.glob("member-*"))) if home.is_model(path)]
