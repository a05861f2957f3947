"""The steps that lead to a language model: a line, words as numbers, a network. Then `firstwords next`.

firstwords classify songs --new "95,0.8"
firstwords classify sentiment "What a lovely day!"
firstwords classify network
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from firstwords import api, home
from firstwords.classify import measure, songs
from firstwords.classify.table import Table, read_csv
from firstwords.commands import shared
from firstwords.commands.classify.show import show_network, show_sentiment, show_songs
from firstwords.commands.next import example
from firstwords.commands.shared import JsonFlag
from firstwords.config import UserError
from firstwords.flags import Positional
from firstwords.runlog import say

if TYPE_CHECKING:
    from firstwords.classify import sentiment
    from firstwords.classify.sentences import Sentences

EXAMPLES = ("What a lovely day with Tom!", "Nobody came, and Mila cried.", "The pea soup was not bad.")
NEAR = "lovely"


@dataclass(kw_only=True)
class LadderFlags(JsonFlag):
    """The flags of every step."""

    plots: str = ""
    """Folder for the pictures (default: plots in $FIRSTWORDS_HOME)."""


@dataclass(kw_only=True)
class PointFlags(LadderFlags):
    """The flags of the steps that separate points in a plane."""

    columns: list[str] = field(default_factory=list)
    """The two numeric columns of a CSV file (default: tempo energy)."""
    label: str = ""
    """The column that says what each row is (default: genre, label or class)."""
    classes: list[str] = field(default_factory=list)
    """The two classes, each a value of the label or COLUMN=VALUE; required if there are more than two."""
    compare: bool = False
    """Also measure scikit-learn's multilayer perceptron on the same rows."""


@dataclass
class ClassifySongs(PointFlags):
    """Separate two kinds of songs with a line. Example: firstwords classify songs --new "95,0.8" """

    data: str = ""
    """A CSV file with two numeric columns and a label; default: twenty well-known songs."""
    new: list[str] = field(default_factory=list)
    """New songs as "tempo,energy"."""


@dataclass
class ClassifyNetwork(PointFlags):
    """Classify what no line can separate. Example: firstwords classify network --data spiral --layers 3"""

    data: list[str] = field(default_factory=lambda: ["songs", "spiral"])
    """songs, spiral, moons, or CSV files."""
    layers: int = 2
    """Maximum number of hidden layers; the pictures show every number from 0 to this."""
    width: int = 8
    """Units in each hidden layer."""
    steps: int = 800
    """Training steps, each over all rows."""
    seed: int = 0
    """Seed for the initial weights and for the points of spiral and moons."""
    new: list[str] = field(default_factory=list)
    """New rows as "number,number"."""


@dataclass
class ClassifySentiment(LadderFlags):
    """Turn words into numbers and classify feelings. Example: firstwords classify sentiment "What a lovely day!" """

    texts: Positional[list[str]] = field(default_factory=list)
    """Sentences to judge, each in quotes."""
    train: list[str] = field(default_factory=list)
    """Files with labelled sentences (.jsonl .csv .tsv .parquet; columns text, label); default: the built-in world."""
    test: list[str] = field(default_factory=list)
    """Files to measure on (default: a fifth of --train, held out from training)."""
    embeddings: str = "words"
    """words (learned here, by skip-gram), or a model (NAME, NAME/STAGE, path) whose hidden states are used."""
    near: list[str] = field(default_factory=list)
    """Show the words most like these."""
    zero_shot: str = ""
    """The model to ask without further training (default: the newest, if there is one; none: skip this)."""
    question: str = 'Is this sentence happy or sad? "{text}"'
    """Question for the model; {text} is the sentence."""
    answers: list[str] = field(default_factory=lambda: ["sad", "happy"])
    """The two possible answers, in the order of the classes."""


def main(config: ClassifySongs | ClassifyNetwork | ClassifySentiment) -> None:
    """Run one step of the ladder, draw its picture and print the results."""
    if isinstance(config, ClassifySongs):
        result, show = run_songs(config), show_songs
    elif isinstance(config, ClassifyNetwork):
        result, show = run_network(config), show_network
    else:
        result, show = run_sentiment(config), show_sentiment
    if config.json:
        shared.emit(result)
    else:
        show(result)


def plots_dir(given: str) -> Path:
    """The folder for pictures; created before anything is computed, so that a bad folder fails at once."""
    folder = Path(given).expanduser() if given else home.home() / "plots"
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--plots {folder} is a file; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# ---- songs -----------------------------------------------------------------------------------------------------------


def run_songs(config: ClassifySongs) -> dict[str, Any]:
    """songs.report of the twenty songs or of --data, with the path of the picture."""
    from firstwords.classify import plots

    table = (
        read_csv(config.data, config.columns, config.label, config.classes).distinct()
        if config.data
        else _built_in(config)
    )
    new = [songs.parse_new(text, table.features) for text in config.new]
    folder = plots_dir(config.plots)
    result = songs.report(table, new, config.compare, say)
    line = songs.fit(table)
    title = f"{'Twenty songs' if not config.data else Path(config.data).name} and a line\n{line.equation(table)}"
    figure = plots.songs_figure(table, line, title, new)
    result["plot"] = str(plots.save(figure, folder / f"{_stem(config.data) or 'songs'}-line.png"))
    return result


def _built_in(config: ClassifySongs) -> Table:
    if given := [name for name in ("columns", "label", "classes") if getattr(config, name)]:
        raise UserError(f"--{given[0]} needs a file: name one with --data")
    return songs.songs()


