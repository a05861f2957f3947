"""Answers that share their prompt in one row: every state, loss and gradient is what it would be alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_rollout import tiny_model

from firstwords.rlhf.prefix_rows import groups_of, shared_parts
from firstwords.rlhf.rollout import chosen_logits, piece_logits, pieces_of
from firstwords.train.losses import token_logprobs

PROMPTS = [list(range(1, 6)) * 2, [5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 3], [2, 2]]
ANSWERS = [[[1, 2, 6], [6], [3, 3, 3, 3, 6]], [[4], [1, 2, 3, 4]], [[0, 6], [0, 0, 6]]]
SEQUENCES = [np.array(p + a) for p, answers in zip(PROMPTS, ANSWERS, strict=True) for a in answers]


def batch() -> dict[str, np.ndarray]:
    """The same answers as plain rows."""
    T = max(map(len, SEQUENCES)) - 1
    ids_BT, targets_BT = (np.zeros((len(SEQUENCES), T), dtype=np.int64) for _ in range(2))
    mask_BT = np.zeros((len(SEQUENCES), T), dtype=bool)
    lengths = [len(p) for p, answers in zip(PROMPTS, ANSWERS, strict=True) for _ in answers]
    for row, (sequence, prompt) in enumerate(zip(SEQUENCES, lengths, strict=True)):
        n = len(sequence) - 1
        ids_BT[row, :n], targets_BT[row, :n], mask_BT[row, prompt - 1 : n] = sequence[:-1], sequence[1:], True
    numbers_B = np.arange(len(SEQUENCES))
    return {"inputs": ids_BT, "mask": mask_BT, "chosen": targets_BT, "number": numbers_B}


def test_neighbours_share_a_prompt_that_is_long_enough() -> None:
    groups = groups_of(SEQUENCES)
    assert [(g.rows, g.shared) for g in groups[:2]] == [([0, 1, 2], 10), ([3, 4], 12)]
    assert [g.rows for g in groups[2:]] == [[5], [6]]
    for group in groups:
        tokens = group.shared + sum(len(SEQUENCES[row]) - group.shared for row in group.rows)
        assert group.width == tokens


@torch.no_grad()
@pytest.mark.parametrize("tokens", [1, 40, 10_000])
@pytest.mark.parametrize("in_order", [True, False])
def test_states_are_those_of_each_sequence_alone(tokens: int, in_order: bool) -> None:
    model, seen = tiny_model(), []
    for part in shared_parts(SEQUENCES, tokens, in_order):
        hidden_MD = model.hidden(*part.inputs("cpu")).flatten(0, 1)
        for row, places in zip(part.rows, part.places, strict=True):
            alone_TD = model.hidden(torch.from_numpy(SEQUENCES[row])[None])[0]
            torch.testing.assert_close(hidden_MD[places], alone_TD, rtol=1e-5, atol=1e-5)
            seen.append(row)
    assert sorted(seen) == list(range(len(SEQUENCES)))
    assert not in_order or seen == sorted(seen)


@pytest.mark.parametrize("tokens", [1, 40, 10_000])
def test_gradients_are_those_of_plain_rows(tokens: int) -> None:
    shared, plain, whole = tiny_model(), tiny_model(), batch()
    weights_N = torch.randn(int(whole["mask"].sum()), generator=torch.Generator().manual_seed(1))
    done, numbers = 0, []
    for piece in pieces_of(whole, tokens):
        piece = {key: torch.from_numpy(value) for key, value in piece.items()}
        logprobs_N = token_logprobs(piece_logits(shared, piece), piece["chosen"])
        (logprobs_N * weights_N[done : done + len(logprobs_N)]).sum().backward()
        done += len(logprobs_N)
        numbers += piece["number"].tolist()
    ids_BT, mask_BT, chosen_BT = (torch.from_numpy(whole[key]) for key in ("inputs", "mask", "chosen"))
    (token_logprobs(chosen_logits(plain, ids_BT, mask_BT), chosen_BT[mask_BT]) * weights_N).sum().backward()
    assert done == len(weights_N) and numbers == list(range(len(SEQUENCES)))
    for (name, one), other in zip(shared.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-5, msg=name)
        assert other.grad.abs().max() > 0


def test_rows_longer_than_the_context_hold_answers_that_are_not() -> None:
    """24 places for each sequence; three of them in one row need more."""
    prompt = np.array([1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 0, 2])
    long = [np.concatenate([prompt, np.full(11, token)]) for token in (1, 2, 3)]
    (part,) = shared_parts(long, 10_000)
    assert part.ids_RW.shape == (1, 12 + 3 * 11)
    model = tiny_model()
    with torch.no_grad():
        hidden_MD = model.hidden(*part.inputs("cpu")).flatten(0, 1)
        for sequence, places in zip(long, part.places, strict=True):
            torch.testing.assert_close(hidden_MD[places], model.hidden(torch.from_numpy(sequence)[None])[0])
