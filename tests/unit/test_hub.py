"""Model directories: strict keys and shapes, one sentence for every damage, and saving never loses a model."""

import errno
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from firstwords.config import UserError
from firstwords.model import hub
from firstwords.model.config import ModelConfig
from firstwords.model.hub import load_model, read_card, read_config, save_model, weights_hash
from firstwords.model.transformer import Transformer

NOBODY = 65534


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(seed: int = 0, **changes) -> Transformer:
    shape = {
        "vocab_size": 61,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 16,
        "max_position_embeddings": 32,
    }
    model = Transformer(ModelConfig(**(shape | changes)))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


@pytest.fixture
def saved(tmp_path) -> Path:
    save_model(tiny(), tmp_path / "model", card={"stage": "base"})
    return tmp_path / "model"


def edit_weights(directory: Path, change) -> None:
    state = load_file(directory / hub.WEIGHTS)
    change(state)
    save_file(state, directory / hub.WEIGHTS, metadata={"format": "pt"})


def edit_config(directory: Path, **changes) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(directory: Path) -> str:
    """The sentence with which loading is refused."""
    with pytest.raises(UserError) as caught:
        load_model(directory)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def whole_files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


# -- there and back ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
def test_saved_and_loaded_is_the_same_model(tied, tmp_path):
    model = tiny(tie_word_embeddings=tied)
    save_model(model, tmp_path / "deep" / "model", card={"stage": "sft", "metrics": {"bpb": 1.5}})
    loaded = load_model(tmp_path / "deep" / "model")
    assert loaded.config == model.config
    assert weights_hash(loaded) == weights_hash(model)
    assert (loaded.lm_head.weight is loaded.model.embed_tokens.weight) == tied
    ids_BT = torch.arange(12).view(2, 6)
    assert torch.equal(loaded(ids_BT), model(ids_BT))
    assert read_card(tmp_path / "deep" / "model") == {"stage": "sft", "metrics": {"bpb": 1.5}}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model"]  # nothing is left beside it


def test_the_hash_sees_a_single_changed_weight():
    model = tiny()
    before = weights_hash(model)
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[0, 0] += 1e-3
    assert weights_hash(model) != before


def test_saving_again_replaces_everything(saved):
    new = tiny(seed=1)
    (saved / "leftover.txt").write_text("from before")
    save_model(new, saved)
    assert weights_hash(load_model(saved)) == weights_hash(new)
    assert not (saved / "leftover.txt").exists() and read_card(saved) == {}
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_card_of_other_tools_is_empty(tmp_path):
    assert read_card(tmp_path) == {}


# -- keys and shapes ---------------------------------------------------------------------------------------------


def test_a_missing_tensor_is_named(saved):
    edit_weights(saved, lambda state: state.pop("model.layers.1.mlp.up_proj.weight"))
    message = refused(saved)
    assert "missing model.layers.1.mlp.up_proj.weight" in message and str(saved) in message
    assert "unexpected" not in message


def test_an_unexpected_tensor_is_named(saved):
    edit_weights(saved, lambda state: state.update({"model.layers.7.extra": torch.zeros(3)}))
    message = refused(saved)
    assert "unexpected model.layers.7.extra" in message and "missing" not in message


def test_both_are_named_and_a_long_list_is_cut(saved):
    def rename(state):
        for name in [name for name in state if ".layers.0." in name]:
            state[name.replace("layers.0", "layers.5")] = state.pop(name)

    edit_weights(saved, rename)
    message = refused(saved)  # eleven tensors a block, five are written out
    assert message.count("layers.0.") == 5 and message.count("layers.5.") == 5
    assert message.count("and 6 more") == 2


def test_an_untied_model_without_its_head_is_refused(saved):
    edit_config(saved, tie_word_embeddings=False)
    assert "missing lm_head.weight" in refused(saved)


def test_a_tied_checkpoint_may_hold_its_head_as_well(saved):
    edit_weights(saved, lambda s: s.update({"lm_head.weight": s["model.embed_tokens.weight"].clone()}))
    model = load_model(saved)
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert weights_hash(model) == weights_hash(tiny())


