"""Embedding models: directories in Hugging Face's format whose vectors say how close two texts are in meaning.

    model = load("all-MiniLM-L6-v2/")
    model.encode(["The library opens at nine."])     -> float32 (1, 384), each row of length 1

Any encoder that `transformers` can load will do. How its tokens become one vector (their mean, or the first one), the
longest text, and the prompts for questions and passages are read from the files of Sentence Transformers, if there are
any. Needs the extra `firstwords[dense]`. Shapes: N texts, T tokens of the longest, D of a vector.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from firstwords.config import UserError
from firstwords.data.formats.opening import first_line
from firstwords.data.readers import file_hash

if TYPE_CHECKING:
    import numpy as np

BATCH = 32  # texts at a time
MAX_TOKENS = 512  # of a text, where the model's files name no limit
WITHOUT = "`firstwords documents eval --embedder off` searches by words alone"


class Embedder(Protocol):
    """Makes vectors of length 1."""

    @property
    def fingerprint(self) -> str:
        """Equal for the same model, wherever it is."""

    def encode(self, texts: Sequence[str], is_query: bool = False) -> np.ndarray:
        """One vector per text: float32 (N, D)."""


@functools.lru_cache(maxsize=1)
def load(path: str) -> HuggingFaceEmbedder:
    """The embedding model in a directory. Raises UserError if there is none, or if it cannot be read."""
    return HuggingFaceEmbedder(Path(path))


class HuggingFaceEmbedder:
    """An encoder of `transformers` with the pooling of Sentence Transformers. May be used from several threads."""

    def __init__(self, path: Path) -> None:
        if not (path / "config.json").is_file():
            raise UserError(f"there is no embedding model at {path}: give a directory with a config.json, or {WITHOUT}")
        try:
            from transformers import AutoModel, AutoTokenizer
            from transformers.utils import logging
        except ImportError:
            raise UserError("embedding models need more packages: pip install 'firstwords[dense]'") from None
        logging.disable_progress_bar()
        logging.set_verbosity_error()
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
            self._model = AutoModel.from_pretrained(path, local_files_only=True).eval()
        except Exception as error:  # the library raises many kinds
            raise UserError(f"the embedding model at {path} cannot be read ({first_line(error)}): {WITHOUT}") from None
        weights = sorted({*path.glob("*.safetensors"), *path.glob("*.bin"), path / "config.json"})
        self.fingerprint = "-".join(file_hash(file)[:16] for file in weights)
        pooling = _json(path / "1_Pooling" / "config.json")
        self._is_first = bool(pooling.get("pooling_mode_cls_token"))
        limits = (_json(path / "sentence_bert_config.json").get("max_seq_length"), MAX_TOKENS)
        positions = getattr(self._model.config, "max_position_embeddings", MAX_TOKENS)
        self._max_tokens = min(next(limit for limit in limits if limit), positions)
        prompts = _json(path / "config_sentence_transformers.json").get("prompts") or {}
        self._prompts = {True: prompts.get("query", ""), False: prompts.get("document", prompts.get("passage", ""))}
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str], is_query: bool = False) -> np.ndarray:
        """One vector per text: float32 (N, D)."""
        import numpy as np

        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))  # so that little is padded
        rows: list[Any] = [None] * len(texts)
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            vectors = self._batch([self._prompts[is_query] + texts[number] for number in some])
            for number, vector in zip(some, vectors, strict=True):
                rows[number] = vector
        return np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float32)

    def _batch(self, texts: list[str]) -> np.ndarray:
        import torch

        with self._lock, torch.inference_mode():
            inputs = self._tokenizer(
                texts, padding=True, truncation=True, max_length=self._max_tokens, return_tensors="pt"
            )
            hidden_NTD = self._model(**inputs).last_hidden_state.float()
            mask_NT1 = inputs["attention_mask"][..., None].float()
            mean_ND = (hidden_NTD * mask_NT1).sum(1) / mask_NT1.sum(1).clamp(min=1)
            vectors_ND = torch.nn.functional.normalize(hidden_NTD[:, 0] if self._is_first else mean_ND)
        vectors: np.ndarray = vectors_ND.numpy()
        return vectors


def _json(path: Path) -> dict[str, Any]:
    """A file of settings; empty if there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        return {}
    except ValueError as error:
        raise UserError(f"{path} is not valid JSON ({error}): {WITHOUT}") from None
    return found if isinstance(found, dict) else {}
