"""The line between songs: parity with scikit-learn, known answers, honest measures, and what a CSV can get wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from firstwords.classify import grid, measure, songs
from firstwords.classify.table import Table, read_csv
from firstwords.config import UserError


def make(x, y) -> Table:
    return Table(("tempo", "energy"), ("r&b", "reggaeton"), np.array(x, dtype=float), np.array(y))


@pytest.fixture
def clouds() -> Table:
    """Two unequal overlapping clouds: 150 of one class, 30 of the other."""
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal((80, 0.4), (15, 0.15), (150, 2)), rng.normal((100, 0.7), (8, 0.1), (30, 2))])
    return make(x, [0] * 150 + [1] * 30)


def test_line_is_scikit_learns_in_the_original_units(clouds: Table) -> None:
    line = songs.fit(clouds)
    peer = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced")).fit(clouds.x_NF, clouds.y_N)
    np.testing.assert_allclose(line.logit(clouds.x_NF), peer.decision_function(clouds.x_NF), atol=1e-6)
    np.testing.assert_allclose(line.probability(clouds.x_NF), peer.predict_proba(clouds.x_NF)[:, 1], atol=1e-6)


def test_a_known_line_is_found() -> None:
    """Mirror images about energy = 0.5: the tempo must not matter and the line lie at one half."""
    x = [(t, e) for t in (60, 80, 100) for e in (0.1, 0.3, 0.7, 0.9)]
    line = songs.fit(make(x, [int(e > 0.5) for _, e in x]))
    assert abs(line.weights_F[0]) < 1e-6 and line.weights_F[1] > 0
    assert -line.bias / line.weights_F[1] == pytest.approx(0.5, abs=1e-6)
    p = np.array(grid.boundary_grid(line, (60, 100), (0.0, 1.0), size=21)["p"])
    np.testing.assert_allclose(p + p[::-1], 1.0, atol=1e-6)  # symmetric about the line
    np.testing.assert_allclose(p[10], 0.5, atol=1e-6)


def test_equation_says_what_the_line_does(clouds: Table) -> None:
    line = songs.fit(clouds)
    left, _, right = line.equation(clouds).removesuffix(" means reggaeton").partition(" > ")
    (w1, _), (w2, _) = (term.split(" x ") for term in left.split(" + "))
    assert (float(w1), float(w2)) == pytest.approx(line.weights_F, rel=5e-3)
    assert float(right) == pytest.approx(-line.bias, rel=5e-3)
    upright = songs.Line(np.array([2.0, 0.0]), -3.0)
    assert upright.height(clouds) == ""
    assert songs.Line(np.array([1.0, 2.0]), -4.0).height(clouds) == "energy = 2 - 0.5 x tempo"


def test_classes_weigh_the_same(clouds: Table) -> None:
    once = songs.fit(clouds)
    recall = [(once.probability(clouds.x_NF[clouds.y_N == y]) > 0.5).mean() for y in (0, 1)]
    assert recall[0] < 0.98 and recall[1] > 0.85, "the small class is not sacrificed to the large one"


def test_twenty_songs() -> None:
    table = songs.songs()
    assert table.counts == {"r&b": 10, "reggaeton": 10} and len(set(table.names)) == 20
    result = songs.report(table, [(95, 0.8), (70, 0.4)])
    assert [row["class"] for row in result["new"]] == ["reggaeton", "r&b"]
    assert result["measured"]["line"]["accuracy"]["rate"] >= 0.75
    json.dumps(result, allow_nan=False)


def test_measures_agree_with_scikit_learn(clouds: Table) -> None:
    p_N = measure.cross_validated(songs.fit, clouds)
    found = measure.figures(p_N, clouds.y_N)
    assert found["balanced_accuracy"]["rate"] == pytest.approx(balanced_accuracy_score(clouds.y_N, p_N > 0.5))
    assert found["auc"]["rate"] == pytest.approx(roc_auc_score(clouds.y_N, p_N))
    for figure in found.values():
        assert 0 <= figure["low"] < figure["rate"] < figure["high"] <= 1
    assert measure.majority(clouds.y_N)["balanced_accuracy"]["rate"] == 0.5
    assert measure.majority(clouds.y_N)["accuracy"]["rate"] == pytest.approx(150 / 180)


def test_intervals_cover() -> None:
    """Of 300 samples of 40 rows, the intervals must hold the truth in about 95 of 100."""
    rng = np.random.default_rng(0)
    hit_auc = hit_balanced = 0
    truth = 0.5 * (1 + 2 * 0.25)  # P(N(1, 1) > 0) and its mirror, see below
    for _ in range(300):
        y = np.array([0] * 28 + [1] * 12)
        score = rng.normal(y * 1.0, 1.0)
        area = measure.auc(score, y)
        hit_auc += area["low"] <= 0.76025 <= area["high"]  # Phi(1 / sqrt(2))
        right = rng.random(40) < np.where(y == 1, 0.9, 0.6)
        figure = measure.balanced(right, y)
        hit_balanced += figure["low"] <= truth <= figure["high"]
    assert hit_auc >= 275 and hit_balanced >= 275
    perfect = measure.auc(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1]))
    assert perfect["rate"] == 1.0 and perfect["low"] < 0.8, "four rows prove little"


def test_cross_validation_never_tests_on_training_rows() -> None:
    """A memorising learner is always right on its training data and must be at chance here: labels are noise."""
    rng = np.random.default_rng(1)
    table = make(rng.normal(size=(200, 2)), rng.permutation([0, 1] * 100))

    class Heart:
        def __init__(self, part: Table) -> None:
            self.seen = {tuple(x): y for x, y in zip(part.x_NF.tolist(), part.y_N, strict=True)}

        def probability(self, x_NF: np.ndarray) -> np.ndarray:
            assert not any(tuple(x) in self.seen for x in x_NF.tolist())
            return np.full(len(x_NF), 0.4)

    assert (measure.cross_validated(Heart, table) == 0.4).all()


def test_as_balanced_undoes_the_share() -> None:
    assert measure.as_balanced(np.array([0.2, 0.9]), 0.2)[0] == pytest.approx(0.5)


# ---- CSV files -----------------------------------------------------------------------------------------------------


def csv_file(tmp_path: Path, text: str, name: str = "songs.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


GOOD = "title,tempo,energy,genre\n" + "".join(f"s{i},{70 + i},0.{i % 10},{'a' if i % 2 else 'b'}\n" for i in range(20))


def test_bad_rows_are_named_and_left_out(tmp_path: Path) -> None:
    path = csv_file(tmp_path, GOOD + "x,fast,0.5,a\ny,90,,b\nz,inf,0.5,a\nw,80,0.3,\nv,80\n")
    table = read_csv(path)
    assert len(table.y_N) == 20 and table.bad == 5 and table.classes == ("a", "b") and table.names[0] == "s0"
    assert table.notes[0] == "songs.csv:22: tempo is 'fast', not a number"
    assert table.notes[1] == "songs.csv:23: there is no energy"
    assert "not a finite number" in table.notes[2] and "there is no genre" in table.notes[3]


def test_gzip_other_names_and_conditions(tmp_path: Path) -> None:
    path = tmp_path / "w.csv.gz"
    kinds = ["x"] * 5 + ["y"] * 5 + ["z"] * 5
    rows = "".join(f"{i},{i * 2},{kinds[i]},{'p' if i % 2 else 'q'}\n" for i in range(15))
    with gzip.open(path, "wt") as file:
        file.write("height,weight,kind,side\n" + rows)
    table = read_csv(path, ("height", "weight"), classes=("kind=x", "side=p"))
    # 1 and 3 are both x and p
    assert table.counts == {"x": 3, "p": 5} and table.bad == 2 and table.other == 5
    assert "both x and p" in table.notes[0]
    three = csv_file(tmp_path, "a,b,which\n" + "1,2,u\n2,1,v\n" * 3)
    assert read_csv(three).features == ("a", "b") and read_csv(three).classes == ("u", "v")


def test_repeated_rows_count_once() -> None:
    table = make([[1, 1], [1, 1], [1, 1], [2, 2]], [0, 0, 1, 1]).distinct()
    assert table.repeated == 1 and table.counts == {"r&b": 1, "reggaeton": 2}


@pytest.mark.parametrize(
    ("text", "options", "sentence"),
    [
        (GOOD.replace(",b\n", ",a\n"), {}, "every row of"),
        (GOOD.replace("tempo", "speed"), {}, "has no column tempo"),
        (GOOD.replace("tempo", "temp"), {}, "did you mean temp?"),
        (GOOD, {"columns": ("title", "energy")}, "title is 's0', not a number; in all, 20 of 20 rows"),
        (GOOD, {"columns": ("tempo",)}, "--columns has 1 columns; two are needed"),
        (GOOD, {"label": "gender"}, "did you mean genre?"),
        (GOOD.replace("s1,71,0.1,a", "s1,71,0.1,c"), {}, "has 3 values"),
        (GOOD, {"classes": ("a", "c")}, "0 usable rows of c; each class needs at least 2"),
        (GOOD, {"classes": ("a", "a")}, "names a twice"),
        (GOOD, {"classes": ("a",)}, "--classes has 1 values"),
        ("tempo,energy\n1,2\n", {}, "has the columns tempo, energy"),
        ("title,tempo,energy,genre\n", {}, "contains no rows"),
        ("", {}, "is empty"),
        ("a,b,c,d\n1,2,3,4\n", {}, "Choose it with --label"),
    ],
)
def test_bad_files_give_one_sentence(tmp_path: Path, text: str, options: dict, sentence: str) -> None:
    with pytest.raises(UserError) as error:
        read_csv(csv_file(tmp_path, text), **options)
    assert sentence in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["95", "95,fast", "1,2,3", "", "nan,1"])
def test_new_songs_must_be_two_numbers(text: str) -> None:
    with pytest.raises(UserError, match="one number each for tempo and energy"):
        songs.parse_new(text, ("tempo", "energy"))
