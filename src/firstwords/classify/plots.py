"""Pictures of the ladder, in colour-blind-safe colours (Okabe & Ito) and with a marker per class.

Each function takes plain results and returns a figure; `save` writes it. No global state of matplotlib is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from firstwords.classify import grid
from firstwords.classify.table import Classifier, Table

BLUE, ORANGE, INK, GREY = "#0072B2", "#D55E00", "#222222", "#8a8a8a"
COLOURS, MARKERS = (BLUE, ORANGE), ("o", "^")
SHADES = LinearSegmentedColormap.from_list("probability", ["#9cc7e3", "#ffffff", "#f2bd95"])
LEVELS = np.linspace(0, 1, 21)
GRID_SIZE = 160
FEW, MANY = 60, 1000  # rows: markers are large below FEW; at most MANY are drawn, small
DPI = 110
QUIET = 0.25  # a word with less than this share of the largest weight is drawn grey
LINE_STYLES = (":", "--", "-.", "-")


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, creating missing folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure).print_png(str(path))
    return path


def songs_figure(table: Table, classifier: Classifier, title: str, new: Sequence[Sequence[float]] = ()) -> Figure:
    """The rows, the line, shading by probability, and new rows as stars."""
    figure = Figure(figsize=(7.6, 5.2), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    new_NF = np.array(new, dtype=float).reshape(-1, 2)
    shading = draw_plane(axes, table, classifier, new_NF)
    draw_rows(axes, table)
    if len(new_NF):
        p_N = classifier.probability(new_NF)
        axes.scatter(
            new_NF[:, 0],
            new_NF[:, 1],
            s=230,
            marker="*",
            color=INK,
            edgecolor="white",
            linewidth=1,
            label="new",
            zorder=5,
        )
        for row, p in zip(new_NF, p_N, strict=True):
            box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.75}
            axes.annotate(
                f"{p:.0%} {table.classes[1]}",
                (row[0], row[1]),
                (9, 7),
                textcoords="offset points",
                color=INK,
                bbox=box,
                zorder=6,
            )
    axes.set_xlabel(_axis_name(table.features[0]))
    axes.set_ylabel(_axis_name(table.features[1]))
    axes.set_title(title, loc="left", fontsize=11)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(0, -0.12), ncols=3)
    bar = figure.colorbar(shading, ax=axes, ticks=[0, 0.25, 0.5, 0.75, 1], format=lambda p, _: f"{p:.0%}", pad=0.02)
    bar.set_label(f"probability of {table.classes[1]}")
    bar.outline.set_visible(False)
    return figure


def network_figure(table: Table, ladder: Sequence[Any], views: Sequence[dict[str, Any]], title: str) -> Figure:
    """Above: the boundary as layers are added. Below: the training curves, and how the last network bends the plane."""
    num = len(ladder)
    figure = Figure(figsize=(max(3.2 * num, 6.4), 6.6), dpi=DPI, layout="constrained")
    places = figure.subplots(2, num, squeeze=False)
    for number, network in enumerate(ladder):
        axes = places[0, number]
        draw_plane(axes, table, network)
        draw_rows(axes, table)
        right = np.mean((network.probability(table.x_NF) > 0.5) == table.y_N)
        name = "no hidden layer: a line" if number == 0 else f"{number} hidden layer{'s'[: number > 1]}"
        axes.set_title(f"{name}\n{right:.0%} of these rows correct", loc="left", fontsize=9)
        _bare(axes)
    draw_curves(places[1, 0], [network.curve for network in ladder])
    for axes, view in zip(places[1, 1:], views[1:], strict=False):  # the first view, the plane itself, is the row above
        draw_bent(axes, table, view)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    figure.legend(*places[0, 0].get_legend_handles_labels(), frameon=False, loc="outside upper right", ncols=2)
    return figure


def draw_plane(axes: Axes, table: Table, classifier: Classifier, more: np.ndarray | None = None) -> Any:
    """Shade the probability of the second class and draw where it is one half; returns the mappable for a colour
    bar."""
    plane = grid.boundary_grid(classifier, *grid.bounds(table, more), GRID_SIZE)
    shading = axes.contourf(plane["x"], plane["y"], plane["p"], levels=LEVELS, cmap=SHADES)
    p = np.array(plane["p"])
    if p.min() < 0.5 < p.max():
        axes.contour(plane["x"], plane["y"], p, levels=[0.5], colors=INK, linewidths=1.6)
    return shading


def draw_rows(axes: Axes, table: Table, points: np.ndarray | None = None) -> None:
    """Each row as a marker of its class, at its two numbers or at `points`; thinned evenly if there are many."""
    points = table.x_NF if points is None else points
    chosen = np.linspace(0, len(points) - 1, min(MANY, len(points))).astype(int)
    size, edge = (58, 0.9) if len(points) <= FEW else (16, 0.4) if len(points) < MANY else (7, 0.0)
    alpha = 1.0 if len(points) < MANY else 0.55
    for number, name in enumerate(table.classes):
        rows = points[chosen][table.y_N[chosen] == number]
        axes.scatter(
            rows[:, 0],
            rows[:, 1],
            s=size,
            marker=MARKERS[number],
            color=COLOURS[number],
            edgecolor="white",
            linewidth=edge,
            alpha=alpha,
            label=name,
            zorder=4 - number,
        )


def draw_curves(axes: Axes, curves: Sequence[Sequence[dict[str, float]]]) -> None:
    """The loss of each network during training; a thin line, if present, is for held-out rows."""
    for number, curve in enumerate(curves):
        steps, style = [row["step"] for row in curve], LINE_STYLES[min(number, len(LINE_STYLES) - 1)]
        colour = shade_of_depth(number / max(1, len(curves) - 1))
        name = "line" if number == 0 else f"{number} layer{'s'[: number > 1]}"
        axes.plot(steps, [row["loss"] for row in curve], style, color=colour, label=name)
        if "held_out" in curve[0]:
            axes.plot(steps, [row["held_out"] for row in curve], style, color=colour, linewidth=0.7, alpha=0.8)
    axes.set_title(
        "training: loss by step" + ("\n(thin: held-out rows)" if "held_out" in curves[0][0] else ""),
        loc="left",
        fontsize=9,
    )
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.legend(frameon=False, fontsize=8)


def shade_of_depth(share: float) -> tuple[float, float, float]:
    """From grey to ink: deeper layers are darker."""
    return (0.62 - 0.5 * share,) * 3


def draw_bent(axes: Axes, table: Table, view: dict[str, Any]) -> None:
    """The mesh of the plane and the rows after a layer; the line of the last layer is vertical at 0."""
    mesh = np.array(view["mesh"])
    axes.add_collection(LineCollection(list(mesh), colors=GREY, linewidths=0.5, alpha=0.55))
    draw_rows(axes, table, np.array(view["points"]))
    if view["is_last"]:
        axes.axvline(0, color=INK, linewidth=1.6)
    axes.autoscale_view()
    remark = "separated by a straight line" if view["is_last"] else "the square mesh is bent"
    axes.set_title(f"{view['title']}\n{remark}", loc="left", fontsize=9)
    _bare(axes)


def words_figure(panels: Sequence[tuple[str, Sequence[dict[str, Any]]]], classes: tuple[str, str]) -> Figure:
    """A plane of words {word, x, y, weight} for each (title, words), marked by the class they point to."""
    figure = Figure(figsize=(6.4 * len(panels), 6.2), dpi=DPI, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    places = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, words) in zip(places, panels, strict=True):
        for kind in (None, 0, 1):
            name = "neutral" if kind is None else f"points to {classes[kind]}"
            marker, colour = ("s", GREY) if kind is None else (MARKERS[kind], COLOURS[kind])
            mine = [w for w in words if _speaks(w, words) == kind]
            axes.scatter(
                [w["x"] for w in mine],
                [w["y"] for w in mine],
                marker=marker,
                color=colour,
                s=12 if kind is None else 34,
                linewidth=0,
                alpha=0.85,
                label=name,
            )
        axes.margins(0.09)
        axes.set_title(title, loc="left", fontsize=11)
        _bare(axes)
    handles = places[0].get_legend_handles_labels()
    figure.legend(*handles, frameon=False, loc="outside lower left", ncols=3)
    canvas.draw()  # computes the layout, so that words can be measured
    for axes, (_, words) in zip(places, panels, strict=True):
        _write_words(axes, words, canvas.get_renderer())
    return figure


def _speaks(word: dict[str, Any], words: Sequence[dict[str, Any]]) -> int | None:
    """0 or 1: the class that a word points to; None if its weight is small compared with the largest."""
    loudest = max(abs(w["weight"]) for w in words)
    return None if abs(word["weight"]) < QUIET * loudest else int(word["weight"] > 0)


def _write_words(axes: Axes, words: Sequence[dict[str, Any]], renderer: Any) -> None:
    """Label the words with the largest weights first; a label that would overlap another or leave the plane is
    omitted."""
    taken: list[Any] = []
    inside = axes.get_window_extent(renderer)
    for word in sorted(words, key=lambda w: -abs(w["weight"])):
        kind = _speaks(word, words)
        text = axes.annotate(
            word["word"],
            (word["x"], word["y"]),
            (4, 3),
            textcoords="offset points",
            fontsize=8.5,
            color=INK if kind is None else COLOURS[kind],
        )
        box = text.get_window_extent(renderer)
        if box.x1 > inside.x1 or box.y1 > inside.y1 or any(box.overlaps(other) for other in taken):
            text.remove()
        else:
            taken.append(box)


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#cccccc")


def _axis_name(feature: str) -> str:
    return {"tempo": "tempo (beats per minute)", "energy": "energy (0 calm, 1 loud and fast)"}.get(feature, feature)
