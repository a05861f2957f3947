"""Line charts, interval bars and reliability plots as inline SVG: no JavaScript library; the page's CSS variables give
the colours.

All functions are pure: numbers in, a string of SVG out. A reliability plot is also written as a separate file, with its
own colours. Text is escaped here, so that the result can be marked safe.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

Points = Sequence[tuple[float, float]]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 820, 56, 18, 14, 42
MAX_POINTS = 600  # per line; more would be invisible and slow down the page


@dataclass(frozen=True)
class Line:
    """One line of a chart. `style` is a CSS class: "main", "faint" or "dots"."""

    name: str
    points: Points
    style: str = "main"


def line_chart(lines: Sequence[Line], x_label: str, y_label: str, height: int = 260, from_zero: bool = False) -> str:
    """An SVG with axes, ticks, grid and one path per line, or a sentence if there is nothing to draw."""
    lines = [Line(line.name, _finite(line.points), line.style) for line in lines]
    every = [p for line in lines for p in line.points]
    if len(every) < 2:
        return '<p class="none">Too few measurements for a curve.</p>'
    x_low, x_high = 0.0, max(p[0] for p in every) or 1.0
    y_low, y_high = (0.0 if from_zero else min(p[1] for p in every)), _typical_high([p[1] for p in every])
    y_ticks = ticks(y_low, y_high, 5)
    y_low, y_high = min(y_low, y_ticks[0]), max(y_high, y_ticks[-1])
    span = (y_high - y_low) or 1.0
    bottom = height - BOTTOM

    def x(value: float) -> float:
        return LEFT + (value - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (1 - (min(value, y_high) - y_low) / span) * (bottom - TOP)

    parts = [
        _axes(
            [(x(t), _number(t)) for t in ticks(x_low, x_high, 8) if t <= x_high],
            [(y(t), _number(t)) for t in y_ticks],
            bottom,
        )
    ]
    for line in lines:
        points = thin(line.points, MAX_POINTS)
        if line.style == "dots":
            parts += [
                f'<circle class="dots" cx="{x(a):.1f}" cy="{y(b):.1f}" r="3.5"><title>{escape(line.name)}: '
                f"{b:.3f}</title></circle>"
                for a, b in points
            ]
        elif points:
            path = "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in points)
            parts.append(f'<path class="{escape(line.style)}" d="M{path}"><title>{escape(line.name)}</title></path>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="label" x="{middle}" y="{height - 6}" text-anchor="middle">{escape(x_label)}</text>')
    parts.append(
        f'<text class="label" transform="translate(13 {(TOP + bottom) / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(y_label)}</text>'
    )
    return _svg(height, f"{y_label} over {x_label}", parts)


def interval_bars(rows: Sequence[tuple[str, float, float, float, int]]) -> str:
    """Horizontal bars of rates with their intervals: rows are (name, rate, low, high, n), all rates 0..1."""
    if not rows:
        return ""
    left, right, row_height = 210, 150, 34
    height = row_height * len(rows) + 30
    scale = WIDTH - left - right
    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        at = left + share * scale
        parts.append(f'<line class="grid" x1="{at}" x2="{at}" y1="4" y2="{height - 24}"/>')
        parts.append(f'<text x="{at}" y="{height - 8}" text-anchor="middle">{share:.0%}</text>')
    for number, (name, rate, low, high, n) in enumerate(rows):
        top = 6 + number * row_height
        middle = top + 11
        parts.append(f'<text class="name" x="{left - 12}" y="{middle + 5}" text-anchor="end">{escape(name)}</text>')
        parts.append(f'<rect class="bar" x="{left}" y="{top}" width="{max(rate * scale, 1):.1f}" height="22" rx="4"/>')
        a, b = left + low * scale, left + high * scale
        ends = f"M{a:.1f} {middle - 5}v10M{b:.1f} {middle - 5}v10"
        parts.append(f'<path class="whisker" d="{ends}M{a:.1f} {middle}H{b:.1f}"/>')
        parts.append(
            f'<text class="value" x="{WIDTH - right + 16}" y="{middle + 5}">{rate:.1%}'
            f'<tspan class="n" dx="8">of {n:,}</tspan></text>'
        )
    return _svg(height, "rates with their intervals", parts)


# Literal colours, twice: not every SVG viewer supports variables; viewers without media queries use the light ones.
_INK = """.reliability .paper{{fill:{paper}}}.reliability text{{fill:{quiet}}}.reliability .title{{fill:{ink}}}\
.reliability .grid{{stroke:{line}}}.reliability .ideal{{stroke:{quiet}}}.reliability .bar{{fill:{soft}}}\
.reliability .whisker{{stroke:{ink}}}.reliability .dots{{fill:{warm};stroke:{paper}}}"""
_LIGHT = {
    "paper": "#ffffff",
    "ink": "#23262b",
    "quiet": "#6c7078",
    "line": "#e5e2da",
    "soft": "#a9c9c8",
    "warm": "#c4713b",
}
_DARK = {
    "paper": "#1e2226",
    "ink": "#e6e4df",
    "quiet": "#9a9da3",
    "line": "#31363b",
    "soft": "#3d6668",
    "warm": "#e09a66",
}
_RELIABILITY_STYLE = (
    ".reliability{font:13px system-ui,sans-serif}.reliability .title{font-size:17px}.reliability path{fill:none}"
    ".reliability .ideal{stroke-width:1.5;stroke-dasharray:6 5}.reliability .whisker{stroke-width:1.5}"
    f"{_INK.format(**_LIGHT)}@media (prefers-color-scheme:dark){{{_INK.format(**_DARK)}}}"
)


def small_reliability(rows: Sequence[Mapping[str, float]]) -> str:
    """Confidence in the chosen answer against the share of right ones per bin, both 0 to 1, with intervals; the dashed
    diagonal is perfect calibration. rows: as for `reliability_plot`.
    """
    size, edge = 240, 30
    inner = size - edge - 10

    def x(share: float) -> float:
        return edge + share * inner

    def y(share: float) -> float:
        return 10 + (1 - share) * inner

    parts = []
    for share in (0, 0.5, 1):
        parts.append(f'<line class="grid" x1="{x(0)}" x2="{x(1)}" y1="{y(share)}" y2="{y(share)}"/>')
        parts.append(f'<text x="{x(share)}" y="{size - 8}" text-anchor="middle">{share:.0%}</text>')
        parts.append(f'<text x="{edge - 4}" y="{y(share) + 4}" text-anchor="end">{share:.0%}</text>')
    parts.append(f'<path class="whisker" stroke-dasharray="5 5" d="M{x(0)} {y(0)}L{x(1)} {y(1)}"/>')
    for row in rows:
        at, low, high = x(row["confidence"]), y(row["low"]), y(row["high"])
        parts.append(f'<path class="main" d="M{at:.1f} {low:.1f}V{high:.1f}"/>')
        parts.append(
            f'<circle class="dots" cx="{at:.1f}" cy="{y(row["accuracy"]):.1f}" r="4"><title>confidence '
            f"{row['confidence']:.1%}, right {row['accuracy']:.1%} of {row['n']:,}</title></circle>"
        )
    name = "confidence against the share of right answers"
    return (
        f'<svg viewBox="0 0 {size} {size}" role="img" aria-label="{name}" xmlns="http://www.w3.org/2000/svg">'
        f"{''.join(parts)}</svg>"
    )


def reliability_plot(rows: Sequence[Mapping[str, float]], ece: float) -> str:
    """Predicted probability against observed share per bin, with intervals; the diagonal is perfect calibration.

    rows: bins with confidence, accuracy, low, high, n (`report_card.calibration`). Bars at the bottom: pairs in each
    bin.
    """
    if not rows:
        return ""
    height, top, foot = 460, 52, 56
    bottom = height - BOTTOM
    most = max(row["n"] for row in rows)

    def x(chance: float) -> float:
        return LEFT + (chance - 0.5) / 0.5 * (WIDTH - LEFT - 2 * RIGHT)

    def y(share: float) -> float:
        return top + (1 - share) * (bottom - top)

    fifths = [i / 10 for i in range(0, 11, 2)]
    xs = [(x(t / 10), f"{t / 10:.0%}") for t in range(5, 11)]
    parts = [
        f"<style>{_RELIABILITY_STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="12"/>',
        f'<text class="title" x="{LEFT}" y="30">Is the reward model calibrated? Mean gap (ECE) {ece:.3f}, '
        f"{sum(row['n'] for row in rows):,} held-out pairs</text>",
        _axes(xs, [(y(t), f"{t:.0%}") for t in fifths], bottom),
    ]
    for row in rows:
        tall = row["n"] / most * foot
        parts.append(
            f'<rect class="bar" x="{x(row["confidence"]) - 11:.1f}" y="{bottom - tall:.1f}" width="22" '
            f'height="{tall:.1f}" rx="2"/>'
        )
    parts.append(f'<path class="ideal" d="M{x(0.5):.1f} {y(0.5):.1f}L{x(1):.1f} {y(1):.1f}"/>')
    for row in rows:
        at, low, high = x(row["confidence"]), y(row["low"]), y(row["high"])
        parts.append(
            f'<path class="whisker" d="M{at - 5:.1f} {low:.1f}h10M{at - 5:.1f} {high:.1f}h10'
            f'M{at:.1f} {low:.1f}V{high:.1f}"/>'
        )
        parts.append(
            f'<circle class="dots" cx="{at:.1f}" cy="{y(row["accuracy"]):.1f}" r="5"><title>predicted '
            f"{row['confidence']:.1%}, correct {row['accuracy']:.1%} ({row['low']:.1%}-{row['high']:.1%}) of "
            f"{row['n']:,}</title></circle>"
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{height - 6}" text-anchor="middle">predicted probability of the answer with '
        f"the higher score (bars: pairs, {most:,} in the tallest)</text>"
    )
    parts.append(
        f'<text transform="translate(13 {(top + bottom) / 2}) rotate(-90)" text-anchor="middle">share of them '
        "that people chose</text>"
    )
    return _svg(height, "predicted probabilities against observed shares", parts, "reliability")


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round numbers that cover low..high in about `count` steps of 1, 2 or 5 times a power of ten.

    >>> ticks(0, 10, 5)
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    """
    span = (high - low) or abs(high) or 1.0
    rough = span / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 10) for n in range(first, last + 1)]