def _stem(path: str) -> str:
    return Path(path).name.partition(".")[0]


# ---- network ---------------------------------------------------------------------------------------------------------


def run_network(config: ClassifyNetwork) -> dict[str, Any]:
    """{sets: {name: network.report with plot}}."""
    from firstwords.classify import network, plots

    if config.steps < 1:
        raise UserError(f"--steps is {config.steps}: use at least 1")
    network.check_size(config.layers, config.width)
    tables = {_stem(name): _table(config, name) for name in config.data}
    if config.new and len(tables) > 1:
        raise UserError("--new belongs to one set of rows; name one with --data")
    new = [songs.parse_new(text, table.features) for table in tables.values() for text in config.new]
    folder = plots_dir(config.plots)
    sets = {}
    for name, table in tables.items():
        say(f"{name}: training networks of 0 to {config.layers} hidden layers")
        ladder = network.ladder(table, config.layers, config.width, config.steps, config.seed)
        sets[name] = network.report(table, ladder, config.width, config.steps, config.seed, new, config.compare, say)
        figure = plots.network_figure(
            table, ladder, network.bent(ladder[-1], table), f"{name}: a line, and what layers make of it"
        )
        sets[name]["plot"] = str(plots.save(figure, folder / f"{name}-network.png"))
    return {"sets": sets, "next": example()}


def _table(config: ClassifyNetwork, name: str) -> Table:
    from firstwords.classify.shapes import SHAPES

    if name == "songs":
        return songs.songs()
    if name in SHAPES:
        return SHAPES[name](seed=config.seed)
    if "." not in name and not Path(name).exists():
        raise UserError(f"unknown --data {name}; use songs, {', '.join(SHAPES)} or a CSV file")
    return read_csv(name, config.columns, config.label, config.classes).distinct()


# ---- sentiment -------------------------------------------------------------------------------------------------------


def run_sentiment(config: ClassifySentiment) -> dict[str, Any]:
    """sentiment.report with zero_shot figures and the path of the map."""
    from firstwords.classify import plots, sentiment

    train, test = _sentences(config)
    if any(not text.strip() for text in config.texts):
        raise UserError('the sentence is empty; write some words, as in "What a lovely day!"')
    folder = plots_dir(config.plots)
    asked = _asked_model(config)
    lesson = sentiment.learn(train, test, _more_texts(config), _embedder(config))
    texts = config.texts or ([] if config.train else list(EXAMPLES))
    near = config.near or ([NEAR] if NEAR in lesson.vocabulary.ids else [])
    result = sentiment.report(lesson, texts, near)
    if asked is not None:
        result["zero_shot"] = measure_zero_shot(asked, lesson, config, texts)
    name = _stem(config.train[0]) if config.train else "world"
    figure = plots.words_figure(sentiment.maps(lesson), train.classes)
    result["plot"] = str(plots.save(figure, folder / f"{name}-{result['embeddings']['name'].replace('/', '-')}.png"))
    return result


def _sentences(config: ClassifySentiment) -> tuple[Sentences, Sentences]:
    from firstwords.classify import sentences

    if config.test and not config.train:
        raise UserError("--test needs --train: the sentences to learn from")
    if not config.train:
        return sentences.world()
    train = sentences.read_files(config.train)
    if not config.test:
        return train.split()
    return train, sentences.read_files(config.test, train.classes)


def _more_texts(config: ClassifySentiment) -> list[str]:
    """Unlabelled texts: a few hundred documents of the built-in world, used only with its own sentences."""
    if config.train or config.embeddings != "words":
        return []
    from firstwords.classify import sentences

    return sentences.world_texts()


def _embedder(config: ClassifySentiment) -> sentiment.Embedder | None:
    if config.embeddings == "words":
        return None
    from firstwords.commands.classify.embedder import HiddenStates

    return HiddenStates(api.load(config.embeddings, weights="fp32"))


def _asked_model(config: ClassifySentiment) -> api.Model | None:
    if config.zero_shot == "none" or (not config.zero_shot and not home.models()):
        return None
    from firstwords.commands.classify.embedder import check_question

    loaded = api.load(config.zero_shot or None, weights="fp32")
    if not config.zero_shot and loaded.is_base:
        return None  # the newest model has not learned to answer yet, and was not requested
    check_question(loaded, config.question, config.answers)
    return loaded


def measure_zero_shot(
    loaded: api.Model, lesson: sentiment.Lesson, config: ClassifySentiment, texts: Sequence[str]
) -> dict[str, Any]:
    """{model, question, figures ..., said, answers}: figures rate the more likely answer, `said` its own reply."""
    from firstwords.classify.sentiment import figures_of
    from firstwords.commands.classify.embedder import zero_shot

    say(f"asking {loaded.label} the same {len(lesson.test.texts):,} questions")
    p_N, said = zero_shot(loaded, [*lesson.test.texts, *texts], config.question, config.answers)
    num = len(lesson.test.texts)
    right_N = np.array(
        [
            config.answers[y].lower() in reply.lower() and config.answers[1 - y].lower() not in reply.lower()
            for reply, y in zip(said, lesson.test.y_N, strict=False)
        ]
    )
    own = [
        {"text": text, "probability": float(p), "reply": reply}
        for text, p, reply in zip(texts, p_N[num:], said[num:], strict=True)
    ]
    return {
        "model": loaded.label,
        "question": config.question,
        **figures_of(p_N[:num], lesson.test),
        "said": measure.rate(right_N),
        "answers": own,
    }
