"""Printed output of the ladder's commands. Each function takes the result that --json prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from firstwords.commands import shared
from firstwords.commands.shared import Row, print_rows
from firstwords.plain_text import counted
from firstwords.runlog import say

ARMS = {
    "majority": "always the larger class",
    "line": "the line",
    "network": "the network",
    "frozen": "the line, vectors frozen",
    "peer": "scikit-learn's MLP",
    "zero_shot": "asked without training",
}
PUSH_WIDTH = 18  # characters of the longest bar


def show_songs(result: dict[str, Any]) -> None:
    """The line between songs."""
    print(f"{_counts(result)}, told apart by {' and '.join(result['features'])}")
    _left_out(result)
    print(f"\n  {result['line']['equation']}")
    if result["line"]["height"]:
        print(f"  the line itself: {result['line']['height']}")
    print()
    _table(result["measured"], f"on held-out rows, {result['measured']['folds']}-fold cross-validation")
    _new(result)
    print(f"\npicture: {result['plot']}")
    say("\nNext step: what if the thing to judge is a sentence? firstwords classify sentiment")


def show_network(result: dict[str, Any]) -> None:
    """Lines and networks side by side on each set."""
    for name, one in result["sets"].items():
        shape = f"{one['layers']} x {one['width']} units, {one['parameters']} parameters"
        print(f"{name}: {_counts(one)}; {shape}")
        _left_out(one)
        for step in one["steps"]:
            layers = f"{counted(step['layers'], 'hidden layer')}"
            kept = next(row for row in step["curve"] if row["step"] == step["kept_step"])
            print(f"  {layers:<16} {step['parameters']:>6} parameters, loss {kept['loss']:.3f}")
        _table(one["measured"], f"on held-out rows, {one['measured']['folds']}-fold cross-validation")
        _new(one)
        print(f"picture: {one['plot']}\n")
    say(
        "... and now the transformer. Its classes are the tokens of its vocabulary, one of which comes next; its\n"
        "features are embeddings, learned like the words in `classify sentiment`; its layers bend space like these,\n"
        f"and its attention does what a mean of words cannot: it uses their order.\n  {result['next']}"
    )


def show_sentiment(result: dict[str, Any]) -> None:
    """Words, sentences and how well their feeling is recognised."""
    train, test = result["train"], result["test"]
    print(f"learned from {_of(train)}; measured on {_of(test)}")
    for side in (train, test):
        _left_out(side)
    made = result["embeddings"]
    print(f"{result['vocabulary']:,} words, each {made['dimensions']} numbers ({made['name']})\n")
    rows = {**result["measured"], **({"zero_shot": result["zero_shot"]} if "zero_shot" in result else {})}
    _table(rows, "on held-out sentences")
    for name in ("with_not", "without_not"):
        if name in result["measured"]["line"]:
            print(f"  the line on sentences {name.replace('_', ' a ')}: {_percent(result['measured']['line'][name])}")
    if "zero_shot" in result:
        asked = result["zero_shot"]
        print(f"  {asked['model']} said the right word itself: {_percent(asked['said'])}")
    for number, answer in enumerate(result["answers"]):
        _answer(answer, result["classes"])
        if "zero_shot" in result:
            print(f"  {result['zero_shot']['model']}: {shared.shown(result['zero_shot']['answers'][number]['reply'])}")
    for word, lists in result["neighbours"].items():
        print(f"\nnearest to {word}")
        if "before" in lists:
            print(f"  by company:   {_words(lists['before'])}")
        print(f"  {'after labels' if 'before' in lists else 'by the model'}: {_words(lists['now'])}")
    print(f"\npicture: {result['plot']}")
    say("\nNext step: what if no line will do? firstwords classify network")


def _answer(answer: dict[str, Any], classes: Sequence[str]) -> None:
    """The verdict on a sentence and a bar for each word: left for the first class, right for the second."""
    p = answer["probability"]
    print(f"\n{answer['text']}\n  {answer['class']}, {max(p, 1 - p):.1%}")
    largest = max(abs(w["push"]) for w in answer["words"]) or 1.0
    width = max(len(w["word"]) for w in answer["words"])
    for w in answer["words"]:
        bar = "█" * round(abs(w["push"]) / largest * PUSH_WIDTH)
        left, right = ("", bar) if w["push"] > 0 else (bar, "")
        print(f"  {w['word']:>{width}} {left:>{PUSH_WIDTH}}|{right:<{PUSH_WIDTH}} {w['push']:+.2f}".rstrip())
    print(f"  {'':>{width}} {'<- ' + classes[0]:>{PUSH_WIDTH}}|{classes[1] + ' ->'}")
    if answer["unknown"]:
        print(f"  unknown, left out: {', '.join(answer['unknown'])}")


def _words(pairs: Sequence[Sequence[Any]]) -> str:
    return ", ".join(f"{word} {cosine:.2f}" for word, cosine in pairs[:6])


def _of(side: dict[str, Any]) -> str:
    return f"{sum(side['counts'].values()):,} sentences from {side['source']}"


def _counts(result: dict[str, Any]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in result["counts"].items())


def _left_out(result: dict[str, Any]) -> None:
    if result["bad"]:
        say(f"left out {counted(result['bad'], 'unusable row')}:")
        for note in result["notes"]:
            say(f"  {note}")
    if result.get("repeated"):
        say(f"left out {counted(result['repeated'], 'repeated row')}")
    if result.get("other"):
        say(f"left out {counted(result['other'], 'row')} of other classes")


def _new(result: dict[str, Any]) -> None:
    for row in result["new"]:
        values = ", ".join(f"{name} {value:g}" for name, value in row["features"].items())
        print(f"  {values}: {row['probability']:.1%} {result['classes'][1]}, so {row['class']}")


def _table(rows: dict[str, Any], title: str) -> None:
    """One row per method: balanced accuracy, accuracy, AUC, with 95 % intervals."""
    print(f"correct answers {title} (95 % interval)")
    lines = []
    for name, label in ARMS.items():
        if name in rows:
            cells = [_percent(rows[name][what], "") for what in ("balanced_accuracy", "accuracy")]
            area = rows[name]["auc"]
            lines.append(Row((label, *cells, f"{area['rate']:.2f} ({area['low']:.2f}-{area['high']:.2f})")))
    print_rows((("", "<"), ("balanced accuracy", "<"), ("accuracy", "<"), ("AUC", "<")), lines)


def _percent(figure: dict[str, float], unit: str = "%") -> str:
    """A rate with its interval; unit: after the interval's bounds, where it is not clear without it."""
    low, high = (f"{100 * figure[bound]:.1f}{unit}" for bound in ("low", "high"))
    return f"{figure['rate']:.1%} ({low}-{high})"
