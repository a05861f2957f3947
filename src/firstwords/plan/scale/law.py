"""The loss to expect from parameters and tokens, by published scaling laws, and how sure that is.

L(N, D) = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022, "Chinchilla", equation 2). Besiroglu et al. 2024 fitted it
again to the paper's own data, because the published fit had stopped too early; theirs is used here. The range spans
both fits, widened by two standard errors of E. It covers the fit, not another text: losses are in nats per token of
Chinchilla's text and vocabulary, so compare plans with each other, not with the loss of a run on your own text.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Law:
    """One fit of the law; `entropy` is E, the loss that no model gets below."""

    source: str
    entropy: float
    params_scale: float
    params_exponent: float
    tokens_scale: float
    tokens_exponent: float

    def loss(self, params: float, tokens: float) -> float:
        """Nats per token."""
        of_params = self.params_scale / params**self.params_exponent
        return self.entropy + of_params + self.tokens_scale / tokens**self.tokens_exponent


REFIT = Law("Besiroglu et al. 2024 (arXiv 2404.10102)", 1.8172, 482.01, 0.3478, 2085.43, 0.3658)
ORIGINAL = Law("Hoffmann et al. 2022 (arXiv 2203.15556)", 1.69, 406.4, 0.34, 410.7, 0.28)
ENTROPY_ERROR = 0.03  # standard error of E in the refit
FITTED_PARAMS, FITTED_TOKENS = (70e6, 16e9), (5e9, 500e9)  # of the models that the laws were fitted to
LEAST_PARAMS, LEAST_TOKENS = 1e7, 1e8  # far below, the law gives losses above that of a random model
TOKENS_PER_PARAM = 20.0  # compute-optimal (Hoffmann et al. 2022, approaches 1 and 2; the refit agrees)


@dataclass(frozen=True)
class ExpectedLoss:
    """Nats per token: the refit's prediction and its range. is_extrapolated: outside the sizes that were fitted."""

    nats: float
    low: float
    high: float
    is_extrapolated: bool


def expected_loss(params: float, tokens: float) -> ExpectedLoss | None:
    """What a model of that size is expected to reach after that many tokens of text read once; None if it is far
    smaller than any that the laws were fitted to.
    """
    if params < LEAST_PARAMS or tokens < LEAST_TOKENS:
        return None
    losses = [law.loss(params, tokens) for law in (REFIT, ORIGINAL)]
    is_inside = FITTED_PARAMS[0] <= params <= FITTED_PARAMS[1] and FITTED_TOKENS[0] <= tokens <= FITTED_TOKENS[1]
    return ExpectedLoss(
        losses[0], min(losses) - 2 * ENTROPY_ERROR, max(losses) + 2 * ENTROPY_ERROR, is_extrapolated=not is_inside
    )