def test_a_buffer_that_old_writers_saved_is_passed_over(saved):
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    edit_weights(saved, lambda state: state.update({name: torch.zeros(8)}))
    assert weights_hash(load_model(saved)) == weights_hash(tiny())


def test_a_wrong_shape_is_named_with_both_shapes(saved):
    name = "model.layers.0.self_attn.k_proj.weight"
    edit_weights(saved, lambda state: state.update({name: torch.zeros(16, 31)}))
    message = refused(saved)
    assert name in message and "(16, 31)" in message and "(16, 32)" in message


# -- damage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep", [0, 5, 200, -1000, -1])
def test_cut_weights_are_refused(saved, keep):
    path = saved / hub.WEIGHTS
    path.write_bytes(path.read_bytes()[:keep])
    message = refused(saved)
    assert str(path) in message and "damaged" in message


def test_no_weights_no_config_no_directory(saved):
    (saved / hub.WEIGHTS).unlink()
    assert "model.safetensors" in refused(saved) and "missing" in refused(saved)
    (saved / "config.json").unlink()
    assert "no config.json" in refused(saved)
    assert "no config.json" in refused(saved / "nowhere")


def test_a_file_in_the_place_of_a_directory(tmp_path):
    (tmp_path / "model").write_text("a letter")
    assert "not a model directory" in refused(tmp_path / "model")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[]", b"null", b'"LlamaForCausalLM"'])
def test_a_damaged_config_is_refused(saved, content):
    (saved / "config.json").write_bytes(content)
    assert "config.json" in refused(saved)


def test_a_config_without_an_entry_names_it(saved):
    data = json.loads((saved / "config.json").read_text())
    del data["num_attention_heads"]
    (saved / "config.json").write_text(json.dumps(data))
    assert "num_attention_heads" in refused(saved)


@pytest.mark.parametrize("index", [b"", b"{", b"{}", b"[]", b'{"weight_map": 3}', b"\xff\xfe"])
def test_a_damaged_index_is_refused(saved, index):
    (saved / hub.INDEX).write_bytes(index)
    assert hub.INDEX in refused(saved)


def shard(directory: Path) -> list[Path]:
    """Cut the single file of weights into two with an index, as other writers do for large models."""
    state = load_file(directory / hub.WEIGHTS)
    names, weight_map = sorted(state), {}
    for number, part in enumerate((names[:9], names[9:]), start=1):
        file = f"model-0000{number}-of-00002.safetensors"
        save_file({name: state[name] for name in part}, directory / file)
        weight_map |= dict.fromkeys(part, file)
    (directory / hub.INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    (directory / hub.WEIGHTS).unlink()
    return hub.weight_files(directory)


def test_shards_are_all_read_and_a_lost_one_is_named(saved):
    files = shard(saved)
    assert len(files) == 2
    assert weights_hash(load_model(saved)) == weights_hash(tiny())
    files[1].unlink()
    assert files[1].name in refused(saved)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architectures": ["GPT2LMHeadModel"]}, "GPT2LMHeadModel"),
        ({"architectures": None}, "architecture"),
        ({"hidden_act": "gelu"}, "gelu"),
        ({"rope_parameters": {"rope_type": "dynamic", "factor": 4.0}}, "dynamic"),
        ({"rope_parameters": {"rope_type": "longrope", "short_factor": [1.0]}}, "longrope"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "yarn lacks factor"),
        ({"rope_parameters": {"rope_type": "default", "partial_rotary_factor": 0.5}}, "partial"),
        ({"layer_types": ["full_attention", "chunked_attention"]}, "chunked_attention"),
        ({"layer_types": ["sliding_attention"], "sliding_window": 8, "use_sliding_window": True}, "layer_types"),
        ({"final_logit_softcapping": 30.0}, "final_logit_softcapping"),
        ({"architectures": ["Gemma3ForConditionalGeneration"]}, "Gemma3ForConditionalGeneration"),
        ({"quantization_config": {"bits": 4}}, "quantised"),
        ({"num_key_value_heads": 3, "num_attention_heads": 4}, "multiple"),
        ({"head_dim": 15}, "even"),
    ],
)
def test_what_the_model_cannot_compute_is_refused(saved, changes, words):
    data = json.loads((saved / "config.json").read_text())
    del data["use_sliding_window"]  # what only Qwen writes
    (saved / "config.json").write_text(json.dumps(data))
    edit_config(saved, **changes)
    assert words in refused(saved)


