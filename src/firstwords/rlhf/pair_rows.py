"""Pairs of answers as ids and as padded batches, for the reward model and for DPO."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from firstwords import home
from firstwords.data.packing import EpochOrder
from firstwords.model.card import trained_context
from firstwords.model.config import ModelConfig
from firstwords.model.lora import Lora
from firstwords.model.transformer import Transformer
from firstwords.plan.budget import Machine
from firstwords.plan.chat_sizes import LONGEST_ROW
from firstwords.plan.footprint import Footprint, free_bytes, needs
from firstwords.preferences.records import Preference, TooFewError
from firstwords.rlhf.prefix_rows import pairs_of, shared_parts
from firstwords.rlhf.reward_model import answer_ids, closed, padded
from firstwords.rlhf.rollout import chosen_logits
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids
from firstwords.train import adapters
from firstwords.train.distributed.sharding import micro_rows
from firstwords.train.losses import linear_logprobs, token_logprobs

BATCH_PAIRS = 16
MICRO_TOKENS = 1024  # of a micro-batch for a scalar model, padding included: rows of similar length
MOST_LOGITS = 1 << 24  # of a micro-batch that are kept; a larger vocabulary's are computed in chunks, and again
CONTEXT = "this model's context"
LEAST_HELDOUT = 16  # pairs, of an open model
HELDOUT_PER_PAIR = 0.125  # held-out pairs per pair that an open model is trained on


class PairRows:
    """Pairs as ids; their order is a pure function of (seed, step).

    need: memory of training on them (see `footprint_of`), which sets the size of micro-batches; None: one micro-batch
    per step. `pairs` holds the answers as they are.
    """

    recompute_above: int | None = None  # see `Transformer`

    def __init__(
        self,
        pairs: Sequence[Preference],
        tokenizer: Tokenizer,
        limit: int,
        seed: int,
        need: Callable[[PairRows], Footprint] | None = None,
        lora: Lora | None = None,
    ) -> None:
        fitting, self.left_out = that_fit(pairs, tokenizer, limit)
        self.pairs = [
            (*pair_ids(pair, tokenizer), len(chat_ids(tokenizer, pair.prompt)), pair.margin) for pair in fitting
        ]
        self._closed = partial(closed, tokenizer=tokenizer, limit=limit)
        self.batch_pairs = min(BATCH_PAIRS, len(self.pairs))
        self._order = EpochOrder(len(self.pairs), seed)
        self.micro_pairs, self.memory = self.batch_pairs, ""
        if need is not None:
            self.fit(need(self), lora)

    def fit(self, need: Footprint, lora: Lora | None = None) -> None:
        """Choose the number of pairs per micro-batch."""
        free, wanted = free_bytes(need.device), self.batch_pairs * need.row_tokens
        advice = "use shorter answers or a smaller model" + ("" if lora else ", or train an adapter (--lora 16)")
        tokens, self.recompute_above, size = adapters.fitted(need, lora, wanted, free, advice)
        self.micro_pairs = micro_rows(tokens // need.row_tokens, self.batch_pairs)
        self.memory = needs(size, free)

    @property
    def longest(self) -> int:
        """Tokens of the longest answer with its prompt."""
        return max(max(len(row[0]), len(row[1])) for row in self.pairs)

    @property
    def answer_share(self) -> float:
        """Tokens of the longest pair of answers, as a share of the positions that a pair takes in a batch."""
        return max(len(row[0]) + len(row[1]) - 2 * row[2] for row in self.pairs) / (2 * self.longest)

    @property
    def mean_length(self) -> int:
        return max(1, round(sum(len(row[0]) + len(row[1]) for row in self.pairs) / (2 * len(self.pairs))))

    def shift_margins(self, shifts_P: np.ndarray) -> None:
        """Add a number to each pair's margin, to subtract a difference that is already explained otherwise."""
        self.pairs = [(*pair[:3], pair[3] + float(shift)) for pair, shift in zip(self.pairs, shifts_P, strict=True)]

    def _indices(self, step: int) -> np.ndarray:
        """Which pairs a step trains on, (P,)."""
        return self._order.at(np.arange(step * self.batch_pairs, (step + 1) * self.batch_pairs))[1]

    def batches(self, step: int) -> list[dict[str, np.ndarray]]:
        """The pairs of a step, as micro-batches."""
        indices = self._indices(step)
        return [self.take(indices[i : i + self.micro_pairs]) for i in range(0, len(indices), self.micro_pairs)]

    def shared_batches(self, step: int) -> list[dict[str, np.ndarray]]:
        """The pairs of a step as micro-batches for a scalar model. A row holds a prompt and both of its answers, which
        get a stop token if they have none.

        inputs, positions and segments (R, W), see prefix_rows.py; places (N,) of the answers' own tokens in the rows,
        one after the other; owners (N,), to which of the 2P answers each belongs, the chosen ones first; margins (P,).
        """
        pairs = [self.pairs[i] for i in self._indices(step)]
        answers = [np.array(self._closed(row[side]), dtype=np.int64) for row in pairs for side in (0, 1)]
        tokens = min(MICRO_TOKENS, self.micro_pairs * 2 * self.longest)
        found = []
        for part in shared_parts(answers, tokens, in_order=False, groups=pairs_of(answers)):
            own = [places[pairs[row // 2][2] :] for row, places in zip(part.rows, part.places, strict=True)]
            P = len(own) // 2
            owners = [np.full(len(places), n % 2 * P + n // 2) for n, places in enumerate(own)]
            assert part.positions_RW is not None and part.segments_RW is not None  # every row holds two answers
            found.append(
                {
                    "inputs": part.ids_RW,
                    "positions": part.positions_RW,
                    "segments": part.segments_RW,
                    "places": np.concatenate(own),
                    "owners": np.concatenate(owners),
                    "margins": np.array([pairs[row // 2][3] for row in part.rows[::2]], dtype=np.float32),
                }
            )
        return found

    def parts(self) -> Iterator[range]:
        """The indices of all pairs, one micro-batch at a time."""
        for start in range(0, len(self.pairs), self.micro_pairs):
            yield range(start, min(start + self.micro_pairs, len(self.pairs)))

    def take(self, indices: Sequence[int] | np.ndarray) -> dict[str, np.ndarray]:
        """inputs (2P, T), the chosen answers first; mask (2P, T - 1), True where the next token is one of the answer;
        margins (P,).
        """
        rows = [self.pairs[i] for i in indices]
        inputs, lengths = padded([row[0] for row in rows] + [row[1] for row in rows])
        starts = np.array([row[2] for row in rows] * 2)
        places = np.arange(1, inputs.shape[1])
        mask = (places >= starts[:, None]) & (places < lengths[:, None])
        margins = np.array([row[3] for row in rows], dtype=np.float32)
        return {"inputs": inputs, "mask": mask, "margins": margins}


def footprint_of(
    config: ModelConfig, device: str, has_logits: bool, lora: Lora | None = None, shared: int = 0
) -> Callable[[PairRows], Footprint]:
    """Memory for training on pairs, with a frozen model of the same size; a row is a pair of the longest answers.

    has_logits: the loss needs the logits of all tokens of the answers (DPO's does). shared: 1 if the frozen model has
    the same tensors as the one that gets the adapter.
    """

    def need(rows: PairRows) -> Footprint:
        share = rows.answer_share if has_logits else 0.0
        row = 2 * rows.longest
        whole = Footprint(
            config,
            row,
            "adamw",
            "fp32",
            device,
            is_packed=not has_logits,
            logit_share=share,
            frozen=1,
            most_logits=MOST_LOGITS,
        )
        return adapters.footprint(whole, lora, config, shared)

    return need


def is_open(sft: Path) -> bool:
    """Whether a model was imported, so that neither its size nor its context was planned for this machine."""
    return trained_context(home.stage_dir(sft.parent.name, home.root(sft.parent.name))) is None


def longest_row(sft: Path, config: ModelConfig) -> int:
    """Tokens that a prompt and its answer may have in training."""
    limit = config.max_position_embeddings
    return min(limit, LONGEST_ROW) if is_open(sft) else limit


def row_name(limit: int, config: ModelConfig) -> str:
    """What `longest_row` is the length of."""
    return CONTEXT if limit == config.max_position_embeddings else "a training row"


def heldout_of(sft: Path, heldout: list[Preference], num_trained: float) -> list[Preference]:
    """The held-out pairs to measure on: all, or for an open model as many as suit the pairs it is trained on."""
    return heldout[: max(LEAST_HELDOUT, round(HELDOUT_PER_PAIR * num_trained))] if is_open(sft) else heldout


def pair_seconds(config: ModelConfig, length: int, this: Machine, lora: Lora | None) -> float:
    """Seconds to train on a pair of answers of `length` tokens, the forward pass of the frozen model included."""
    work = (1.0 if lora is None else adapters.WORK) + 1 / 3
    return 2 * length * config.flops_per_token(length) * work / this.gflops_at(config.hidden_size) / 1e9


def pair_ids(pair: Preference, tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Ids of the chosen and the rejected answer, each with the prompt: as sampled, or else encoded from the text."""
    prompt = chat_ids(tokenizer, pair.prompt)
    sides = ((pair.chosen_ids, pair.chosen), (pair.rejected_ids, pair.rejected))
    chosen, rejected = ([*prompt, *ids] if ids else answer_ids(tokenizer, pair.prompt, text) for ids, text in sides)
    return chosen, rejected


def that_fit(
    pairs: Sequence[Preference], tokenizer: Tokenizer, limit: int, what: str = CONTEXT
) -> tuple[list[Preference], int]:
    """(pairs whose answers, with their prompt, fit a context of `limit` tokens; how many do not). what: its name.

    The ids are stored in the pairs, so that nothing is encoded twice. Raises TooFewError, with the lengths, if too few
    are left to train on some and hold out others.
    """
    found: list[Preference] = []
    lengths: list[int] = []
    for pair in pairs:
        chosen, rejected = pair_ids(pair, tokenizer)
        lengths.append(max(len(chosen), len(rejected)))
        if lengths[-1] <= limit:
            start = len(chat_ids(tokenizer, pair.prompt))
            found.append(replace(pair, chosen_ids=tuple(chosen[start:]), rejected_ids=tuple(rejected[start:])))
    if len({pair.prompt_key for pair in found}) < min(2, len({pair.prompt_key for pair in pairs})):
        raise TooFewError(
            f"only {len(found)} of the {len(pairs):,} preferences fit {what} of {limit} tokens (prompt "
            f"and answer have {min(lengths):,} to {max(lengths):,}): use shorter ones, or a model with a longer "
            "context"
        )
    return found, len(pairs) - len(found)


def on_device(model: Transformer, batch: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """A batch as tensors on the model's device."""
    return {key: torch.from_numpy(value).to(model.head_weight.device) for key, value in batch.items()}


def answer_logprobs(model: Transformer, batch: dict[str, Tensor]) -> Tensor:
    """Summed log-probability of each row's answer, including the stop token, (2P,)."""
    mask_BT, ids_BT = batch["mask"], batch["inputs"]
    targets_N = ids_BT[:, 1:][mask_BT]
    if len(targets_N) * model.config.vocab_size > MOST_LOGITS:
        logprobs_N = linear_logprobs(model.hidden(ids_BT[:, :-1])[mask_BT], model.head_weight, targets_N)
    else:
        logprobs_N = token_logprobs(chosen_logits(model, ids_BT[:, :-1], mask_BT), targets_N)
    rows_N = mask_BT.nonzero()[:, 0]
    return torch.zeros(len(ids_BT), device=ids_BT.device).index_add(0, rows_N, logprobs_N)
