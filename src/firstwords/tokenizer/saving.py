"""How a tokenizer of ours is written for other libraries: with the rule for how a text begins.

Pre-training begins every text with `<|endoftext|>`, and so does `firstwords complete`. A saved tokenizer does it too
where special tokens are asked for: `tok(text)` of transformers, vLLM's and llama.cpp's completions. Chat templates are
encoded without them, so that a chat begins with its first `<|im_start|>`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tokenizers


def with_beginning(backend: tokenizers.Tokenizer, token: str, token_id: int) -> str:
    """The JSON of `backend` with a post-processor that puts `token` before every text; `backend` stays as it is."""
    from tokenizers import Tokenizer as Backend
    from tokenizers.processors import TemplateProcessing

    saved = Backend.from_str(backend.to_str())
    saved.post_processor = TemplateProcessing(
        single=f"{token}:0 $A:0", pair=f"{token}:0 $A:0 {token}:1 $B:1", special_tokens=[(token, token_id)]
    )
    return saved.to_str(pretty=False)


def write_text(path: Path, text: str) -> None:
    """Write a file aside, then rename it into place."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
