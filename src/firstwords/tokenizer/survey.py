"""What vocabulary a text needs, measured on a sample before anything is planned.

English prose has one byte per letter, and its bytes per token are known for every vocabulary size
(`plan.budget.BYTES_PER_TOKEN`). Cyrillic and Arabic letters take two bytes, those of India and East Asia three, and
some scripts have thousands of characters, each of which deserves a token. For such text the planner measures a separate
curve.

    measured = survey(texts)
    measured.bytes_per_letter, measured.num_characters      -> (2.97, 2731)
    measured.curve                                          -> {512: 2.6, 1024: 3.3, ..., 32768: 5.5}, None for English
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.sample import bytes_per_letter, sample_of

WIDE = 1.25  # bytes per letter from which English figures no longer apply; German has 1.03, Vietnamese 1.4
SURVEY_CHARS = 2_000_000  # of text sampled; PARTS_FOR_WIDTH of its parts give the bytes per letter
PARTS_FOR_WIDTH = 20
CURVE_CHARS = 200_000  # of text for the curve, half to learn from; learning is slow for scripts without spaces
SIZES = (512, 1024, 2048, 3072, 4096)  # vocabulary sizes that are measured
GROWTH = {8192: 1.05, 16384: 1.10, 32768: 1.15}  # bytes per token beyond the last measured size, as for English prose


@dataclass(frozen=True)
class Survey:
    """Measurements on a sample. curve: bytes per token by vocabulary size; None: as in English prose."""

    bytes_per_letter: float = 1.0
    num_characters: int = 0
    curve: Mapping[int, float] | None = field(default=None)

    def sentence(self) -> str:
        """One line for the user; "" where there is nothing to report."""
        if self.curve is None:
            return ""
        return (
            f"the text has {self.num_characters:,} different characters and {self.bytes_per_letter:.1f} bytes per "
            "letter: vocabulary and context are chosen accordingly"
        )


def survey(texts: Iterable[str]) -> Survey:
    """Measure an evenly spread sample of the texts, which are read to the end."""
    sample = sample_of(texts, SURVEY_CHARS)
    width = bytes_per_letter(sample[:: max(1, len(sample) // PARTS_FOR_WIDTH)])
    characters = len(set().union(*sample)) if sample else 0
    return Survey(width, characters, None if width < WIDE else measured_curve(sample))


def measured_curve(sample: Sequence[str]) -> dict[int, float]:
    """Bytes per token by vocabulary size: learned on every other part of the sample, measured on the rest.

    Vocabularies are nested, since merges are learned one after another: only the largest is learned, and its prefixes
    are measured.
    """
    sample = sample_of(sample, CURVE_CHARS)
    learned, measured = sample[::2], sample[1::2] or sample
    size = sum(len(text.encode("utf-8", "replace")) for text in measured)
    largest = Tokenizer.train(learned, SIZES[-1])
    curve = {
        each: size / max(1, sum(map(len, largest.first(each).encode_batch(measured)))) for each in SIZES
    }  # constant once the text yields no more merges
    return curve | {each: curve[SIZES[-1]] * growth for each, growth in GROWTH.items()}
