"""One contestant of generate_speed.py, in a process of its own: this engine, another commit's, or another library.

    python benchmarks/_generator.py KIND MODEL_DIR      # KIND: one of KINDS

Reads one JSON list of prompts (lists of ids) and a number of tokens per line, [[[5, 6], ...], 256], and answers with
[seconds, processor seconds, [[ids], ...]]: greedy, without stop tokens, and with nothing cached from the line before.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

Ids = list[list[int]]
Generate = Callable[[Ids, int], Ids]  # continues prompts by so many tokens
NUM_SLOTS = 16


def firstwords(directory: Path, weights: str = "fp32") -> Generate:
    from firstwords.engine.engine import Engine
    from firstwords.engine.sampling import SamplingParams
    from firstwords.model.hub import load_model

    tokenizer = None
    if weights == "auto":  # the check at load reads a text
        from firstwords.tokenizer.fast import Tokenizer

        tokenizer = Tokenizer.load(directory)
    options = {} if weights == "fp32" else {"weights": weights}  # which engines before the compiled one do not know
    engine = Engine(load_model(directory), tokenizer, num_slots=NUM_SLOTS, **options)

    def generate(prompts: Ids, num_tokens: int) -> Ids:
        engine.forget()
        answers = engine.generate(prompts, SamplingParams(max_tokens=num_tokens, temperature=0, ignore_eos=True))
        return [answer.ids for answer in answers]

    return generate


def transformers(directory: Path) -> Generate:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
    model.generation_config.eos_token_id = None

    @torch.inference_mode()
    def generate(prompts: Ids, num_tokens: int) -> Ids:
        ids = torch.tensor(prompts)
        mask = torch.ones_like(ids)
        whole = model.generate(ids, attention_mask=mask, do_sample=False, pad_token_id=0, max_new_tokens=num_tokens)
        return whole[:, ids.shape[1] :].tolist()

    return generate


def llama_cpp(directory: Path) -> Generate:
    """llama.cpp through its C interface, so that its Python wrapper costs nothing; greedy by NumPy's argmax."""
    import llama_cpp as lib
    import numpy as np

    path = directory / "model.gguf"
    lib.llama_backend_init()
    quiet = lib.llama_log_callback(lambda *_: None)
    lib.llama_log_set(quiet, ctypes.c_void_p(0))
    model_params, params = lib.llama_model_default_params(), lib.llama_context_default_params()
    model_params.n_gpu_layers = 0
    model = lib.llama_model_load_from_file(str(path).encode(), model_params)
    if not model:
        raise SystemExit(f"llama.cpp cannot load {path}")
    params.n_ctx, params.n_batch, params.n_ubatch, params.n_seq_max = NUM_SLOTS * 512, 1024, 1024, NUM_SLOTS
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    params.n_threads = params.n_threads_batch = int(os.environ.get("LLAMA_THREADS", cores))
    params.kv_unified = False
    context = lib.llama_init_from_model(model, params)
    V = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(model))
    batch = lib.llama_batch_init(1024, 0, 1)

    def decode(tokens: list[tuple[int, int, int, bool]]) -> np.ndarray:
        """Compute (id, position, sequence, whether logits are wanted); the likeliest next ids of those that want."""
        batch.n_tokens, places = len(tokens), []
        for i, (token, position, sequence, wants) in enumerate(tokens):
            batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, position, 1, wants
            batch.seq_id[i][0] = sequence
            places += [i] if wants else []
        if lib.llama_decode(context, batch):
            raise SystemExit("llama.cpp cannot decode")
        return np.array([np.ctypeslib.as_array(lib.llama_get_logits_ith(context, i), (V,)).argmax() for i in places])

    def generate(prompts: Ids, num_tokens: int) -> Ids:
        lib.llama_memory_clear(lib.llama_get_memory(context), True)
        last = len(prompts[0]) - 1
        entries = [(t, i, s, i == last) for s, prompt in enumerate(prompts) for i, t in enumerate(prompt)]
        answers = [decode(entries)]
        for n in range(1, num_tokens):
            answers.append(decode([(int(token), last + n, s, True) for s, token in enumerate(answers[-1])]))
        return np.stack(answers, 1).tolist()

    return generate


def write_gguf(directory: Path) -> None:
    """Write model.gguf, the same fp32 weights in llama.cpp's format. For Qwen3's architecture, without a vocabulary."""
    import gguf
    from safetensors.numpy import load_file

    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    if config["architectures"] != ["Qwen3ForCausalLM"]:
        raise SystemExit(f"a GGUF is written for Qwen3's architecture, not for {config['architectures'][0]}")
    writer = gguf.GGUFWriter(directory / "model.gguf", "qwen3")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config.get("rope_theta") or config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("no_vocab")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN3, config["num_hidden_layers"])
    for name, array in load_file(directory / "model.safetensors").items():
        base, _, suffix = name.rpartition(".")
        writer.add_tensor(f"{names.get_name(base)}.{suffix}", array.astype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


KINDS: dict[str, Callable[[Path], Generate]] = {
    "firstwords": firstwords,
    "firstwords auto": lambda directory: firstwords(directory, "auto"),
    "transformers": transformers,
    "llama.cpp": llama_cpp,
}


def processor_seconds() -> float:
    """Of all threads of this process and its children that have ended."""
    return sum(os.times()[:4])


def main() -> None:
    generate = KINDS[sys.argv[1]](Path(sys.argv[2]))
    print("ready", flush=True)
    for line in sys.stdin:
        prompts, num_tokens = json.loads(line)
        started, busy = time.perf_counter(), processor_seconds()
        answers = generate(prompts, num_tokens)
        print(json.dumps([time.perf_counter() - started, processor_seconds() - busy, answers]), flush=True)


if __name__ == "__main__":
    main()
