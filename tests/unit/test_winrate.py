"""Win rates: intervals that cover, verdicts that wait for the evidence, lengths taken out."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from firstwords.config import UserError
from firstwords.eval.report_card import as_svg, as_text, report_card
from firstwords.eval.winrate import Comparison, best_of_n_kl, length_controlled, order_consistency, win_rate
from firstwords.stats import cluster_interval, confidence_sequence, effective_size, pairs_needed, student, wilson


def rows(outcomes, samples: int = 1) -> list[Comparison]:
    return [Comparison(f"prompt {i // samples}", float(o)) for i, o in enumerate(outcomes)]


def test_counts_ties_and_a_verdict() -> None:
    result = win_rate(rows([1] * 70 + [0.5] * 10 + [0] * 20))
    assert (result.wins, result.ties, result.losses, result.n, result.num_prompts) == (70, 10, 20, 100, 100)
    assert result.win_rate == 0.75 and result.low > 0.5 and result.verdict == "better" and result.more_needed is None
    with pytest.raises(UserError, match="nothing to compare"):
        win_rate([])


def test_swapping_the_sides_mirrors_everything() -> None:
    outcomes = np.random.default_rng(0).choice([0, 0.5, 1], 90, p=[0.2, 0.2, 0.6])
    for samples in (1, 3):
        one, other = win_rate(rows(outcomes, samples)), win_rate(rows(1 - outcomes, samples))
        assert (one.wins, one.losses) == (other.losses, other.wins)
        assert one.win_rate == pytest.approx(1 - other.win_rate)
        assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))
        assert (one.always_low, one.always_high) == pytest.approx((1 - other.always_high, 1 - other.always_low))
        assert {one.verdict, other.verdict} == {"better", "worse"}


def test_little_evidence_says_how_much_more_is_needed() -> None:
    result = win_rate(rows([1] * 11 + [0] * 9))
    assert result.verdict == "not yet shown" and result.more_needed == 783 - 20
    assert win_rate(rows([1, 0] * 10)).more_needed is None  # nothing to show


def test_the_planners_figures() -> None:
    assert [pairs_needed(rate) for rate in (0.55, 0.60, 0.65, 0.70)] == [783, 194, 85, 47]
    assert pairs_needed(0.40) == pairs_needed(0.60)
    with pytest.raises(UserError, match="cannot be distinguished"):
        pairs_needed(0.5)


def test_wilson_contains_the_rate_itself_at_both_ends() -> None:
    for n in range(1, 600):
        assert wilson(0, n)[0] == 0 and wilson(n, n)[1] == 1


@pytest.mark.parametrize("true_rate", [0.5, 0.7])
def test_wilson_covers(true_rate: float) -> None:
    wins = np.random.default_rng(1).binomial(100, true_rate, 2000)
    covered = [low <= true_rate <= high for low, high in (wilson(w, 100) for w in wins)]
    assert 0.93 <= np.mean(covered) <= 0.97


def alike(prompts: int, samples: int, rate: float, correlation: float, sims: int = 2000) -> np.ndarray:
    """Wins of each prompt (sims, prompts): every prompt has its own rate, drawn from a beta distribution around it."""
    random, strength = np.random.default_rng(2), (1 - correlation) / correlation
    return random.binomial(samples, random.beta(rate * strength, (1 - rate) * strength, size=(sims, prompts)))


def clusters_of(wins: np.ndarray, samples: int) -> list[list[float]]:
    return [[1.0] * w + [0.0] * (samples - w) for w in wins]


@pytest.mark.parametrize("rate", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("samples", [2, 5])
@pytest.mark.parametrize("prompts", [6, 20, 40, 100])
def test_the_clustered_interval_covers(prompts: int, samples: int, rate: float) -> None:
    for correlation in (0.1, 0.5):
        covered = 0
        for wins in alike(prompts, samples, rate, correlation):
            low, high = cluster_interval(clusters_of(wins, samples))
            covered += low <= rate <= high
        assert covered / 2000 >= 0.93, f"correlation {correlation}"


def test_wilsons_interval_does_not_cover_where_samples_of_a_prompt_are_alike() -> None:
    intervals = [wilson(wins.sum(), 200) for wins in alike(40, 5, 0.7, 0.5)]
    assert np.mean([low <= 0.7 <= high for low, high in intervals]) < 0.85


def test_the_clustered_interval_narrows_with_more_samples_only_where_they_say_more() -> None:
    random = np.random.default_rng(6)
    independent, copies = random.integers(0, 2, size=(200, 5)).astype(float), np.repeat([[1.0], [0.0]], 5, axis=1)
    assert 850 < effective_size(independent) <= 1000
    assert effective_size(copies.tolist() * 100) == pytest.approx(200)
    low, high = cluster_interval([[1.0] * 5] * 6)
    assert low < 0.6 and high == 1.0, "six prompts, all won, are six prompts"
    assert cluster_interval([[1.0, 0.0, 1.0]]) == (0.0, 1.0), "one prompt says nothing of others"
    uneven = [[1.0] * 20, [0.0], [1.0], [0.0]]
    assert 1 <= effective_size(uneven) <= 4
    assert win_rate(rows([1, 1, 0, 0, 1, 0], samples=2)).method == "clustered"


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 12.706), (4, 2.776), (5, 2.571), (19, 2.093), (99, 1.984)])
def test_students_quantiles(degrees: int, quantile: float) -> None:
    assert student(degrees) == pytest.approx(quantile, rel=2e-3)


@pytest.mark.parametrize("rate", [0.5, 0.7, 0.9])
def test_the_always_valid_interval_covers_at_every_moment_at_once(rate: float, monkeypatch) -> None:
    monkeypatch.setattr("firstwords.stats.GRID", 200)
    random, sims = np.random.default_rng(7), 500
    missed = peeked = 0
    for _ in range(sims):
        outcomes = (random.random(150) < rate).astype(float)
        low_n, high_n = confidence_sequence(outcomes)
        missed += bool(((low_n > rate) | (high_n < rate)).any())
        sums = np.cumsum(outcomes)
        looks = [wilson(sums[t - 1], t) for t in range(10, 151)]
        peeked += any(not low <= rate <= high for low, high in looks)
    assert missed / sims <= 0.05
    assert peeked / sims > 0.15, "looking again and again breaks an ordinary interval"


def test_the_always_valid_interval_never_widens_and_has_its_price() -> None:
    low_n, high_n = confidence_sequence([1, 1, 1, 0] * 50)
    assert (np.diff(low_n) >= 0).all() and (np.diff(high_n) <= 0).all() and len(low_n) == 200
    result = win_rate(rows([1, 1, 1, 0] * 50))
    assert result.always_low < result.low and result.high < result.always_high
    assert (result.always_low, result.always_high) == (low_n[-1], high_n[-1]) and result.always_low > 0.5
    assert confidence_sequence([])[0].shape == (0,)
    with pytest.raises(ValueError, match="between 0 and 1"):
        confidence_sequence([1, 2])


def test_who_stops_early_is_judged_by_the_always_valid_interval() -> None:
    outcomes = [1, 1, 1, 0] * 5  # enough if 20 were planned, not if stopped at 20 because it looked good
    planned, stopped = win_rate(rows(outcomes)), win_rate(rows(outcomes), stopped_early=True)
    assert planned.verdict == "better" and stopped.verdict == "not yet shown" and stopped.more_needed is not None
    assert (planned.low, planned.always_low) == (stopped.low, stopped.always_low)
    assert win_rate(rows([1] * 40), stopped_early=True).verdict == "better"


def test_a_policy_against_itself_is_not_better() -> None:
    random = np.random.default_rng(3)
    verdicts = [win_rate(rows(random.integers(0, 2, 200))).verdict for _ in range(400)]
    assert 0.92 <= verdicts.count("not yet shown") / 400 <= 0.98


def test_a_judge_of_lengths_is_seen_through() -> None:
    random = np.random.default_rng(4)
    lengths = random.integers(5, 40, size=(2000, 2)) + np.array([8, 0])  # A talks more
    chance = 1 / (1 + np.exp(-0.3 * (lengths[:, 0] - lengths[:, 1])))
    outcomes = (random.random(2000) < chance).astype(float)
    rows = enumerate(zip(outcomes, lengths, strict=True))
    comparisons = [Comparison(str(i), float(o), int(a), int(b)) for i, (o, (a, b)) in rows]
    assert win_rate(comparisons).low > 0.6
    controlled = length_controlled(comparisons)
    assert controlled["win_rate"] == pytest.approx(0.5, abs=0.05) and controlled["slope"] > 1
    assert controlled["matched_win_rate"] == pytest.approx(0.5, abs=0.1) and controlled["matched_n"] > 100


def test_length_control_leaves_a_real_difference() -> None:
    random = np.random.default_rng(5)
    comparisons = [
        Comparison(str(i), float(random.random() < 0.7), int(a), int(b))
        for i, (a, b) in enumerate(random.integers(5, 40, size=(2000, 2)))
    ]
    assert length_controlled(comparisons)["win_rate"] == pytest.approx(0.7, abs=0.03)


def test_orders_that_disagree_show_a_bias_of_place() -> None:
    fair = [Comparison(str(i), float(i % 2), swapped_outcome=float(i % 2)) for i in range(10)]
    assert order_consistency(fair) == {"n": 10, "agreement": 1.0, "first_place": 0.5}
    biased = [Comparison(str(i), 1.0, swapped_outcome=0.0) for i in range(10)]  # the first one shown always wins
    assert order_consistency(biased) == {"n": 10, "agreement": 0.0, "first_place": 1.0}


def test_best_of_n() -> None:
    assert [round(best_of_n_kl(n), 2) for n in (2, 4, 8, 16, 64)] == [0.19, 0.64, 1.2, 1.84, 3.17]


# -- the report card -------------------------------------------------------------------------------------------


def scored(n: int = 20_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores of a perfect reward model under Bradley-Terry noise: (chosen, rejected, P(chosen is chosen))."""
    random = np.random.default_rng(seed)
    one, other = random.normal(size=(2, n)) * 1.5
    first = random.random(n) < 1 / (1 + np.exp(other - one))
    chosen, rejected = np.where(first, one, other), np.where(first, other, one)
    return chosen, rejected, 1 / (1 + np.exp(rejected - chosen))


