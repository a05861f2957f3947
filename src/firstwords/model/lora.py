"""Low-rank adapters (LoRA, Hu et al. 2021): the weights stay as they are, and each chosen matrix gets two small ones.

    adapt(model, Lora(rank=16), seed=0)      add them, and freeze everything else
    save_adapter(adapter_of(model), lora, folder, base)      PEFT's adapter_config.json and adapter_model.safetensors
    load_adapter(model, folder)              the inverse, for adapters of PEFT too
    twin(model)                              the same weights in a second model, which can have another adapter
    merge(model)                             W + scale B A; the model is then like any other

A matrix computes W x + scale B (A x). Nothing of W's size is needed for its gradients, which is what saves memory.

Axes: R rank, I inputs and O outputs of a matrix.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from firstwords.config import UserError
from firstwords.model.config import ModelConfig
from firstwords.model.hub import tensors_of
from firstwords.model.transformer import Linear, Transformer
from firstwords.runlog import damaged, read_state, write_json

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"
ADAPTER = "adapter"  # folder of a stage: the adapter that was merged into its weights
PREFIX = "base_model.model."  # of PEFT's names
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
SCORE = "score"  # the head of a reward model, which its adapter's files hold as a whole
AGAIN = "copy it again from its source"
# What PEFT can do and this file does not, with the value that leaves it off.
UNSUPPORTED: dict[str, Any] = {
    "use_dora": False, "bias": "none", "modules_to_save": None, "rank_pattern": {}, "alpha_pattern": {},
    "lora_bias": False, "fan_in_fan_out": False, "target_parameters": None, "trainable_token_indices": None,
}  # fmt: skip

M = TypeVar("M", bound=Transformer)


@dataclass(frozen=True)
class Lora:
    """rank: R. alpha: the strength; the scale is alpha / R, or alpha / sqrt(R) with is_rank_stabilised (Kalajdzievski
    2023). targets: names of the matrices in every layer, of TARGETS.
    """

    rank: int
    alpha: float
    targets: tuple[str, ...] = TARGETS
    is_rank_stabilised: bool = False

    def __post_init__(self) -> None:
        if self.rank < 1 or self.alpha <= 0:
            raise UserError(f"an adapter of rank {self.rank} and alpha {self.alpha:g} is not possible: use 1 or more")
        unknown = sorted(set(self.targets) - set(TARGETS))
        if unknown or not self.targets:
            raise UserError(f"there is no matrix {', '.join(unknown)} to adapt: use some of {', '.join(TARGETS)}")

    @property
    def scale(self) -> float:
        """What the product of the two matrices is multiplied by."""
        return self.alpha / (math.sqrt(self.rank) if self.is_rank_stabilised else self.rank)

    def num_params(self, config: ModelConfig) -> int:
        """Parameters of the adapter for a model of this shape."""
        D, F = config.hidden_size, config.intermediate_size
        query, keys = (n * config.head_dim for n in (config.num_attention_heads, config.num_key_value_heads))
        sides = {"q_proj": D + query, "k_proj": D + keys, "v_proj": D + keys, "o_proj": query + D}
        sides |= {"gate_proj": D + F, "up_proj": D + F, "down_proj": F + D}
        return self.rank * config.num_hidden_layers * sum(sides[name] for name in self.targets)


def adapt(model: Transformer, lora: Lora, seed: int) -> None:
    """Add the small matrices, B zero so that nothing changes yet, and freeze all other parameters."""
    generator = torch.Generator().manual_seed(seed)
    model.requires_grad_(False)
    for _, linear in _targets(model, lora.targets):
        O, I = linear.weight.shape  # noqa: E741
        bound = 1 / math.sqrt(I)  # as PEFT begins: uniform, of Kaiming's size with a = sqrt(5)
        a_RI = torch.empty(lora.rank, I).uniform_(-bound, bound, generator=generator)
        _attach(linear, a_RI, torch.zeros(O, lora.rank), lora.scale)


def twin(model: M) -> M:
    """Another model with the same tensors, not copies of them, and without an adapter.

    So one set of weights in memory can be a policy and its reference, or several models that differ in their adapters.
    """
    memo: dict[int, Any] = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    other = copy.deepcopy(model, memo)
    for _, linear in _targets(other, TARGETS):
        linear.lora_A = linear.lora_B = None
    return other


def adapter_of(model: Transformer) -> dict[str, Tensor]:
    """The adapter's tensors by PEFT's names, and the head of a reward model."""
    found = {}
    for name, linear in _targets(model, TARGETS):
        if linear.lora_A is not None and linear.lora_B is not None:
            found[f"{PREFIX}{name}.lora_A.weight"] = linear.lora_A.detach().float().cpu().contiguous()
            found[f"{PREFIX}{name}.lora_B.weight"] = linear.lora_B.detach().float().cpu().contiguous()
    head = getattr(model, SCORE, None)
    if found and head is not None:
        found[f"{PREFIX}{SCORE}.weight"] = head.weight.detach().float().cpu().contiguous()
    return found


@torch.no_grad()
def merge(model: Transformer) -> None:
    """Add the adapter to the weights and remove it; all parameters can be trained again. Twins keep their weights."""
    for _, linear in _targets(model, TARGETS):
        if linear.lora_A is not None:
            linear.weight = nn.Parameter(linear.effective_weight)
            linear.lora_A = linear.lora_B = None
    model.requires_grad_(True)


def save_adapter(tensors: dict[str, Tensor], lora: Lora, folder: Path, base: str) -> None:
    """Write PEFT's two files. tensors: of `adapter_of`. base: path or name of the model that the adapter belongs to."""
    has_score = f"{PREFIX}{SCORE}.weight" in tensors
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / TENSORS, metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "SEQ_CLS" if has_score else "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": 0.0,
        "target_modules": sorted(lora.targets),
        "use_rslora": lora.is_rank_stabilised,
        "inference_mode": True,
        "init_lora_weights": True,
        **UNSUPPORTED,
    }
    if has_score:
        config["modules_to_save"] = [SCORE]
    write_json(folder / CONFIG, config)


