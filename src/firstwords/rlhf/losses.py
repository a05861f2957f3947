"""Stage three as pure functions of tensors: preferences, advantages, KL, policy gradients. No trainer, no model.

Axes: B sequences (completions), T completion tokens, V vocabulary, P prompts, G samples per prompt; B = P*G where
      both appear. mask_BT is 1 on the tokens that the policy *chose*: this includes its stop token, but not padding or
      text written by others. Log-probabilities and KL are in nats. `train.losses.token_logprobs` computes
      log-probabilities.

Half precision is computed in fp32, doubles stay doubles. Values outside the mask may be anything, including NaN: they
change neither a value nor a gradient. Rewards, advantages and returns are constants to every gradient here.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from firstwords.config import UserError

KL_IN_REWARD = ("exact", "k1")  # the estimators whose gradient is the KL's gradient when used in the reward
WHITEN_EPS = 1e-8  # added to a variance, as in TRL's masked_whiten
MAX_KL_ERROR = 0.2  # clip of the controller's relative error per update (Ziegler et al. 2019, sec. 2.2)


def _full(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _masked(x_BT: Tensor, mask_BT: Tensor) -> Tensor:
    return _full(x_BT).masked_fill(mask_BT == 0, 0.0)


def masked_mean(x_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """Mean over the chosen tokens, a scalar; 0 if there are none. A metric must not change with padding."""
    return _masked(x_BT, mask_BT).sum() / (mask_BT != 0).sum().clamp(min=1)


# ---- preferences ---------------------------------------------------------------------------------------------------


def bradley_terry_loss(chosen_B: Tensor, rejected_B: Tensor, margin_B: Tensor | None = None) -> Tensor:
    """Mean of -log sigmoid(chosen - rejected - margin): the scores (B,) of a reward model, a scalar in nats.

    Bradley and Terry 1952; Ouyang et al. 2022, eq. 1; the margin is Touvron et al. 2023 (Llama 2), eq. 2.
    Finite for any difference that fp32 can hold. Equal scores cost log 2 = 0.693.
    """
    difference = _full(chosen_B) - _full(rejected_B)
    if margin_B is not None:
        difference = difference - _full(margin_B)
    return -F.logsigmoid(difference).mean()


def dpo_loss(
    policy_chosen_B: Tensor,
    policy_rejected_B: Tensor,
    ref_chosen_B: Tensor,
    ref_rejected_B: Tensor,
    beta: float,
    variant: str = "sigmoid",
    label_smoothing: float = 0.0,
    chosen_lengths_B: Tensor | None = None,
    rejected_lengths_B: Tensor | None = None,
    length_normalise: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """(loss_B, chosen_rewards_B, rejected_rewards_B) from log-probabilities *summed* over each completion, each (B,).

    With h = log pi/ref (chosen) - log pi/ref (rejected):
    "sigmoid" (Rafailov et al. 2023, eq. 7): -log sigmoid(beta h); with label_smoothing e, the share of wrong labels,
        -(1 - e) log sigmoid(beta h) - e log sigmoid(-beta h) (Mitchell 2023, "cDPO"), best at h = logit(1 - e) / beta;
    "ipo" (Azar et al. 2023, eq. 17, beta is their tau): (h - 1 / (2 beta))^2.

    length_normalise divides each log-ratio by its completion's number of tokens (chosen_lengths_B, rejected_lengths_B;
    unused without it). IPO's known optimum h = (2p - 1) / (2 beta) belongs to sums, the default here; TRL's "ipo" is
    the normalised one, and its "sigmoid_norm" is "sigmoid" with length_normalise.
    The rewards are beta * log-ratio (sums, no gradient): the policy's implicit rewards.
    Raises ValueError for an unknown variant, for smoothing with IPO and for missing lengths.
    """
    chosen_B = _full(policy_chosen_B) - _full(ref_chosen_B)
    rejected_B = _full(policy_rejected_B) - _full(ref_rejected_B)
    rewards = (beta * chosen_B).detach(), (beta * rejected_B).detach()
    if length_normalise:
        if chosen_lengths_B is None or rejected_lengths_B is None:
            raise ValueError("length_normalise needs chosen_lengths_B and rejected_lengths_B")
        chosen_B, rejected_B = chosen_B / chosen_lengths_B.clamp(min=1), rejected_B / rejected_lengths_B.clamp(min=1)
    h_B = chosen_B - rejected_B
    if variant == "sigmoid":
        right_B, wrong_B = F.logsigmoid(beta * h_B), F.logsigmoid(-beta * h_B)
        return -(1 - label_smoothing) * right_B - label_smoothing * wrong_B, *rewards
    if variant != "ipo":
        raise ValueError(f'unknown DPO variant {variant!r}: use "sigmoid" or "ipo"')
    if label_smoothing:
        raise ValueError("label_smoothing belongs to the sigmoid variant; IPO already has a finite optimum")
    return (h_B - 1 / (2 * beta)) ** 2, *rewards


# ---- advantages ----------------------------------------------------------------------------------------------------


def leave_one_out_advantages(returns_PG: Tensor) -> Tensor:
    """Each sample's return minus the mean of the *other* samples of its prompt (RLOO; Ahmadian et al. 2024, eq. 9).

    Returns (P, G), or (P, G, T) for returns per token: the baseline is then the others' return at the same token.
    The baseline is independent of the sample, so the gradient is unbiased; it equals G / (G - 1) * (r - mean).
    [[1, 0, 2]] -> [[0, -1.5, 1.5]]. Raises ValueError for G < 2.
    """
    returns, G = _full(returns_PG).detach(), _group_size(returns_PG)
    return (returns - returns.mean(1, keepdim=True)) * (G / (G - 1))


def group_advantages(rewards_PG: Tensor, normalise_std: bool, eps: float = 1e-4) -> Tensor:
    """r - mean of the group, with normalise_std divided by (std + eps); (P, G). Shao et al. 2024 (GRPO), sec. 4.1.2.

    std is unbiased and eps is TRL's: with 1e-9, rewards that differ only by rounding would count as much as right and
    wrong. Without std it is Dr. GRPO (Liu et al. 2025): dividing weights a prompt solved once in a hundred 5 times as
    much as one solved half the time, and moves the optimum away from pi_ref exp(r / beta). Raises ValueError for G < 2.
    """
    rewards_PG, _ = _full(rewards_PG).detach(), _group_size(rewards_PG)
    centred_PG = rewards_PG - rewards_PG.mean(1, keepdim=True)
    return centred_PG / (rewards_PG.std(1, keepdim=True) + eps) if normalise_std else centred_PG


def _group_size(values_PG: Tensor) -> int:
    if values_PG.shape[1] < 2:
        raise ValueError("a group of one sample cannot be compared: use at least 2 samples per prompt")
    return values_PG.shape[1]


def whiten(values_BT: Tensor, mask_BT: Tensor, shift_mean: bool = True) -> Tensor:
    """Chosen tokens at mean 0 and (unbiased) variance 1, zero elsewhere; (B, T).

    Call it once on the whole batch of rollouts: the mean of a few rows is too noisy. shift_mean=False keeps the mean,
    and so the sign of a bonus (for rewards).
    """
    mean = masked_mean(values_BT, mask_BT)
    white_BT = (_masked(values_BT, mask_BT) - mean) / whitening_divisor(values_BT, mask_BT)
    return _masked(white_BT if shift_mean else white_BT + mean, mask_BT)


def whitening_divisor(values_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """The divisor of `whiten`, a scalar; a KL term that is differentiated with whitened advantages needs it too."""
    values_BT, count = _masked(values_BT, mask_BT), (mask_BT != 0).sum()
    variance = _masked((values_BT - masked_mean(values_BT, mask_BT)) ** 2, mask_BT).sum() / (count - 1).clamp(min=1)
    return (variance + WHITEN_EPS).sqrt()


# ---- KL to the reference -------------------------------------------------------------------------------------------


def k1(logprobs_BT: Tensor, ref_logprobs_BT: Tensor) -> Tensor:
    """log pi - log ref of the sampled tokens, (B, T): KL(pi || ref) on average, of either sign for one token.

    The names k1, k2, k3 are Schulman's ("Approximating KL divergence", 2020).
    """
    return _full(logprobs_BT) - _full(ref_logprobs_BT)


def exact_kl(logits_BTV: Tensor, ref_logits_BTV: Tensor) -> Tensor:
    """KL(pi || ref) of each state over the whole vocabulary, (B, T), >= 0, differentiable. Logits must be finite."""
    logprobs_BTV = torch.log_softmax(_full(logits_BTV), -1)
    ratio_BTV = logprobs_BTV - torch.log_softmax(_full(ref_logits_BTV), -1)
    kl_BT = (logprobs_BTV.exp() * ratio_BTV).sum(-1)
    return kl_BT - kl_BT.detach().clamp(max=0.0)  # rounding may give -1e-8; the gradient is unchanged


def entropy(logits_BTV: Tensor) -> Tensor:
    """Entropy of each state's next-token distribution in nats, (B, T), from 0 to log V. Logits must be finite."""
    logprobs_BTV = torch.log_softmax(_full(logits_BTV), -1)
    return -(logprobs_BTV.exp() * logprobs_BTV).sum(-1)


