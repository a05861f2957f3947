"""What a person prefers, in words: only what the choices show, and nothing for one who chooses at random."""

from __future__ import annotations

from random import Random

import pytest

from firstwords.preferences.records import Judgement
from firstwords.preferences.taste import LEAST, Taste, is_polite, is_sentence, repeats, suits, tastes

PROMPT = ({"role": "user", "content": "What colour is the kite of Greta?"},)


def choices(pairs: list[tuple[str, str]]) -> list[Judgement]:
    """Each (chosen, rejected), alternately on the left and on the right."""
    return [
        Judgement(PROMPT, *(pair if i % 2 == 0 else pair[::-1]), verdict="left" if i % 2 == 0 else "right", id=i + 1)
        for i, pair in enumerate(pairs)
    ]


def test_what_is_said_of_one_who_likes_short_answers() -> None:
    pairs = [("It is brown today.", "It is brown, as far as I can see.")] * 36
    pairs += [("It is brown, as far as I can see.", "It is brown today.")] * 4
    (found,) = tastes(choices(pairs))
    assert (found.feature, found.sign, found.n, found.rate) == ("length", -1, 40, 0.9)
    assert found.sentence == "you prefer shorter answers: 90% (72%-97%, n = 40)"


def test_nothing_is_said_below_twenty_judgements() -> None:
    pairs = [("It is brown today.", "It is brown, as far as I can see.")]
    assert not tastes(choices(pairs * (LEAST - 1)))
    assert tastes(choices(pairs * LEAST))


def test_ties_repeats_and_imports_say_nothing() -> None:
    (j,) = choices([("It is brown today.", "It is brown, as far as I can see.")])
    for change in ({"verdict": "tie"}, {"repeat_of": 1}, {"selection": "import"}, {"kind": "thumb"}):
        assert not tastes([Judgement(**vars(j) | change)] * 60)
    assert tastes([j] * 60)


@pytest.mark.parametrize(
    ("chosen", "rejected", "sentence"),
    [
        ("Sorry, it is brown.", "Well, it is brown.", "you prefer polite answers"),
        ("I do not know this.", "It is brown to me.", 'you prefer answers that say "I do not know"'),
        ("It is brown.", "brown it is", "you prefer answers in full sentences"),
        ("The kite of Greta shines.", "A thing so brown shines.", "you prefer answers that repeat the question"),
    ],
)
def test_every_feature_is_seen_in_both_directions(chosen: str, rejected: str, sentence: str) -> None:
    (found,) = tastes(choices([(chosen, rejected)] * 30))
    assert found.sentence.startswith(sentence)
    (other,) = tastes(choices([(rejected, chosen)] * 30))
    assert other.feature == found.feature and other.sign == -found.sign and other.sentence != found.sentence


def test_one_who_chooses_at_random_is_told_nothing() -> None:
    answers = ["Brown.", "It is brown.", "Sorry, I do not know.", "The kite of Greta is brown, thanks.", "it is", "No!"]
    told = 0
    for seed in range(60):
        draw = Random(seed)
        told += bool(tastes(choices([tuple(draw.sample(answers, 2)) for _ in range(200)])))
    assert told <= 8, "in at most about one case of twenty"  # 60 * 0.05 = 3, and three standard deviations


def test_features_of_answers() -> None:
    assert is_polite("Thanks a lot") and not is_polite("A lot")
    assert is_sentence("It is brown.") and not is_sentence("Brown.") and not is_sentence("it is brown")
    assert repeats(PROMPT, "Greta's kite") and not repeats(PROMPT, "a kite")


def test_the_clearest_taste_in_which_two_answers_differ_decides() -> None:
    polite = Taste("polite", 1, "polite answers", 0.9, 0.8, 1.0, 50)
    short = Taste("length", -1, "shorter answers", 0.8, 0.7, 0.9, 50)
    assert suits([polite, short], PROMPT, "It is brown, thank you.", "Brown.") == 1.0
    assert suits([polite, short], PROMPT, "It is brown.", "Brown.") == 0.0
    assert suits([polite], PROMPT, "It is brown.", "Brown.") == 0.5 == suits([], PROMPT, "a", "b")
