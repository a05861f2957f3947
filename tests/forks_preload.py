"""Imported once by the fork server: everything that a command would otherwise import in each child."""

import contextlib
import gc
import importlib
import warnings

import torch

torch.set_num_threads(1)
warnings.filterwarnings("ignore", message=".*fork.*")

from firstwords.cli import COMMANDS  # noqa: E402

for _module in sorted({module for module, _, _ in COMMANDS.values()}):
    importlib.import_module(_module)
for _module in (
    "firstwords.serve.app",
    "firstwords.serve.server",
    "firstwords.engine.engine",
    "starlette.testclient",
    "rich.table",
    "rich.console",
    "safetensors.torch",
    "torch.distributed.checkpoint",
    "firstwords.eval.exam",
    "firstwords.eval.bpb",
    "torch._dynamo",
    "torch.distributed.tensor",
    "matplotlib.figure",
    "fault_disk",
    "fault_requests",
    "typeguard",
    "fsspec",
    "torch.distributed.checkpoint._fsspec_filesystem",
):
    importlib.import_module(_module)

from firstwords.engine.compiled import CompiledDecoder  # noqa: E402
from firstwords.engine.machine_code import CompileError  # noqa: E402
from firstwords.model.cache import KVCache  # noqa: E402
from firstwords.model.config import ModelConfig  # noqa: E402
from firstwords.model.transformer import Transformer  # noqa: E402

_shape = {"vocab_size": 8, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "head_dim": 64}
_model = Transformer(ModelConfig(**_shape, num_attention_heads=1, num_key_value_heads=1, max_position_embeddings=8))
with contextlib.suppress(CompileError):  # then the children say so
    CompiledDecoder(_model, KVCache(_model.config, 1, 8), num_threads=1)  # loads the machine code, a second's work
gc.collect()
gc.freeze()  # the collector then scans only each child's own few objects