def test_a_perfect_model_stands_at_its_ceiling_and_is_calibrated() -> None:
    chosen, rejected, truth = scored()
    lengths = np.random.default_rng(1).integers(5, 30, size=(2, len(chosen)))
    card = report_card(chosen, rejected, *lengths, true_probability=truth)
    assert card["accuracy"]["rate"] == pytest.approx(card["noise_ceiling"], abs=0.01)
    assert card["expected_accuracy"] == pytest.approx(card["noise_ceiling"])
    assert card["ece"] < 0.015 and card["ruler"]["rate"] == pytest.approx(0.5, abs=0.02)
    margins = [part["rate"] for part in card["by_margin"]]
    assert margins == sorted(margins) and margins[0] < 0.6 < 0.9 < margins[-1]
    assert sum(row["n"] for row in card["calibration"]) == len(chosen)
    loud = report_card(3 * chosen, 3 * rejected, *lengths)
    assert loud["ece"] > 0.08 and loud["accuracy"] == card["accuracy"]


def test_closed_forms() -> None:
    card = report_card(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([3, 4]), np.array([2, 4]))
    p = 1 / (1 + math.exp(-1))
    assert card["nll"] == pytest.approx(-(math.log(p) + math.log(1 - p)) / 2)
    assert card["brier"] == pytest.approx(((1 - p) ** 2 + p**2) / 2)
    assert card["accuracy"]["rate"] == 0.5 and card["ruler"] | {"low": 0, "high": 0} == {
        "rule": "longer",
        "rate": 0.75,
        "low": 0,
        "high": 0,
        "n": 2,
    }
    assert report_card(np.array([1e4]), np.array([-1e4]), np.array([1]), np.array([1]))["nll"] == 0.0