def refuse_estimator(kind: str) -> None:
    """Raise UserError unless `kind` ("exact", "k1") is a KL estimator that may be used in the reward."""
    if kind in KL_IN_REWARD:
        return
    if kind in ("k2", "k3"):
        raise UserError(
            f'the KL estimator "{kind}" must not be used in the reward: its value estimates the KL, but its gradient '
            "there does not, and pushes the policy away from the reference even when every reward is 0. Use exact or "
            "k1 (docs/kl-placement.md has the figures)"
        )
    raise UserError(f'unknown KL estimator "{kind}": use one of {", ".join(KL_IN_REWARD)}')


class AdaptiveKL:
    """Adapts beta so that the measured KL approaches its target (Ziegler et al. 2019, sec. 2.2).

    target: nats per sequence; horizon: sequences over which a full correction is made.
    """

    def __init__(self, beta: float, target: float, horizon: float) -> None:
        for name, value in (("beta", beta), ("target", target), ("horizon", horizon)):
            if value <= 0:
                raise UserError(f"{name} of the adaptive KL must be above 0, not {value}")
        self.beta, self.target, self.horizon = beta, target, horizon

    def update(self, kl: float, n: int) -> float:
        """The new beta after n sequences whose mean KL was `kl` nats."""
        error = min(max(kl / self.target - 1, -MAX_KL_ERROR), MAX_KL_ERROR)
        self.beta *= 1 + error * n / self.horizon
        return self.beta

    def state_dict(self) -> dict[str, float]:
        return {"beta": self.beta, "target": self.target, "horizon": self.horizon}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.beta, self.target, self.horizon = state["beta"], state["target"], state["horizon"]


