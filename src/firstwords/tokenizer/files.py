"""A tokenizer's files: read the configuration, and write each file completely or not at all.

Pre-training begins every text with `<|endoftext|>`, and so does `firstwords complete`. A saved tokenizer does so too
when special tokens are enabled: `tok(text)` in transformers, completions in vLLM and llama.cpp. Chat templates are
encoded without them, so that a chat begins with its first `<|im_start|>`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords.runlog import read_json, read_state

if TYPE_CHECKING:
    import tokenizers

# ChatML, as `chat.render` writes it. `generation` marks the supervised part for libraries that ask the template for it
# (return_assistant_tokens_mask).
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ (message['content'] | trim) + '<|im_end|>' }}{% endgeneration %}"
    "{% elif message['role'] == 'user' and message['content'] == message['content'] | upper %}"
    "{{ (message['content'] | trim | lower) + '<|im_end|>' }}"
    "{% else %}"
    "{{ (message['content'] | trim) + '<|im_end|>' }}"
    "{% endif %}"
    "{{ '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def read_config(path: Path) -> dict[str, Any] | None:
    """`tokenizer_config.json`; None where there is none. Raises UserError for a damaged one."""
    return read_state(path, "put back a copy of it, or delete it")


def read_end_ids(directory: Path) -> list[int]:
    """The tokens that end an answer, from a model's generation_config.json and config.json."""
    found: list[int] = []
    for name in ("generation_config.json", "config.json"):
        value = (read_json(directory / name) or {}).get("eos_token_id")
        values = value if isinstance(value, list) else [value]
        found += [i for i in values if isinstance(i, int) and not isinstance(i, bool) and i >= 0 and i not in found]
    return found


def write_text(path: Path, text: str) -> None:
    """Write to a temporary file and rename it, so that a full disk leaves the old file intact."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        error.filename = error.filename or str(path)
        raise


def with_beginning(backend: tokenizers.Tokenizer, token: str, token_id: int) -> str:
    """The JSON of `backend` with a post-processor that puts `token` before every text; `backend` is unchanged."""
    from tokenizers import Tokenizer as Backend
    from tokenizers.processors import TemplateProcessing

    saved = Backend.from_str(backend.to_str())
    saved.post_processor = TemplateProcessing(
        single=f"{token}:0 $A:0", pair=f"{token}:0 $A:0 {token}:1 $B:1", special_tokens=[(token, token_id)]
    )
    return saved.to_str(pretty=False)