def test_a_model_that_has_learned_lengths_is_shown_beside_the_ruler() -> None:
    random = np.random.default_rng(2)
    lengths = random.integers(5, 40, size=(2, 3000))
    chosen_longer = random.random(3000) < 0.8
    chosen = np.where(chosen_longer, lengths.max(0), lengths.min(0))
    rejected = np.where(chosen_longer, lengths.min(0), lengths.max(0))
    card = report_card(chosen.astype(float), rejected.astype(float), chosen, rejected)
    assert card["accuracy"]["rate"] == pytest.approx(card["ruler"]["rate"], abs=0.01)
    assert card["length_correlation"] == pytest.approx(1.0)
    assert "length rule (longer)" in as_text(card)


def test_the_bins_of_the_calibration_have_intervals_that_cover() -> None:
    chosen, rejected, _ = scored()
    bins = report_card(chosen, rejected, *np.ones((2, len(chosen))))["calibration"]
    assert sum(row["low"] <= row["confidence"] <= row["high"] for row in bins) >= 8 and len(bins) == 10
    assert all(row["low"] < row["accuracy"] <= row["high"] for row in bins)
    tie = report_card(np.zeros(4), np.zeros(4), np.ones(4), np.ones(4))
    assert tie["calibration"][0]["accuracy"] == 0.5 and tie["ece"] == 0.0


