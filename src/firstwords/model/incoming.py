"""Make a model directory of what someone else made: a GGUF file, a Hugging Face directory, or a repository of the Hub.

    prepare("hf:HuggingFaceTB/SmolLM2-135M-Instruct", folder)     download
    prepare("downloads/Qwen3-0.6B", folder)                       copy
    prepare("SmolLM2-135M-Instruct.Q4_1.gguf", folder)            convert

The directory is complete and checked: the model loads, its tokenizer too.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from firstwords.config import UserError
from firstwords.model.card import CARD
from firstwords.model.hub import load_model, weight_files, weights_hash
from firstwords.model.transformer import Transformer
from firstwords.runlog import write_json
from firstwords.tokenizer.fast import Tokenizer
from firstwords.version import __version__

HUB = "hf:"
# What belongs to a model; other files (other formats, pickles, pictures, code) stay where they are.
FILES = (
    "config.json", "generation_config.json", "model*.safetensors", "model.safetensors.index.json",
    "tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "special_tokens_map.json", "LICENSE*", "NOTICE*",
)  # fmt: skip
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
Progress = Callable[[str], None]


def prepare(source: str, directory: Path, say: Progress = lambda line: None) -> Transformer:
    """Fill an empty directory with the model of a source, and return the model.

    Raises UserError, naming the reason, for a source that cannot be found or read, and for a model that is not
    supported.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if source.startswith(HUB):
        _download(source.removeprefix(HUB), directory, say)
    else:
        path = Path(source).expanduser()
        if path.is_dir():
            _copy(path, directory)
        elif path.suffix.lower() == ".gguf" or path.is_file():
            _convert(path, directory, say)
        else:
            raise UserError(f"there is no {source}: give a folder, a .gguf file, or {HUB}ORG/NAME")
    if not (directory / "tokenizer.json").is_file():
        raise UserError(f"{source} has no tokenizer.json: save its tokenizer with transformers, and import it again")
    tokenizer, model = Tokenizer.load(directory), load_model(directory)
    if tokenizer.vocab_size > model.config.vocab_size:
        raise UserError(
            f"{source} has a tokenizer of {tokenizer.vocab_size:,} tokens, but a model of {model.config.vocab_size:,}"
        )
    return model


def write_card(directory: Path, model: Transformer, stage: str, source: str, command: str = "import") -> None:
    """Write firstwords.json of a model that `command` made from `source`."""
    card: dict[str, Any] = {
        "stage": stage,
        "parent": None,
        "weights_sha256": weights_hash(model),
        "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "config": {"command": command, "source": source},
        "plan": None,
        "data": {"source": source},
        "metrics": {},
        "versions": {"firstwords": __version__},
    }
    write_json(directory / CARD, card)


def default_name(source: str) -> str:
    """A model name for a source: hf:HuggingFaceTB/SmolLM2-135M-Instruct -> SmolLM2-135M-Instruct."""
    last = source.removeprefix(HUB).rstrip("/").rpartition("/")[2]
    if last.lower().endswith(".gguf"):
        last = last[: -len(".gguf")]
    if source in (".", "..", "~") or not last.strip("."):
        last = Path(source).expanduser().resolve().name
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in last)
    return kept.strip("._-") or "imported"


def _copy(source: Path, directory: Path) -> None:
    names = sorted(path.name for path in source.iterdir() if path.is_file())
    _check_complete(str(source), names)
    for name in names:
        if any(fnmatch(name, pattern) for pattern in FILES):
            _copy_file(source / name, directory / name)
    for file in weight_files(directory):  # shards of any name that the index lists
        if not file.exists() and (source / file.name).is_file():
            _copy_file(source / file.name, file)


def _copy_file(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise UserError(f"cannot copy {source} to {target}: {error.strerror or error}") from None


def _check_complete(source: str, names: list[str]) -> None:
    """Raise UserError for a list of files that cannot be a model."""
    if "config.json" not in names:
        found = [name for name in names if name.lower().endswith(".gguf")]
        hint = f"; import one of its files, such as {found[0]}" if found else ""
        raise UserError(f"{source} is not a model directory: it has no config.json{hint}")
    if not any(name.endswith(".safetensors") for name in names):
        if any(fnmatch(name, pattern) for name in names for pattern in PICKLES):
            raise UserError(
                f"{source} has only pickled weights, which can run code: use a version of it with model.safetensors"
            )
        raise UserError(f"{source} has no weights: it lacks model.safetensors")


def _convert(path: Path, directory: Path, say: Progress) -> None:
    from firstwords.model.gguf.reading import convert

    say(f"converting {path.name}")
    convert(path, directory)


def _download(repository: str, directory: Path, say: Progress) -> None:
    """Fetch the files of ORG/NAME, or one file ORG/NAME/FILE.gguf, from the Hub (or from HF_ENDPOINT)."""
    organisation, _, rest = repository.strip("/").partition("/")
    name, _, file = rest.partition("/")
    if not organisation or not name or (file and not file.lower().endswith(".gguf")):
        raise UserError(f"{HUB}{repository} is not the name of a model: give {HUB}ORG/NAME or {HUB}ORG/NAME/FILE.gguf")
    try:
        from huggingface_hub import HfApi, hf_hub_download, snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
        from huggingface_hub.utils import disable_progress_bars
    except ImportError as error:
        raise UserError(f"{HUB}{repository} needs huggingface_hub: pip install 'firstwords[hub]'") from error
    import sys

    if not sys.stderr.isatty():
        disable_progress_bars()
    repo = f"{organisation}/{name}"
    where = directory / ".download"
    say(f"downloading {repo}" + (f"/{file}" if file else ""))
    try:
        if file:
            _convert(Path(hf_hub_download(repo, file, local_dir=where)), directory, say)
        else:
            _check_complete(f"{HUB}{repo}", HfApi().list_repo_files(repo))
            _copy(Path(snapshot_download(repo, allow_patterns=list(FILES), local_dir=where)), directory)
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise UserError(f"cannot download {HUB}{repository}: {_reason(error, repo)}") from None
    finally:
        shutil.rmtree(where, ignore_errors=True)


def _reason(error: Exception, repo: str) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"{repo} does not exist, or needs a login (set HF_TOKEN to your access token)"
    if status == 404:
        return f"{repo} or its file does not exist"
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return f"{first.strip().rstrip('.')}; check the network"