@pytest.mark.parametrize(
    "changes",
    [
        {"sliding_window": 16, "use_sliding_window": False},  # a Qwen config that names a window and leaves it off
        {"sliding_window": 32, "use_sliding_window": True},  # never shorter than the context
        {"sliding_window": None, "use_sliding_window": True},
    ],
)
def test_a_window_that_hides_nothing_is_welcome(saved, changes):
    edit_config(saved, **changes)
    assert read_config(saved) == tiny().config


# -- saving when it cannot be done -------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), hub.SafetensorError("no space")])
def test_a_failed_write_leaves_the_old_directory_whole(saved, monkeypatch, error):
    before = whole_files(saved)

    def fail(state, path, **_):
        Path(path).write_bytes(b"half of the weigh")
        raise error

    monkeypatch.setattr(hub, "save_file", fail)
    with pytest.raises(UserError, match=r"(?i)no space") as caught:
        save_model(tiny(seed=1), saved)
    assert str(saved) in str(caught.value)
    assert whole_files(saved) == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_failed_rename_puts_the_old_directory_back(saved, monkeypatch):
    before, rename = whole_files(saved), os.replace

    def fail_once_the_old_one_is_away(source, target):
        if Path(target) == saved and ".writing-" in str(source):
            raise OSError(errno.EIO, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(hub, "exchange", lambda one, other: False)  # a system that cannot do it in one step
    monkeypatch.setattr(os, "replace", fail_once_the_old_one_is_away)
    with pytest.raises(UserError, match="Input/output error"):
        save_model(tiny(seed=1), saved)
    assert whole_files(saved) == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_disk_that_is_really_full(small_disk):
    small = tiny()
    save_model(small, small_disk / "model")
    before = whole_files(small_disk / "model")
    large = tiny(seed=1, vocab_size=2000)  # 256 kB of embeddings alone
    with pytest.raises(UserError, match=r"(?i)no space left"):
        save_model(large, small_disk / "model")
    assert whole_files(small_disk / "model") == before
    assert [path.name for path in small_disk.iterdir()] == ["model"]
    save_model(tiny(seed=2), small_disk / "model")  # the room of the failed attempt is free again


@contextmanager
def unprivileged():
    """Act as a user other than root, for whom permissions count."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder():
    """A temporary folder that every user may enter (pytest's own are closed to others)."""
    folder = Path(tempfile.mkdtemp(prefix="firstwords-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_no_permission_to_write(open_folder):
    (open_folder / "models").mkdir(mode=0o555)
    with unprivileged(), pytest.raises(UserError, match="Permission denied"):
        save_model(tiny(), open_folder / "models" / "pip")
    assert list((open_folder / "models").iterdir()) == []


@pytest.mark.parametrize("name", ["config.json", hub.WEIGHTS])
def test_no_permission_to_read(open_folder, name):
    directory = open_folder / "model"
    save_model(tiny(), directory)
    (directory / name).chmod(0)
    with unprivileged(), pytest.raises(UserError, match=r"(?i)permission") as caught:
        load_model(directory)
    assert name in str(caught.value)


def test_no_permission_to_enter(open_folder):
    directory = open_folder / "model"
    save_model(tiny(), directory)
    directory.chmod(0)
    with unprivileged(), pytest.raises(UserError, match=r"(?i)permission"):
        load_model(directory)
    directory.chmod(0o755)