def test_the_reliability_plot_stands_where_the_numbers_are() -> None:
    chosen, rejected, _ = scored(400)
    card = report_card(chosen, rejected, *np.ones((2, len(chosen))))
    source = as_svg(card)
    svg = ElementTree.fromstring(source)
    space = "{http://www.w3.org/2000/svg}"
    dots, whiskers = svg.findall(f"{space}circle"), svg.findall(f"{space}path[@class='whisker']")
    ideal = svg.find(f"{space}path[@class='ideal']").get("d")
    (x0, y0), (x1, y1) = (map(float, point.split()) for point in ideal.removeprefix("M").split("L"))
    assert len(dots) == len(whiskers) == len(card["calibration"])
    for dot, whisker, row in zip(dots, whiskers, card["calibration"], strict=True):
        share = (float(dot.get("cx")) - x0) / (x1 - x0)
        assert 0.5 + share / 2 == pytest.approx(row["confidence"], abs=1e-3)
        ends = whisker.get("d").rsplit(" ", 1)[1].split("V")
        drawn = [float(dot.get("cy")), *map(float, ends)]
        # y0 stands for one half and y1 for all
        shares = [0.5 + (y - y0) / (y1 - y0) / 2 for y in drawn]
        assert shares == pytest.approx([row["accuracy"], row["low"], row["high"]], abs=1e-3)
    assert f"(ECE) {card['ece']:.3f}" in source and "prefers-color-scheme:dark" in source
    assert not re.search(r"href|url\(|@import|<script|https?://(?!www\.w3\.org/2000/svg)", source)


def test_the_styles_of_the_plot_stay_in_the_plot() -> None:
    chosen, rejected, _ = scored(50)
    style = re.search("<style>(.*)</style>", as_svg(report_card(chosen, rejected, *np.ones((2, 50)))))[1]
    selectors = re.findall(r"([^{}]+)\{", style)
    assert len(selectors) > 10 and all(s.startswith((".reliability", "@media (prefers")) for s in selectors)