# ---- rewards to returns --------------------------------------------------------------------------------------------


def shaped_rewards(scores_B: Tensor, kl_BT: Tensor, mask_BT: Tensor, beta: float) -> Tensor:
    """-beta * KL on every chosen token, the score on the last chosen one, (B, T), no gradient (Stiennon et al. 2020).

    kl_BT is k1 of the policy that sampled. exact_kl is used here only for `exact_kl_policy_loss`: a state's own KL does
    not depend on the token drawn there, so as a reward alone it has no effect on that token's distribution.
    The last chosen token is the stop token or, in a truncated sequence, the last before the limit. A sequence without
    chosen tokens gets no reward.
    """
    rewards_BT = -beta * _masked(kl_BT.detach(), mask_BT)
    order_T = torch.arange(1, mask_BT.shape[1] + 1, device=mask_BT.device)
    position_BT = (mask_BT != 0) * order_T
    last_BT = (position_BT == position_BT.amax(1, keepdim=True)) & (mask_BT != 0)
    return rewards_BT + last_BT * _full(scores_B).detach().unsqueeze(1)


def reward_to_go(rewards_BT: Tensor, mask_BT: Tensor, gamma: float = 1.0) -> Tensor:
    """sum over s >= t of gamma^(s - t) r_s, (B, T), zero outside the mask: the rewards a token can still influence.

    Tokens outside the mask do not count as time steps, so a tool's answer in the middle does not discount.
    [[0, 0, 1]] with gamma 0.5 -> [[0.25, 0.5, 1]].
    """
    zeros_BT = torch.zeros_like(_full(rewards_BT))
    return gae(rewards_BT, zeros_BT, mask_BT, gamma, 1.0)[0]


def exact_kl_returns(scores_B: Tensor, kl_BT: Tensor, mask_BT: Tensor, beta: float) -> Tensor:
    """score - beta * (sum of the *later* states' KL), (B, T), no gradient: the returns of `exact_kl_policy_loss`."""
    returns_BT = reward_to_go(shaped_rewards(scores_B, kl_BT, mask_BT, beta), mask_BT)
    return returns_BT + beta * _masked(kl_BT.detach(), mask_BT)


