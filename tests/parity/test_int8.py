"""int8 weights of every family are the rounded weights, and a real model loses less than half a percent by them."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from test_gguf import smollm2
from test_models import V, assert_close, peer_of

from firstwords.engine.compiled import CompiledDecoder
from firstwords.engine.engine import Engine
from firstwords.engine.int8 import MAX_CHANGE, loss_change, quantised
from firstwords.engine.sampling import SamplingParams
from firstwords.model import hub
from firstwords.model.cache import KVCache
from firstwords.model.gguf.reading import convert
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@torch.inference_mode()
@pytest.mark.parametrize("case", ["llama tied", "qwen2", "qwen3", "smollm3", "gemma3"])
def test_int8_weights_of_a_family_are_its_rounded_weights(case, tmp_path):
    peer_of(case).save_pretrained(tmp_path)
    model, rounded = (hub.load_model(tmp_path) for _ in range(2))
    for _, parameter in rounded.named_parameters():
        if parameter.dim() == 2:
            weight, scale = quantised(parameter.numpy().copy())
            parameter.copy_(torch.from_numpy(weight * scale[:, None]))
    ids = torch.randint(3, V, (40,), generator=torch.Generator().manual_seed(4))
    decoder = CompiledDecoder(model, KVCache(model.config, 1), is_int8=True)
    logits = decoder.prompt_logits(ids.numpy())
    assert_close(logits, rounded(ids[None])[0], "logits", slack=3)
    assert (logits - model(ids[None])[0]).abs().max() > 1e-4, "the weights were rounded"


# A passage unlike the probe text that the check at load reads.
TEXT = """Once upon a time there was a miller who had three sons, and when he died he left them his mill, his donkey and
his cat. The eldest took the mill, the second took the donkey, and the youngest had nothing but the cat. "My brothers
can earn their bread if they work together," he said, "but when I have eaten my cat, I shall have to starve." The cat
heard this, and answered: "Give me a bag and a pair of boots, and you will see that you have not come off so badly." """


@pytest.mark.open_model
def test_smollm2_in_int8(tmp_path):
    """Chosen by the check at load; the loss on another text stays within it; fp32 answers are those of transformers."""
    import transformers

    convert(smollm2(), tmp_path)
    model, tokenizer = hub.load_model(tmp_path), Tokenizer.load(tmp_path)
    engine = Engine(model, tokenizer, num_slots=2, max_length=512, weights="auto")
    decoder = engine._decoder
    assert decoder.is_int8 and loss_change(model, decoder.prompt_logits, tokenizer) < MAX_CHANGE
    ids = np.array([tokenizer.endoftext_id, *tokenizer.encode(TEXT)])
    targets = torch.from_numpy(ids[1:])
    with torch.inference_mode():
        exact, rounded = (
            torch.nn.functional.cross_entropy(logits_TV, targets)
            for logits_TV in (model(torch.from_numpy(ids[None, :-1]))[0], decoder.prompt_logits(ids[:-1]))
        )
    assert abs(float(rounded / exact) - 1) < 0.005
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    fp32 = Engine(model, tokenizer, num_slots=2, max_length=512)
    for question in ("Name three colours.", "What is 2 + 2?"):
        prompt = render([{"role": "user", "content": question}], tokenizer, True)[0]
        (ours,) = fp32.generate([prompt], SamplingParams(max_tokens=12, temperature=0.0))
        generated = theirs.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=12)[0, len(prompt) :]
        assert ours.ids == generated.tolist(), question
