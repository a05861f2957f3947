"""The network: its gradients, known answers, and pictures of bent space that are what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from firstwords.classify import measure, network, shapes, songs
from firstwords.classify.table import Table
from firstwords.config import UserError


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_backpropagation_is_autograds(layers: int) -> None:
    rng = np.random.default_rng(0)
    weights = network.initial([2, *[5] * layers, 1], rng)
    rows = network.Rows(rng.normal(size=(12, 2)), np.arange(12) % 2, rng.uniform(0.5, 2, 12))
    loss, gradients = network.loss_and_gradients(weights, rows, decay=0.3)
    parts = [torch.tensor(p, requires_grad=True) for pair in weights for p in pair]
    x = torch.tensor(rows.x_NF)
    for w, b in zip(parts[:-2:2], parts[1:-2:2], strict=True):
        x = torch.tanh(x @ w + b)
    logits = (x @ parts[-2] + parts[-1])[:, 0]
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, torch.tensor(rows.y_N, dtype=torch.float64), reduction="none"
    )
    weight = torch.tensor(rows.weight_N)
    expected = (weight * each).sum() / weight.sum()
    assert loss == pytest.approx(expected.item(), abs=1e-12)
    (expected + 0.15 * sum(w.square().sum() for w in parts[::2])).backward()
    for ours, theirs in zip([g for pair in gradients for g in pair], parts, strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), atol=1e-12)


def test_no_hidden_layer_is_the_line() -> None:
    """Without hidden layers the network learns what scikit-learn's logistic regression learns."""
    rng = np.random.default_rng(2)
    y_N = np.arange(290) % 2  # so few that none is held out
    table = Table(("a", "b"), ("x", "y"), rng.normal(y_N[:, None] * [1.0, 0.5], 1.0, (290, 2)), y_N)
    ours = network.fit(table, layers=0, decay=0.0, steps=600)
    assert ours.probability(table.x_NF) == pytest.approx(songs.fit(table).probability(table.x_NF), abs=0.03)


@pytest.mark.parametrize(("name", "layers"), [("moons", 1), ("spiral", 2)])
def test_what_no_line_separates(name: str, layers: int) -> None:
    train, fresh = shapes.SHAPES[name](seed=0), shapes.SHAPES[name](seed=1)
    right = {
        what: ((fit(train).probability(fresh.x_NF) > 0.5) == fresh.y_N).mean()
        for what, fit in (("line", songs.fit), ("network", lambda t: network.fit(t, layers)))
    }
    assert right["line"] < 0.93 and right["network"] > right["line"] + 0.04


def test_same_seed_same_network_and_shapes() -> None:
    assert (shapes.spiral(seed=3).x_NF == shapes.spiral(seed=3).x_NF).all()
    assert (shapes.spiral(seed=3).x_NF != shapes.spiral(seed=4).x_NF).any()
    table = songs.songs()
    once, again, other = (network.fit(table, 1, 4, 50, seed=s).logit(table.x_NF) for s in (0, 0, 1))
    assert (once == again).all() and (once != other).any()


def test_rows_are_held_out_when_there_are_enough() -> None:
    """Random labels: the weights of an early step are kept, not those that have memorised the labels."""
    rng = np.random.default_rng(0)
    table = Table(("a", "b"), ("x", "y"), rng.normal(size=(400, 2)), rng.permutation([0, 1] * 200))
    found = network.fit(table, 2, 32, 600)
    assert found.curve[-1]["loss"] < 0.65 and found.kept_step < 300
    assert min(row["held_out"] for row in found.curve) == next(
        row["held_out"] for row in found.curve if row["step"] == found.kept_step
    )
    assert "held_out" not in network.fit(songs.songs(), 1, 4, 20).curve[0]


@pytest.mark.parametrize(("layers", "width"), [(1, 2), (2, 8), (1, 1)])
def test_bent_space_keeps_the_networks_line_at_zero(layers: int, width: int) -> None:
    table = shapes.moons(seed=0)
    found = network.fit(table, layers, width, 200)
    views = network.bent(found, table)
    assert [v["is_last"] for v in views] == [False] * layers + [True]
    assert np.array(views[0]["mesh"]).shape == (26, 60, 2)
    length = np.linalg.norm(found.layers[-1][0])
    distance = np.array(views[-1]["points"])[:, 0]
    np.testing.assert_allclose(distance * length, found.logit(table.x_NF), atol=1e-9)
    json.dumps(views, allow_nan=False)


def test_report_has_line_and_network_side_by_side() -> None:
    table = shapes.spiral(num=80)
    result = network.report(table, network.ladder(table, 1, 6, 100), 6, 100, new=[(0.0, 0.0)])
    assert [s["layers"] for s in result["steps"]] == [0, 1] and result["parameters"] == 2 * 6 + 6 + 6 + 1
    assert set(result["measured"]) == {"folds", "majority", "line", "network"} and len(result["new"]) == 1
    json.dumps(result, allow_nan=False)


def test_the_peer_sees_balanced_classes() -> None:
    rng = np.random.default_rng(3)
    y_N = np.array([0] * 180 + [1] * 20)
    table = Table(("a", "b"), ("x", "y"), rng.normal(y_N[:, None] * 1.5, 1.0, (200, 2)), y_N)
    p_N = measure.fit_peer(table).probability(table.x_NF)
    assert (p_N[y_N == 1] > 0.5).mean() > 0.7, "one row in ten is found as well as the others"


@pytest.mark.parametrize(("layers", "width", "what"), [(-1, 4, "--layers"), (9, 4, "--layers"), (1, 0, "--width")])
def test_sizes_that_make_no_sense(layers: int, width: int, what: str) -> None:
    with pytest.raises(UserError, match=what):
        network.fit(songs.songs(), layers, width)
