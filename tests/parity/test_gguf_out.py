"""GGUF files out: what comes back through our own reader is the same model, and llama.cpp computes the same."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import gguf
import pytest
import torch
from test_gguf import many_scripts, peer
from test_models import randomise

from firstwords import api
from firstwords.cli import main
from firstwords.config import UserError
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.model import hub
from firstwords.model.config import ModelConfig
from firstwords.model.gguf.reading import convert
from firstwords.model.gguf.writing import TYPES, plain_template, write_gguf
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.chat import render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.gguf_vocab import splits_alike, token_list

WORDS = "The cat is on the mat. What is your name? My name is Pip. 17 and 4 are 21. Grün ist das Gras.\n"
FAMILIES = ("llama", "llama tied", "llama3 scaling of 3.1", "linear scaling", "qwen2", "qwen3 tied", "smollm3")
CHAT = [{"role": "user", "content": "What is your name?"}]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train([WORDS * 5], 320)


@pytest.fixture(scope="module")
def own(tokenizer) -> Transformer:
    """A model of the shape of new ones, with a width that fills whole blocks."""
    model = Transformer(
        ModelConfig(
            vocab_size=tokenizer.vocab_size,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=32,
            max_position_embeddings=256,
            tie_word_embeddings=False,
        )
    )
    randomise(model)
    return model.requires_grad_(False)


@pytest.mark.parametrize("kind", TYPES)
def test_a_model_of_ours_comes_back_as_it_was(kind, own, tokenizer, tmp_path):
    hub.save_model(own, tmp_path / "one", tokenizer)
    write_gguf(own, tokenizer, tmp_path / "m.gguf", kind)
    convert(tmp_path / "m.gguf", tmp_path / "two")
    again = hub.load_model(tmp_path / "two")
    assert again.config == own.config
    for (name, before), (_, after) in zip(own.named_parameters(), again.named_parameters(), strict=True):
        error = (before - after).abs().max() / before.abs().max()
        exact = kind == "f32" or before.ndim < 2
        assert torch.equal(before, after) if exact else error < {"q": 0.15, "f": 1e-3, "b": 5e-3}[kind[0]], name
    files = [(tmp_path / folder / "tokenizer.json").read_text() for folder in ("one", "two")]
    assert json.loads(files[0]) == json.loads(files[1])
    back = Tokenizer.load(tmp_path / "two")
    assert render(CHAT, back, True) == render(CHAT, tokenizer, True)
    assert (back.is_own, back.end_ids, back.answer_end_id) == (True, tokenizer.end_ids, tokenizer.im_end_id)


@pytest.mark.parametrize("case", FAMILIES)
def test_an_imported_model_comes_back_as_it_was(case, tokenizer, tmp_path):
    peer(case).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text()) | {"vocab_size": tokenizer.vocab_size}
    model = Transformer(ModelConfig.from_hf(config))
    randomise(model, seed=4)
    write_gguf(model, tokenizer, tmp_path / "m.gguf", "f32")
    convert(tmp_path / "m.gguf", tmp_path / "two")
    again = hub.load_model(tmp_path / "two")
    assert again.config == model.config
    assert hub.weights_hash(again) == hub.weights_hash(model)


def test_the_types_are_those_that_the_gguf_package_finds(own, tokenizer, tmp_path):
    for kind in TYPES:
        write_gguf(own, tokenizer, tmp_path / "m.gguf", kind)
        reader = gguf.GGUFReader(tmp_path / "m.gguf")
        found = {tensor.tensor_type.name for tensor in reader.tensors if len(tensor.shape) == 2}
        assert found == {TYPES[kind][0]}
        assert reader.fields["general.file_type"].contents() == TYPES[kind][1]
        assert gguf.LlamaFileType(TYPES[kind][1]).name.endswith(TYPES[kind][0])


def test_a_template_without_our_marks_writes_the_same(tokenizer, tmp_path):
    from firstwords.tokenizer.template import ChatTemplate

    chat = [*CHAT, {"role": "assistant", "content": " Pip. "}, *CHAT]
    text = ChatTemplate(plain_template(), {}).text(chat, True)
    assert text == tokenizer.decode(render(chat, tokenizer, True)[0], skip_special=False)


def test_special_tokens_are_control_tokens(tokenizer):
    texts, types = token_list(json.loads(tokenizer.backend_json()), tokenizer.vocab_size + 3)
    assert texts[:3] == ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] and types[:4] == [3, 3, 3, 1]
    assert types[-3:] == [5, 5, 5] and len(texts) == tokenizer.vocab_size + 3


# ---- llama.cpp -------------------------------------------------------------------------------------------------------


def llama(path: Path, **options):
    llama_cpp = pytest.importorskip("llama_cpp")
    return llama_cpp.Llama(str(path), verbose=False, n_threads=1, **options)


def test_llama_cpp_generates_the_same_tokens(own, tokenizer, tmp_path):
    write_gguf(own, tokenizer, tmp_path / "m.gguf", "f32")
    peer_ = llama(tmp_path / "m.gguf", n_ctx=128, logits_all=True)
    for text in ("The cat", "What is your name? 17", "Gr"):
        ids = [tokenizer.endoftext_id, *tokenizer.encode(text)]
        assert peer_.tokenize(text.encode(), add_bos=True, special=False) == ids
        params = SamplingParams(max_tokens=20, temperature=0.0, ignore_eos=True)
        (ours,) = Engine(own, tokenizer).generate([ids], params)
        theirs = []
        for token in peer_.generate(ids, temp=0.0, reset=True):
            theirs.append(token)
            if len(theirs) == 20:
                break
        assert len(set(theirs)) > 3, "a constant answer compares nothing"
        assert ours.ids == theirs
    assert peer_.token_eos() == tokenizer.im_end_id


@pytest.mark.parametrize("kind", ["q8_0", "q4_0", "q4_k", "q6_k"])
def test_llama_cpp_continues_a_quantised_file_as_we_do(kind, own, tokenizer, tmp_path):
    """The same weights, read back by us; llama.cpp also rounds what flows between layers."""
    pytest.importorskip("llama_cpp")
    wide = replace(own.config, hidden_size=256, intermediate_size=256, num_hidden_layers=1)  # whole blocks of K-quants
    own = Transformer(wide)
    randomise(own, seed=5)
    write_gguf(own, tokenizer, tmp_path / "m.gguf", kind)
    types = {tensor.tensor_type.name for tensor in gguf.GGUFReader(tmp_path / "m.gguf").tensors}
    assert kind.upper() in types
    convert(tmp_path / "m.gguf", tmp_path / "two")
    ours, peer_ = hub.load_model(tmp_path / "two"), llama(tmp_path / "m.gguf", n_ctx=128, logits_all=True)
    ids = [tokenizer.endoftext_id, *tokenizer.encode("What is your name?")]
    peer_.eval(ids)
    theirs_TV = torch.tensor(peer_.scores[: len(ids)])
    with torch.no_grad():
        ours_TV, exact_TV = ours(torch.tensor([ids]))[0], own(torch.tensor([ids]))[0]
    spread = ours_TV.std()
    assert (theirs_TV - ours_TV).abs().mean() < 0.05 * spread
    assert (theirs_TV.argmax(1) == ours_TV.argmax(1)).float().mean() > 0.7
    assert (ours_TV - exact_TV).abs().mean() > 1e-4 * spread, "the weights were quantised"


def test_llama_cpp_splits_text_into_the_same_tokens(own, tokenizer, tmp_path):
    """Exactly where `splits_alike` says so: 1,000 strings of many scripts."""
    write_gguf(own, tokenizer, tmp_path / "m.gguf", "f16")
    peer_ = llama(tmp_path / "m.gguf", vocab_only=True)
    texts = [text for text in many_scripts(4000) if splits_alike(text)][:1000]
    assert len(texts) == 1000
    for text in texts:
        assert peer_.tokenize(text.encode(), add_bos=False, special=False) == tokenizer.encode(text), text
    for text in ("In 1984", "'Restless"):  # what is said to differ does
        assert not splits_alike(text)


def test_k_quants_without_llama_cpp_say_what_to_do(own, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(UserError, match=r"`llama-quantize MODEL.f16.gguf MODEL.q4_k.gguf Q4_K_M`"):
        write_gguf(own, tokenizer, tmp_path / "m.gguf", "q4_k")
    assert not list(tmp_path.iterdir())


# ---- the command -----------------------------------------------------------------------------------------------------


def test_export_writes_a_file_that_import_reads(own, tokenizer, tmp_path, empty_home, capsys):
    hub.save_model(own, empty_home / "models" / "pip" / "sft", tokenizer, {"stage": "sft"})
    file = tmp_path / "out" / "pip.gguf"
    assert main(["export", "pip", "--type", "q8_0", "--output", str(file)]) == 0
    assert "three or more digits" in capsys.readouterr().err
    assert main(["import", str(file), "--name", "back"]) == 0
    assert api.load("back").can_chat
    assert main(["export", "pip", "--output", str(file)]) == 2
    assert "already exists" in capsys.readouterr().err


def test_export_for_ollama_writes_a_modelfile(own, tokenizer, tmp_path, empty_home, capsys):
    hub.save_model(own, empty_home / "models" / "pip" / "sft", tokenizer, {"stage": "sft"})
    folder = tmp_path / "pip-ollama"
    assert main(["export", "pip", "--to", "ollama", "--output", str(folder)]) == 0
    assert {path.name for path in folder.iterdir()} == {"pip.gguf", "Modelfile"}
    lines = (folder / "Modelfile").read_text().splitlines()
    assert lines[0] == "FROM ./pip.gguf"
    assert {'PARAMETER stop "<|im_end|>"', "PARAMETER temperature 0.5", "PARAMETER num_ctx 256"} <= set(lines)


def test_export_for_hugging_face_copies_the_stage(own, tokenizer, tmp_path, empty_home):
    hub.save_model(own, empty_home / "models" / "pip" / "sft", tokenizer, {"stage": "sft"})
    assert main(["export", "pip/sft", "--to", "hf", "--output", str(tmp_path / "out")]) == 0
    assert hub.weights_hash(hub.load_model(tmp_path / "out")) == hub.weights_hash(own)


def test_what_cannot_be_exported_is_one_sentence(own, tokenizer, tmp_path, empty_home, capsys):
    hub.save_model(own, empty_home / "models" / "pip" / "sft", tokenizer, {"stage": "sft"})
    state = json.loads((empty_home / "models/pip/sft/tokenizer.json").read_text())
    state["pre_tokenizer"] = {"type": "Whitespace"}
    (empty_home / "models/pip/sft/tokenizer.json").write_text(json.dumps(state))
    folder = tmp_path / "pip-ollama"
    for words, part in (
        (["--type", "q9"], "q9"),
        (["--to", "onnx"], "onnx"),
        (["--to", "ollama"], "llama.cpp does not"),
    ):
        assert main(["export", "pip", *words, "--output", str(folder)]) == 2
        assert part in capsys.readouterr().err
        assert not folder.exists() and not list(tmp_path.glob(".*writing*"))
