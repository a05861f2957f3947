"""A transformer that outputs one number per token instead of logits: reward models and critics.

On disk it is Hugging Face's `...ForSequenceClassification` with one label: the usual names for the trunk,
`score.weight` for the head, no language-model head.

Axes: B rows, T tokens per row, D hidden.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from firstwords.config import UserError
from firstwords.model.config import ModelConfig, architecture_of
from firstwords.model.hub import fill_weights, read_config
from firstwords.model.lora import twin
from firstwords.model.transformer import Linear, Transformer

CAUSAL, SCALAR = "ForCausalLM", "ForSequenceClassification"


class ScalarModel(Transformer):
    """`model(ids_BT, lengths_B)` -> scores_B at each row's last token; `values(ids_BT)` -> one per token."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        del self.lm_head
        self.score = Linear(config.hidden_size, 1, bias=False)

    def tie_weights(self) -> None:
        """There is no output head to tie."""

    @property
    def head_weight(self) -> Tensor:
        """The row vector (1, D) that turns a hidden state into a score."""
        return self.score.weight

    @classmethod
    @torch.no_grad()
    def from_policy(
        cls, policy: Transformer, seed: int, scale: float = 1.0, shares_weights: bool = False
    ) -> ScalarModel:
        """The trunk of a language model and a new head of std scale / sqrt(D + 1) (Stiennon et al. 2020).

        shares_weights: the trunk's tensors are the policy's, not copies, because only an adapter is trained.
        """
        model = cls(policy.config)
        if shares_weights:
            model.model = twin(policy).model
        else:
            weights = dict(policy.named_parameters())
            for name, parameter in model.named_parameters():
                if name != "score.weight":
                    parameter.copy_(weights[name])
        generator = torch.Generator().manual_seed(seed)
        D = policy.config.hidden_size
        model.score.weight.copy_(torch.empty(1, D).normal_(0.0, scale * (D + 1) ** -0.5, generator=generator))
        return model.to(policy.head_weight.device)

    def values(self, ids_BT: Tensor, positions_BT: Tensor | None = None, segments_BT: Tensor | None = None) -> Tensor:
        """A number for every token, fp32, (B, T). See `hidden` for packed rows."""
        return self.hidden(ids_BT, positions_BT, segments_BT).float() @ self.score.weight[0].float()

    def forward(  # type: ignore[override]  # one score per row instead of logits: it needs the rows' lengths
        self, ids_BT: Tensor, lengths_B: Tensor
    ) -> Tensor:
        """The score of each row at its last real token, fp32, (B,). Rows are right-padded with any id."""
        return self.values(ids_BT)[torch.arange(len(ids_BT), device=ids_BT.device), lengths_B - 1]

    def hf_config(self) -> dict[str, Any]:
        """The dict of `config.json`."""
        data = super().hf_config()
        architecture = self.config.architecture.replace(CAUSAL, SCALAR)
        return data | {"architectures": [architecture], "num_labels": 1, "id2label": {"0": "reward"}}


def load_scalar_model(directory: str | Path, device: str = "cpu") -> ScalarModel:
    """Load a saved ScalarModel from a directory. Raises UserError like `load_model`."""

    def as_causal(data: dict[str, Any]) -> dict[str, Any]:
        architecture = architecture_of(data)
        if not architecture.endswith(SCALAR):
            raise UserError(f"{directory} contains {architecture}, which is not a reward model: choose a {SCALAR}")
        return data | {"architectures": [architecture.replace(SCALAR, CAUSAL)]}

    model = ScalarModel(read_config(directory, as_causal)).to(device)
    fill_weights(dict(model.named_parameters()), Path(directory), ignored=("lm_head.weight",))
    return model
