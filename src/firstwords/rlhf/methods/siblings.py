"""What other answers to the same prompt show about an answer, weighed against the reward model's score.

    scorer = fit_scorer(policy.reward, engine, pairs, num_samples=8, max_tokens=48, seed=0)
    scorer.scores(rewards_B, texts_B, prompts_B, num_samples=8)    -> (B,), in standard deviations

A reward model of a small model sees little of the truth. Whether the siblings of an answer agree with it shows some of
the rest (self-consistency: Wang et al. 2023; semantic entropy: Farquhar et al. 2024), above all for "I do not know": it
is right where the siblings abstain as well or scatter, and wrong where they agree on a claim. The weights are fitted on
the pairs that the reward model was trained on, by logistic regression on the differences of the features.

Axes: B answers, P pairs, K features. Answers to the same prompt are adjacent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.eval.winrate import logistic_regression
from firstwords.preferences.records import Preference
from firstwords.rlhf.reward_model import RewardModel
from firstwords.tokenizer.prompts import chat_ids
from firstwords.world.chats.checks import abstains, words

FEATURES = ("reward", "abstains", "siblings abstain", "siblings scatter", "agreement", "identical")
RIDGE = 1.0  # of the fit: some hundred pairs for six weights, of which several measure nearly the same
MIN_PAIRS = 300  # with fewer, the weights are noise, and the reward model's score is used alone
EMPTY = frozenset({""})  # the content of an answer that only repeats words of the prompt


@dataclass(frozen=True)
class Scorer:
    """Weights of the features, and the standard deviation of the weighted sum on the pairs."""

    weights: tuple[float, ...] = (1.0, *[0.0] * (len(FEATURES) - 1))
    std: float = 1.0

    def scores(
        self, rewards_B: np.ndarray, texts: Sequence[str], prompts: Sequence[str], num_samples: int
    ) -> np.ndarray:
        """The score of every answer, fp64, (B,). prompts: text of each answer's prompt."""
        features_BK = np.zeros((len(texts), len(FEATURES)))
        for start in range(0, len(texts), num_samples):
            part = slice(start, start + num_samples)
            features_BK[part, 1:] = seen(texts[part], texts[part], prompts[start], is_among=True)
        features_BK[:, 0] = rewards_B
        return features_BK @ np.array(self.weights) / self.std


def seen(answers: Sequence[str], siblings: Sequence[str], prompt: str, is_among: bool) -> np.ndarray:
    """The features of answers after the reward, given other answers to the same prompt, (len(answers), K - 1).

    is_among: answers are the siblings themselves, so that answer i is not compared with sibling i.
    """
    asked = frozenset(words(prompt))
    contents, others = ([_content(text, asked) for text in texts] for texts in (answers, siblings))
    is_refusal = np.array([abstains(text) for text in answers], dtype=float)
    refused = np.array([abstains(text) for text in siblings], dtype=float)
    alike = np.array([[len(a & b) / len(a | b) for b in others] for a in contents])
    same = np.array([[float(a.strip() == b.strip()) for b in siblings] for a in answers])
    among = np.array([[len(a & b) / len(a | b) for b in others] for a in others])
    claims = refused == 0
    pairs = np.outer(claims, claims) & ~np.eye(len(siblings), dtype=bool)
    scatter = 1 - float(among[pairs].mean()) if pairs.any() else 0.0
    keep = ~np.eye(len(siblings), dtype=bool) if is_among else np.ones(alike.shape, dtype=bool)
    count = np.maximum(keep.sum(1), 1)
    share, agreement, identical = ((keep * each).sum(1) / count for each in (refused[None, :], alike, same))
    is_claim = 1 - is_refusal
    return np.stack(
        [is_refusal, is_refusal * share, is_refusal * scatter, is_claim * agreement, is_claim * identical], axis=1
    )


def does_as_most(texts: Sequence[str], num_samples: int) -> np.ndarray:
    """Whether each answer abstains where more than half of its prompt's do, and claims something elsewhere, (B,)."""
    abstains_PG = np.array([abstains(text) for text in texts]).reshape(-1, num_samples)
    return (abstains_PG == (abstains_PG.mean(1, keepdims=True) > 0.5)).flatten()


def _content(text: str, asked: frozenset[str]) -> frozenset[str]:
    """The words of an answer that are not in its prompt."""
    return frozenset(words(text)) - asked or EMPTY


def fit_scorer(
    reward: RewardModel, engine: Engine, pairs: Sequence[Preference], num_samples: int, max_tokens: int, seed: int
) -> Scorer:
    """Fit the weights on preferences, with `num_samples` answers of the engine's model to each prompt as siblings."""
    fitting = [pair for pair in pairs if reward.can_read(pair.prompt)]
    if len(fitting) < MIN_PAIRS:
        return Scorer()
    prompts = [chat_ids(reward.tokenizer, pair.prompt) for pair in fitting]
    params = SamplingParams(max_tokens=max_tokens, temperature=1.0, seed=seed)
    asked = [i for i, prompt in enumerate(prompts) if len(prompt) < engine.max_length]
    answers = engine.generate([prompts[i] for i in asked for _ in range(num_samples)], params)
    texts = [answer.text.strip() for answer in answers]
    sides = [(pair.prompt, text) for pair in fitting for text in (pair.chosen, pair.rejected)]
    rewards_P2 = reward.score(sides).reshape(-1, 2)
    differences, sums = [], []
    for number, i in enumerate(asked):
        siblings = texts[number * num_samples : (number + 1) * num_samples]
        pair, prompt = fitting[i], reward.tokenizer.decode(prompts[i])
        features_2K = np.concatenate(
            [rewards_P2[i][:, None], seen((pair.chosen, pair.rejected), siblings, prompt, is_among=False)], axis=1
        )
        differences.append(features_2K[0] - features_2K[1])
        sums.append(features_2K)
    differences_PK = np.array(differences)
    weights_K = logistic_regression(differences_PK, np.ones(len(differences_PK)), ridge=RIDGE)
    std = float((np.concatenate(sums) @ weights_K).std())
    return Scorer(tuple(float(weight) for weight in weights_K), max(std, 1e-6))