def smooth(points: Points, share: float = 0.02) -> list[tuple[float, float]]:
    """Running median over a centred window of about `share` of the points: no lag, and robust to spikes.

    The window shrinks towards both ends.
    """
    points = _finite(points)
    half = max(1, int(len(points) * share / 2))
    values = [b for _, b in points]
    reach = [min(half, i, len(points) - 1 - i) for i in range(len(points))]
    return [(a, median(values[i - r : i + r + 1])) for i, ((a, _), r) in enumerate(zip(points, reach, strict=True))]


def thin(points: Points, most: int) -> list[tuple[float, float]]:
    """At most `most` of the points, evenly spread, always including the last."""
    if len(points) <= most:
        return list(points)
    return [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]


def _typical_high(values: list[float]) -> float:
    """The largest value, ignoring a few outliers (a first step, a spike) that would flatten the rest."""
    ordered = sorted(values)
    usual = ordered[int(0.98 * (len(ordered) - 1))]
    low = ordered[0]
    return usual if len(ordered) > 50 and ordered[-1] - low > 2 * (usual - low) else ordered[-1]


def _finite(points: Points) -> list[tuple[float, float]]:
    return [(a, b) for a, b in points if a is not None and b is not None and math.isfinite(a) and math.isfinite(b)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


def _axes(xs: list[tuple[float, str]], ys: list[tuple[float, str]], bottom: float) -> str:
    across = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>'
        f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{text}</text>'
        for at, text in ys
    )
    down = "".join(f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{text}</text>' for at, text in xs)
    return across + down


def _svg(height: float, name: str, parts: list[str], style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return (
        f'<svg{named} viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(name)}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )
