"""Model directories in Hugging Face's layout, readable and writable by other tools. Never pickle.

    config.json  model.safetensors (or shards with an index)  generation_config.json  tokenizer files  firstwords.json

`firstwords.json` is the model's machine-readable card: stage, parent, data, budget, metrics. Other tools ignore it.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from firstwords.config import UserError
from firstwords.model.card import CARD
from firstwords.model.card import read_card as read_card
from firstwords.model.card import trained_context as trained_context
from firstwords.model.config import ModelConfig
from firstwords.model.transformer import Transformer
from firstwords.plain_text import json_text
from firstwords.runlog import damaged, read_state, write_json

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer

COPY_AGAIN = "copy it again from its source"  # what to do about a damaged file
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
IGNORED_SUFFIXES = ("rotary_emb.inv_freq",)  # a buffer that old exporters saved


def read_config(directory: str | Path, change: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> ModelConfig:
    """The ModelConfig of a model directory, after `change`. Raises UserError if it is missing or damaged."""
    path = Path(directory) / "config.json"
    data = read_state(path, COPY_AGAIN)
    if data is None:
        raise UserError(f"{directory} is not a model directory: it has no config.json")
    try:
        return ModelConfig.from_hf(change(data))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except KeyError as error:
        raise UserError(f"{path} lacks the entry {error}: it is not the configuration of a language model") from None
    except (TypeError, ValueError, AttributeError, IndexError) as error:  # an entry of the wrong kind
        raise damaged(path, error, COPY_AGAIN) from None


def whole_card(directory: str | Path) -> dict[str, Any]:
    """`firstwords.json` of a model that requires it. Raises UserError if it is missing or damaged."""
    path = Path(directory) / CARD
    card = read_state(path, COPY_AGAIN)
    if card is None:
        raise UserError(f"{path} is missing: copy the whole model directory again")
    if not card:
        raise damaged(path, "it is empty", COPY_AGAIN)
    return card


def weight_files(directory: str | Path) -> list[Path]:
    """The safetensors files of a model: one, or those listed in the index. Raises UserError for a damaged index."""
    directory = Path(directory)
    if not (directory / INDEX).exists():
        return [directory / WEIGHTS]
    weight_map = (read_state(directory / INDEX, COPY_AGAIN) or {}).get("weight_map")
    names = set(map(str, weight_map.values())) if isinstance(weight_map, dict) else set()
    if not names or any(Path(name).name != name for name in names):
        raise damaged(directory / INDEX, "it has no weight_map", COPY_AGAIN)
    return [directory / name for name in sorted(names)]


def load_model(directory: str | Path, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Transformer:
    """Load a model and all its weights from a directory. Its computation runs in `dtype`.

    Raises UserError, with names, for a missing or truncated file, missing or unexpected keys, or a wrong shape.
    """
    config = read_config(directory)
    model = Transformer(config).to(device)
    # a tied head is listed once, under the table's name
    fill_weights(
        dict(model.named_parameters()), Path(directory), ("lm_head.weight",) if config.tie_word_embeddings else ()
    )
    model.compute_dtype = dtype
    return model.to(dtype) if dtype != torch.float32 else model


def fill_weights(own: dict[str, torch.Tensor], directory: Path, ignored: tuple[str, ...] = ()) -> None:
    """Copy every weight of a directory into the parameter of the same name. Raises UserError like `load_model`."""
    missing, unexpected = set(own), []
    for path in weight_files(directory):
        for name, tensor in tensors_of(path):
            if name in own:
                _copy(own[name], tensor, name, path)
                missing.discard(name)
            elif not (name.endswith(IGNORED_SUFFIXES) or name in ignored):
                unexpected.append(name)
    if missing or unexpected:
        problems = [f"missing {_listed(missing)}"] if missing else []
        problems += [f"unexpected {_listed(unexpected)}"] if unexpected else []
        raise UserError(f"the weights in {directory} do not fit its config.json: {'; '.join(problems)}")


def tensors_of(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """(name, tensor) of everything in a safetensors file. Raises UserError for one that is missing or damaged."""
    try:
        path.open("rb").close()  # safe_open reports an unreadable file as missing
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118 - safe_open is not a dict
                yield name, file.get_tensor(name)
    except FileNotFoundError:
        raise UserError(f"the weights {path} are missing: copy the whole model directory again") from None
    except OSError as error:
        raise UserError(f"cannot read the weights {path}: {error.strerror or error}") from None
    except SafetensorError as error:
        raise UserError(f"the weights {path} are damaged ({error}): copy the file again") from None


@torch.no_grad()
def _copy(parameter: torch.Tensor, tensor: torch.Tensor, name: str, path: Path) -> None:
    if parameter.shape != tensor.shape:
        raise UserError(
            f"{name} in {path} has the shape {tuple(tensor.shape)}, but config.json requires {tuple(parameter.shape)}"
        )
    parameter.copy_(tensor)


def _listed(names: Iterable[str], limit: int = 5) -> str:
    names = sorted(names)
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def save_model(
    model: Transformer,
    directory: str | Path,
    tokenizer: Tokenizer | None = None,
    card: dict[str, Any] | None = None,
    more: Callable[[Path], None] = lambda aside: None,
    sampling: dict[str, Any] | None = None,
) -> None:
    """Write a complete model directory under a temporary name, then rename it, so that no partial model is ever
    visible.

    Weights are saved in fp32 (the master weights). An existing directory is replaced only once the new one is complete.
    more(folder) writes additional files of the model before the renaming. sampling: entries of generation_config.json
    on how to sample (see `chat_defaults.py`); by default the likeliest token is taken. Raises UserError when the disk
    is full or not writable; the old directory is then unchanged.
    """
    directory = Path(directory)
    aside = directory.with_name(f".{directory.name}.writing-{os.getpid()}")
    try:
        for leftover in directory.parent.glob(f".{directory.name}.writing-*"):  # left by a killed process
            shutil.rmtree(leftover, ignore_errors=True)
        aside.mkdir(parents=True)
        _write_files(model, aside, tokenizer, card, sampling or {"do_sample": False})
        more(aside)
        replace_directory(aside, directory)
    except BaseException as error:
        shutil.rmtree(aside, ignore_errors=True)
        if isinstance(error, SafetensorError):  # the Rust writer reports a full disk differently
            raise UserError(f"cannot save the model to {directory}: {error}") from None
        if isinstance(error, OSError):
            raise UserError(f"cannot save the model to {directory}: {error.strerror or error}") from None
        raise


def replace_directory(new: Path, target: Path) -> None:
    """Rename `new` to `target`; a previous directory is removed last.

    On Linux and macOS the two names are exchanged, so that `target` is complete at any moment. Elsewhere the old
    directory is moved aside first, and moved back if the second rename fails; if the process is killed between the two,
    the next call restores it.
    """
    olds = list(target.parent.glob(f".{target.name}.old-*"))
    if olds and not target.exists():
        os.replace(olds.pop(), target)
    for leftover in olds:
        shutil.rmtree(leftover, ignore_errors=True)
    if not target.exists():
        os.replace(new, target)
    elif exchange(new, target):
        shutil.rmtree(new, ignore_errors=True)
    else:
        old = target.with_name(f".{target.name}.old-{os.getpid()}")
        os.replace(target, old)
        try:
            os.replace(new, target)
        except OSError:
            os.replace(old, target)
            raise
        shutil.rmtree(old, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two directories atomically; False if the system or the disk does not support it.

    Raises OSError if it is supported but fails.
    """
    names = os.fsencode(one), os.fsencode(other)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            failed = libc.renamex_np(*names, 2)  # RENAME_SWAP
        else:
            failed = libc.renameat2(-100, names[0], -100, names[1], 2)  # AT_FDCWD, RENAME_EXCHANGE
    except (AttributeError, OSError, TypeError):  # the library or function is missing
        return False
    code = ctypes.get_errno()
    if failed and code not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        raise OSError(code, os.strerror(code), str(other))
    return not failed


def _write_files(
    model: Transformer, aside: Path, tokenizer: Tokenizer | None, card: dict[str, Any] | None, sampling: dict[str, Any]
) -> None:
    state = {name: p.detach().float().cpu().contiguous() for name, p in model.named_parameters()}
    save_file(state, aside / WEIGHTS, metadata={"format": "pt"})
    _write_json(aside / "config.json", model.hf_config() | _special_ids(tokenizer))
    _write_json(aside / "generation_config.json", _special_ids(tokenizer) | sampling)
    if tokenizer is not None:
        tokenizer.save(aside, max_length=model.config.max_position_embeddings)
    if card is not None:
        _write_json(aside / "firstwords.json", card)


def _special_ids(tokenizer: Tokenizer | None) -> dict[str, Any]:
    if tokenizer is None:
        return {}
    ends = [tokenizer.answer_end_id, *sorted(tokenizer.end_ids - {tokenizer.answer_end_id})]
    return {"bos_token_id": tokenizer.endoftext_id, "eos_token_id": ends, "pad_token_id": tokenizer.endoftext_id}


def add_metrics(directory: str | Path, metrics: dict[str, Any]) -> None:
    """Add metrics to the card of a saved model; renamed into place, so that the card is always complete."""
    card = read_card(directory)
    write_json(Path(directory) / "firstwords.json", card | {"metrics": (card.get("metrics") or {}) | metrics})


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json_text(data, indent=2) + "\n", encoding="utf-8")


def weights_hash(model: Transformer) -> str:
    """sha256 over all parameters in name order: models with equal hashes compute the same function."""
    digest = hashlib.sha256()
    for name, parameter in sorted(model.named_parameters()):
        digest.update(name.encode())
        digest.update(parameter.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def stage_hash(directory: Path, model: Transformer | None = None) -> str:
    """sha256 of a stage's weights: from its card, or computed if there is none (from `model`, if it is loaded)."""
    return read_card(directory).get("weights_sha256") or weights_hash(model or load_model(directory))