def exact_kl_rewards(scores_B: Tensor, kl_BT: Tensor, mask_BT: Tensor, beta: float) -> Tensor:
    """Rewards whose sums from t on are `exact_kl_returns`, (B, T): each token carries the KL of the state after it."""
    returns_BT = exact_kl_returns(scores_B, kl_BT, mask_BT, beta)
    return -gae(torch.zeros_like(returns_BT), returns_BT, mask_BT, 1.0, 0.0)[0]  # each return minus the next one


def gae(
    rewards_BT: Tensor, values_BT: Tensor, mask_BT: Tensor, gamma: float, lam: float, bootstrap_B: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """(advantages, returns), each (B, T), before any whitening, zero outside the mask (Schulman et al. 2016, eq. 16).

    delta_t = r_t + gamma V_(t+1) - V_t;  A_t = delta_t + gamma lam A_(t+1);  returns = A + V.
    bootstrap_B: value of the state *after* the last token, for sequences cut off by the length limit; 0 for those ended
    by the stop token (the default for all). Without it the limit counts as an end: with reward 1 per token, gamma 0.9
    and limit 5 the value is 4.1 instead of 10. Tokens outside the mask do not count as time steps.
    """
    rewards_BT, values_BT = _masked(rewards_BT.detach(), mask_BT), _masked(values_BT.detach(), mask_BT)
    chosen_BT = mask_BT != 0
    advantage_B = torch.zeros_like(values_BT[:, 0])
    value_B = advantage_B if bootstrap_B is None else bootstrap_B.detach().to(values_BT.dtype)
    columns = []
    for t in reversed(range(rewards_BT.shape[1])):
        delta_B = rewards_BT[:, t] + gamma * value_B - values_BT[:, t]
        advantage_B = torch.where(chosen_BT[:, t], delta_B + gamma * lam * advantage_B, advantage_B)
        value_B = torch.where(chosen_BT[:, t], values_BT[:, t], value_B)
        columns.append(advantage_B)
    advantages_BT = _masked(torch.stack(columns[::-1], 1), mask_BT)
    return advantages_BT, advantages_BT + values_BT


# ---- losses of the policy and of the critic -------------------------------------------------------------------------


def reinforce_loss(
    logprobs_BT: Tensor, advantages_BT: Tensor, mask_BT: Tensor, num_sequences: int | None = None
) -> Tensor:
    """-(sum over chosen tokens of advantage * log pi) / number of sequences, a scalar (Williams 1992).

    The divisor is a constant and not a length, because d E[r] / d theta *is* this sum: dividing each sequence by its
    own length makes a bad long answer cost less per token than a bad short one, and the policy learns to ramble (Liu
    et al. 2025). num_sequences: of the whole batch, if this is a part of it (default B). advantages_BT may be (B, 1).
    """
    gain_BT = _masked(logprobs_BT, mask_BT) * _masked(advantages_BT.detach().expand_as(logprobs_BT), mask_BT)
    return -gain_BT.sum() / (num_sequences or logprobs_BT.shape[0])


def exact_kl_policy_loss(
    logprobs_BT: Tensor,
    advantages_BT: Tensor,
    kl_BT: Tensor,
    mask_BT: Tensor,
    beta: float,
    num_sequences: int | None = None,
) -> Tensor:
    """A scalar whose gradient is minus that of J = E[r] - beta E[sum_t KL_t], with KL_t = exact_kl of state t.

    theta acts on J in two ways. It determines which states come next: the score-function term, in which the token at t
    is credited with r and the KL of the states *after* it (states up to t are fixed before it is drawn, so that their
    KL adds noise but no mean). And it shapes the KL of each visited state, which is known and directly differentiated:

        grad J = E[ sum_t grad log pi(y_t) (r - beta sum_(u>t) KL_u - baseline) ] - beta E[ sum_t grad KL_t ]

    kl_BT carries its gradient. advantages_BT are `exact_kl_returns` minus a baseline that does not depend on y_t.
    Leaving out the later KL is the per-token form, which converges elsewhere (docs/kl-placement.md).
    """
    kl = _masked(kl_BT, mask_BT).sum() / (num_sequences or logprobs_BT.shape[0])
    return reinforce_loss(logprobs_BT, advantages_BT, mask_BT, num_sequences) + beta * kl


def _surrogates(
    logprobs_BT: Tensor,
    old_logprobs_BT: Tensor,
    advantages_BT: Tensor,
    mask_BT: Tensor,
    clip: float | tuple[float, float],
) -> tuple[Tensor, Tensor]:
    """ratio * A and clipped ratio * A, each (B, T) and zero outside the mask."""
    low, high = (clip, clip) if isinstance(clip, int | float) else clip
    ratio_BT = (_masked(logprobs_BT, mask_BT) - _masked(old_logprobs_BT.detach(), mask_BT)).exp()
    advantages_BT = _masked(advantages_BT.detach().expand_as(logprobs_BT), mask_BT)
    return ratio_BT * advantages_BT, ratio_BT.clamp(1 - low, 1 + high) * advantages_BT


def clipped_policy_loss(
    logprobs_BT: Tensor,
    old_logprobs_BT: Tensor,
    advantages_BT: Tensor,
    mask_BT: Tensor,
    clip: float | tuple[float, float] = 0.2,
    normaliser: str | float = "sequences",
) -> Tensor:
    """-min(ratio A, clip(ratio, 1 - low, 1 + high) A) over the chosen tokens, a scalar (Schulman et al. 2017, eq. 7).

    clip: one width, or (low, high) (Yu et al. 2025, "DAPO"). advantages_BT may be (B, 1).
    normaliser: "sequences" (sum / B: no length bias, see `reinforce_loss`; Dr. GRPO up to a constant), "tokens" (sum /
    chosen tokens: TRL's bnpo, DAPO), "sequence_means" (mean of each sequence's mean: the original GRPO, length-biased),
    or the divisor itself, for parts of a larger batch. Raises ValueError for any other string.
    """
    plain_BT, clipped_BT = _surrogates(logprobs_BT, old_logprobs_BT, advantages_BT, mask_BT, clip)
    loss_BT, chosen_BT = -torch.minimum(plain_BT, clipped_BT), mask_BT != 0
    if normaliser == "sequences":
        return loss_BT.sum() / loss_BT.shape[0]
    if normaliser == "tokens":
        return loss_BT.sum() / chosen_BT.sum().clamp(min=1)
    if normaliser == "sequence_means":
        return (loss_BT.sum(1) / chosen_BT.sum(1).clamp(min=1)).mean()
    if isinstance(normaliser, str):
        raise ValueError(f'normaliser must be "sequences", "tokens", "sequence_means" or a number, not "{normaliser}"')
    return loss_BT.sum() / normaliser


def clip_fraction(
    logprobs_BT: Tensor,
    old_logprobs_BT: Tensor,
    advantages_BT: Tensor,
    mask_BT: Tensor,
    clip: float | tuple[float, float] = 0.2,
) -> Tensor:
    """Share of the chosen tokens whose gradient was removed by clipping, a scalar in 0..1."""
    plain_BT, clipped_BT = _surrogates(logprobs_BT, old_logprobs_BT, advantages_BT, mask_BT, clip)
    return masked_mean((clipped_BT < plain_BT).float(), mask_BT).detach()


def approx_kl(logprobs_BT: Tensor, old_logprobs_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """KL(old || new) per token in nats, from the old policy's samples, >= 0 (k3): for monitoring, never a loss."""
    log_ratio_BT = _masked(logprobs_BT, mask_BT) - _masked(old_logprobs_BT, mask_BT)
    return masked_mean(torch.expm1(log_ratio_BT) - log_ratio_BT, mask_BT).detach()


def value_loss(
    values_BT: Tensor, old_values_BT: Tensor, returns_BT: Tensor, mask_BT: Tensor, clip: float | None = None
) -> Tensor:
    """Half the mean squared error over the chosen tokens, a scalar; with clip the worse of V and V within old +- clip.

    The clip is in units of reward (Schulman's PPO code, 2017), so it is meaningful only for normalised rewards.
    """
    values_BT, returns_BT = _masked(values_BT, mask_BT), _masked(returns_BT.detach(), mask_BT)
    error_BT = (values_BT - returns_BT) ** 2
    if clip is not None:
        old_BT = _masked(old_values_BT.detach(), mask_BT)
        held_BT = values_BT.clamp(old_BT - clip, old_BT + clip)
        error_BT = torch.maximum(error_BT, (held_BT - returns_BT) ** 2)
    return 0.5 * masked_mean(error_BT, mask_BT)


def explained_variance(values_BT: Tensor, returns_BT: Tensor, mask_BT: Tensor) -> Tensor:
    """1 - var(returns - values) / var(returns) over the chosen tokens: 1 is perfect, 0 no better than a constant."""
    error, total = (whitening_divisor(x_BT, mask_BT) for x_BT in (returns_BT - values_BT, returns_BT))
    return (1 - (error / total) ** 2).detach()
