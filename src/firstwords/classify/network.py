"""The third step: a multilayer perceptron, for data that no line separates. Axes: N rows, F features, H hidden.

    network = fit(table, layers=2, width=16)           same use as songs.fit: network.probability(x_NF)
    network.hidden(x_NF)                               the rows after each layer
    bent(network, table)                               how the layers bend the plane, for a picture

Each hidden unit is a weighted sum followed by tanh; the output is a line as in the first step, but in the space that
the layers create. With layers=0, only that line remains.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from firstwords.classify import grid, measure, songs
from firstwords.classify.descent import Adam, sigmoid
from firstwords.classify.table import Table
from firstwords.config import UserError

LAYERS, WIDTH, STEPS = 2, 8, 800
RATE = 0.02  # Adam's, with cosine decay to zero
BETA_2 = 0.99  # Adam's
WEIGHT_DECAY = 1e-3  # on matrices; prevents overfitting on twenty songs
HELD_OUT = 0.15  # share of the rows used to choose the step whose weights are kept,
MIN_HELD_OUT_ROWS = 300  # if there are at least this many rows
CURVE_POINTS = 100
MAX_LAYERS, MAX_WIDTH = 8, 256
MESH_LINES, MESH_POINTS = 13, 60  # of the bent plane

Weights = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Network:
    """Layers (W_in_out, b_out) on standardised rows; the last has one output. curve: [{step, loss, held_out?}]."""

    mean_F: np.ndarray
    std_F: np.ndarray
    layers: Weights
    curve: list[dict[str, float]]
    kept_step: int

    def hidden(self, x_NF: np.ndarray) -> list[np.ndarray]:
        """[standardised rows, after the first layer, after the second ...]: each (N, width)."""
        return forward(self.layers, (x_NF - self.mean_F) / self.std_F)[0]

    def logit(self, x_NF: np.ndarray) -> np.ndarray:
        """Log-odds of the second class, (N,)."""
        return forward(self.layers, (x_NF - self.mean_F) / self.std_F)[1]

    def probability(self, x_NF: np.ndarray) -> np.ndarray:
        """Probability of the second class, (N,)."""
        return sigmoid(self.logit(x_NF))

    @property
    def num_parameters(self) -> int:
        """All weights and biases."""
        return sum(weight.size + bias.size for weight, bias in self.layers)


def fit(
    table: Table,
    layers: int = LAYERS,
    width: int = WIDTH,
    steps: int = STEPS,
    seed: int = 0,
    decay: float = WEIGHT_DECAY,
) -> Network:
    """Train a network of `layers` hidden layers of `width` units; both classes are weighted equally, as for the line.

    Full-batch Adam. With 300 rows or more, some are held out and the weights of the best step are kept. Raises
    UserError for sizes out of range.
    """
    check_size(layers, width)
    rng = np.random.default_rng(seed)
    mean_F, std_F = table.x_NF.mean(0), table.x_NF.std(0)
    std_F = np.where(std_F > 0, std_F, 1.0)
    is_held_N = rng.random(len(table.y_N)) < (HELD_OUT if len(table.y_N) >= MIN_HELD_OUT_ROWS else 0.0)
    share = table.y_N.mean()
    rows = Rows((table.x_NF - mean_F) / std_F, table.y_N, np.where(table.y_N > 0, 0.5 / share, 0.5 / (1 - share)))
    start = initial([table.x_NF.shape[1], *[width] * layers, 1], rng)
    # Synchronising threads makes such small products slower, not faster.
    with threadpool_limits(1, user_api="blas"):
        curve, kept_step, weights = _train(start, rows.where(~is_held_N), rows.where(is_held_N), steps, decay)
    return Network(mean_F, std_F, weights, curve, kept_step)


@dataclass(frozen=True)
class Rows:
    """Standardised rows, their classes, and how much each counts."""

    x_NF: np.ndarray
    y_N: np.ndarray
    weight_N: np.ndarray

    def where(self, is_chosen_N: np.ndarray) -> Rows:
        """Only the chosen rows."""
        return Rows(self.x_NF[is_chosen_N], self.y_N[is_chosen_N], self.weight_N[is_chosen_N])


def check_size(layers: int, width: int) -> None:
    """Raise UserError for sizes that are invalid or too large for this step."""
    if not 0 <= layers <= MAX_LAYERS:
        raise UserError(f"--layers is {layers}: use 0 (a line) to {MAX_LAYERS}")
    if not 1 <= width <= MAX_WIDTH:
        raise UserError(f"--width is {width}: use 1 to {MAX_WIDTH} units per layer")


def initial(sizes: Sequence[int], rng: np.random.Generator) -> Weights:
    """Weights with the variance of Glorot & Bengio (2010), biases zero; sizes from the input to the output."""
    return [
        (rng.normal(0, (2 / (fan_in + fan_out)) ** 0.5, (fan_in, fan_out)), np.zeros(fan_out))
        for fan_in, fan_out in itertools.pairwise(sizes)
    ]


def forward(weights: Weights, x_NF: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """([rows, after layer 1, after layer 2 ...], logits_N)."""
    values = [x_NF]
    for weight, bias in weights[:-1]:
        values.append(np.tanh(values[-1] @ weight + bias))
    weight, bias = weights[-1]
    return values, (values[-1] @ weight + bias)[:, 0]


def loss_and_gradients(weights: Weights, rows: Rows, decay: float = 0.0) -> tuple[float, Weights]:
    """Weighted mean cross-entropy (guessing gets log 2 = 0.693), and the gradients of this plus decay / 2 * |W|^2.

    Backpropagation: the error of the output is traced back, layer by layer, to each weight.
    """
    values, logits_N = forward(weights, rows.x_NF)
    total = rows.weight_N.sum()
    error_NH = (rows.weight_N * (sigmoid(logits_N) - rows.y_N) / total)[:, None]
    gradients = []
    for value_NH, (weight, _) in zip(reversed(values), reversed(weights), strict=True):
        gradients.append((value_NH.T @ error_NH + decay * weight, error_NH.sum(0)))
        error_NH = (error_NH @ weight.T) * (1 - value_NH**2)  # the derivative of tanh; not used for the rows themselves
    return cross_entropy(logits_N, rows), gradients[::-1]


def cross_entropy(logits_N: np.ndarray, rows: Rows) -> float:
    """Weighted mean of -log(probability of the correct class)."""
    each_N = np.logaddexp(0.0, np.where(rows.y_N > 0, -logits_N, logits_N))
    return float((rows.weight_N * each_N).sum() / rows.weight_N.sum())


def _train(
    start: Weights, train: Rows, held_out: Rows, steps: int, decay: float
) -> tuple[list[dict[str, float]], int, Weights]:
    """(curve, step whose weights are kept, weights)."""
    weights = [part for pair in start for part in pair]
    adam = Adam(weights, BETA_2)
    every = max(1, steps // CURVE_POINTS)
    curve, best, kept_step, kept = [], float("inf"), steps, weights
    for step in range(steps + 1):
        loss, gradients = loss_and_gradients(_pairs(weights), train, decay)
        if step % every == 0:
            row = {"step": step, "loss": loss}
            if len(held_out.y_N):
                row["held_out"] = cross_entropy(forward(_pairs(weights), held_out.x_NF)[1], held_out)
                if row["held_out"] < best:
                    best, kept_step, kept = row["held_out"], step, [w.copy() for w in weights]
            curve.append(row)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / (steps + 1)))
        adam.step((part for pair in gradients for part in pair), rate)
    return curve, kept_step, _pairs(kept)


def _pairs(flat: list[np.ndarray]) -> Weights:
    return list(zip(flat[::2], flat[1::2], strict=True))


def bent(network: Network, table: Table) -> list[dict[str, Any]]:
    """How each layer bends the plane: [{title, mesh: [[[x, y] ...] ...], points: [[x, y] ...]}].

    The first is the plane itself with a square mesh, the others the same mesh after each layer. Spaces of more than two
    dimensions are projected onto the first two principal components of the rows; for the last layer, the horizontal
    axis is the distance from the network's own line, which is therefore vertical at 0.
    """
    x_range, y_range = grid.bounds(table)
    mesh = _mesh(x_range, y_range)
    hidden_rows, hidden_mesh = network.hidden(table.x_NF), network.hidden(mesh.reshape(-1, 2))
    views = []
    for number, (rows, points) in enumerate(zip(hidden_rows, hidden_mesh, strict=True)):
        if number == 0:
            project: Callable[[np.ndarray], np.ndarray] = _same
        elif number == len(hidden_rows) - 1:
            project = _beside_the_line(rows, *network.layers[-1])
        else:
            project = _main_directions(rows)
        title = "the plane itself" if number == 0 else f"after layer {number}"
        is_last = 0 < number == len(hidden_rows) - 1
        bent_mesh = project(points).reshape(*mesh.shape).tolist()
        views.append({"title": title, "is_last": is_last, "mesh": bent_mesh, "points": project(rows).tolist()})
    return views


Projection = Callable[[np.ndarray], np.ndarray]


def _same(values: np.ndarray) -> np.ndarray:
    return values


def _main_directions(rows: np.ndarray, num: int = 2) -> Projection:
    """Projection onto the first principal components of the rows; a single unit is drawn along a line."""
    centre = rows.mean(0)
    directions = np.linalg.svd(rows - centre, full_matrices=False)[2][:num]
    pad = np.zeros((rows.shape[1], num - len(directions)))
    return lambda values: (values - centre) @ np.concatenate([directions.T, pad], 1)


def _beside_the_line(rows: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> Projection:
    """(distance from the last line, main direction along it): exact, so the line is at 0 in the picture."""
    length = float(np.linalg.norm(weight)) or 1.0
    across = weight[:, 0] / length

    def along(values: np.ndarray) -> np.ndarray:
        return values - np.outer(values @ across, across)

    main = _main_directions(along(rows), 1)
    return lambda values: np.stack([values @ across + bias[0] / length, main(along(values))[:, 0]], 1)


def _mesh(x_range: tuple[float, float], y_range: tuple[float, float]) -> np.ndarray:
    """Lines of a square mesh, (2 * MESH_LINES, MESH_POINTS, 2)."""
    fine, coarse = np.linspace(0, 1, MESH_POINTS), np.linspace(0, 1, MESH_LINES)
    upright = np.stack(np.broadcast_arrays(coarse[:, None], fine[None]), -1)
    lines = np.concatenate([upright, upright[..., ::-1]])
    low, high = np.array([x_range[0], y_range[0]]), np.array([x_range[1], y_range[1]])
    return low + lines * (high - low)


def ladder(table: Table, layers: int = LAYERS, width: int = WIDTH, steps: int = STEPS, seed: int = 0) -> list[Network]:
    """Networks of 0, 1 ... `layers` hidden layers on the same rows; the first is a line."""
    return [fit(table, number, width, steps, seed) for number in range(layers + 1)]


def report(
    table: Table,
    ladder: Sequence[Network],
    width: int = WIDTH,
    steps: int = STEPS,
    seed: int = 0,
    new: Sequence[Sequence[float]] = (),
    peer: bool = False,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """The last network of a ladder compared with the line, as plain data.

    {features, classes, counts ..., layers, width, parameters, steps: [{layers, parameters, kept_step, curve}], new,
    measured: {folds, majority, line, network, peer?}}; the measured networks are trained again on parts of the rows.
    """
    say = progress or (lambda _: None)
    layers = len(ladder) - 1
    say("cross-validating: training five times on four fifths of the rows and measuring on the rest")
    p_N = measure.cross_validated(lambda part: fit(part, layers, width, steps, seed), table)
    measured = {**measure.of_line(songs.fit, table), "network": measure.figures(p_N, table.y_N)}
    if peer:
        say("training scikit-learn's MLP on the same parts")
        measured["peer"] = measure.figures(measure.cross_validated(measure.fit_peer, table), table.y_N)
    return {
        **songs.describe(table),
        "layers": layers,
        "width": width,
        "parameters": ladder[-1].num_parameters,
        "steps": [
            {
                "layers": number,
                "parameters": network.num_parameters,
                "kept_step": network.kept_step,
                "curve": network.curve,
            }
            for number, network in enumerate(ladder)
        ],
        "measured": measured,
        "new": songs.verdicts(ladder[-1], table, new),
    }
