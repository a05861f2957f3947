"""Imported once by the fork server: everything that a command would otherwise import in each child."""

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
gc.collect()
gc.freeze()  # the collector then scans only each child's own few objects
