"""K-quants, which the gguf package reads but does not write: llama.cpp makes them from an F16 file, in this process."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from firstwords.config import UserError
from firstwords.process import cores

# llama.cpp's number for files of each type; the mixtures that its own tool calls Q4_K_M, Q5_K_M and Q6_K
K_QUANTS = {"q4_k": 15, "q5_k": 17, "q6_k": 18}


def quantise(source: Path, target: Path, kind: str) -> None:
    """Write the F16 file `source` as a file of one of K_QUANTS.

    Matrices whose rows are no multiple of 256 get the nearest type with blocks of 32. Raises UserError without
    llama-cpp-python, or if llama.cpp refuses.
    """
    try:
        import llama_cpp as lib
    except (ImportError, OSError, RuntimeError):  # missing, or its library cannot be loaded here
        tool_name = kind.upper() + ("_M" if kind != "q6_k" else "")
        raise UserError(
            f"{kind} needs llama.cpp: `pip install llama-cpp-python`, or export with --type f16 and run "
            f"`llama-quantize MODEL.f16.gguf MODEL.{kind}.gguf {tool_name}`"
        ) from None
    silent = lib.llama_log_callback(lambda *_: None)
    lib.llama_log_set(silent, ctypes.c_void_p(0))
    params = lib.llama_model_quantize_default_params()
    params.ftype, params.nthread = K_QUANTS[kind], cores()
    failed = lib.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(params))
    lib.llama_log_set(lib.llama_log_callback(), ctypes.c_void_p(0))
    if failed:
        raise UserError(f"llama.cpp cannot write this model as {kind}: use --type q4_1 or q8_0")
