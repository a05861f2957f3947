"""A policy and its critic as one learner: two models, each with its own optimizer and clipping, and one checkpoint.

The critic starts as a copy of the reward model and, like it, predicts normalised rewards: (output - mean) / std.

Axes: B answers, T positions.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from firstwords.model.heads import ScalarModel
from firstwords.model.lora import Lora, adapt, twin
from firstwords.model.transformer import Transformer
from firstwords.rlhf.losses import value_loss
from firstwords.rlhf.reward_model import RewardModel
from firstwords.rlhf.rollout import rows_of
from firstwords.train.learner import Learner, OptimConfig

PREFIX = "critic."  # of the names of the critic's tensors in a checkpoint


class ActorCritic(Learner[Transformer]):
    """The actor's `Learner`, with the critic's own in `critic`. `state_dict` holds both."""

    def __init__(
        self, actor: Learner, reward: RewardModel, critic_optim: OptimConfig, lora: Lora | None = None
    ) -> None:
        super().__init__(actor.model, actor.optim, actor.device)
        if lora is None:
            model = copy.deepcopy(reward.model).requires_grad_(True)
        else:
            model = twin(reward.model)
            model.score = copy.deepcopy(model.score)
            adapt(model, lora, seed=0)
            model.score.requires_grad_(True)
        self.critic: Learner[ScalarModel] = Learner(model, critic_optim, actor.device)
        self.mean, self.std = reward.mean, reward.std
        self.critic.should_stop = lambda: self.should_stop()

    def values(self, ids_BT: Tensor) -> Tensor:
        """The critic's estimate of the return of each state, in normalised rewards, fp32, (B, T)."""
        return self.normalised(self.critic.model, ids_BT)

    def normalised(self, model: ScalarModel, *rows: Tensor) -> Tensor:
        return (model.values(*rows) - self.mean) / self.std

    def critic_step(self, pieces: list[dict[str, Any]], clip: float | None, lr_fraction: float) -> dict[str, float]:
        """One update of the critic towards the returns of these micro-batches, averaged over their chosen tokens."""

        def loss(model: ScalarModel, batch: dict[str, Tensor]) -> Tensor:
            values_N = self.normalised(model, *rows_of(batch)).flatten()[batch["places"]]
            values_1N, old_1N, returns_1N, mask_1N = (
                x[None] for x in (values_N, batch["old_values"], batch["returns"], torch.ones_like(values_N))
            )
            return value_loss(values_1N, old_1N, returns_1N, mask_1N, clip) * len(values_N)

        names = ("inputs", "positions", "segments", "places", "old_values", "returns")
        batches = [{name: piece[name] for name in names if name in piece} for piece in pieces]
        num_chosen = sum(len(batch["places"]) for batch in batches)
        found = self.critic.forward_backward(batches, loss, divisor=num_chosen) | self.critic.optim_step(lr_fraction)
        self.num_updates += 1  # a step abandoned after this has changed weights
        return {"critic_loss": found["loss"], "critic_grad_norm": found["grad_norm"], "processed": found["processed"]}

    def state_dict(self) -> dict[str, Any]:
        """Like `Learner.state_dict`, with the critic's tensors under prefixed names."""
        state, critic = super().state_dict(), self.critic.state_dict()
        for part in ("model", "optimizers"):
            state[part] = state[part] | {PREFIX + name: value for name, value in critic[part].items()}
        return state | {"num_skipped": state["num_skipped"] + critic["num_skipped"]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore both in place. Inverse of `state_dict`, except that all skipped steps go to the actor."""
        actor: dict[str, Any] = {"num_skipped": state["num_skipped"]}
        critic: dict[str, Any] = {"num_skipped": 0}
        for part in ("model", "optimizers"):
            own = {name for name in state[part] if name.startswith(PREFIX)}
            critic[part] = {name.removeprefix(PREFIX): state[part][name] for name in own}
            actor[part] = {name: value for name, value in state[part].items() if name not in own}
        super().load_state_dict(actor)
        self.critic.load_state_dict(critic)

    @torch.no_grad()
    def old_values(self, ids_BT: Tensor, micro_tokens: int) -> Tensor:
        """`values` in micro-batches of `micro_tokens`, returned on the CPU."""
        rows = max(1, micro_tokens // ids_BT.shape[1])
        return torch.cat([self.values(part.to(self.device)).cpu() for part in ids_BT.split(rows)])