@torch.no_grad()
def load_adapter(model: Transformer, folder: Path) -> Lora:
    """Attach the adapter in a folder of PEFT's format. Raises UserError, by name, for what does not fit the model."""
    lora = read_config(folder)
    linears = dict(_targets(model, lora.targets))
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors_of(folder / TENSORS):
        name, _, part = key.removeprefix(PREFIX).removesuffix(".weight").rpartition(".")
        if name not in linears or part not in ("lora_A", "lora_B"):
            raise UserError(f"the adapter {folder} changes {key}, which this model does not have or cannot adapt")
        parts.setdefault(name, {})[part] = tensor.float()
    missing = sorted(set(linears) - {name for name, pair in parts.items() if len(pair) == 2})
    if missing:
        raise UserError(f"the adapter {folder} lacks the matrices of {missing[0]}: {AGAIN}")
    for name, pair in parts.items():
        O, I = linears[name].weight.shape  # noqa: E741
        if pair["lora_A"].shape != (lora.rank, I) or pair["lora_B"].shape != (O, lora.rank):
            raise UserError(f"the adapter {folder} was made for another model: its shapes do not fit {name}")
    model.requires_grad_(False)
    for name, pair in parts.items():
        _attach(linears[name], pair["lora_A"], pair["lora_B"], lora.scale)
    return lora


def read_config(folder: Path) -> Lora:
    """The settings of an adapter. Raises UserError for a folder that holds none, and for unsupported ones by name."""
    path = folder / CONFIG
    data = read_state(path, AGAIN)
    if data is None:
        raise UserError(f"{folder} is not an adapter: it has no {CONFIG}")
    if data.get("peft_type") != "LORA":
        raise UserError(f"{folder} is an adapter of the kind {data.get('peft_type')}, and only LORA is supported")
    for name, off in UNSUPPORTED.items():
        if (data.get(name) or off) != off:
            raise UserError(f"the adapter {folder} uses {name}, which is not supported")
    targets = data.get("target_modules")
    if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
        raise UserError(f"the adapter {folder} names its target_modules by a pattern, which is not supported")
    try:
        names = tuple(dict.fromkeys(target.rpartition(".")[2] for target in targets))
        return Lora(int(data["r"]), float(data["lora_alpha"]), names, bool(data.get("use_rslora", False)))
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path, error, AGAIN) from None


def _targets(model: Transformer, names: tuple[str, ...]) -> Iterator[tuple[str, Linear]]:
    for name, module in model.named_modules():
        if isinstance(module, Linear) and name.startswith("model.layers.") and name.rpartition(".")[2] in names:
            yield name, module


def _attach(linear: Linear, a_RI: Tensor, b_OR: Tensor, scale: float) -> None:
    device = linear.weight.device
    linear.lora_A, linear.lora_B = nn.Parameter(a_RI.to(device)), nn.Parameter(b_OR.to(device))
    linear.lora_scale = scale
