"""The tokenizer in a GGUF file's metadata, as the `tokenizer.json` and `tokenizer_config.json` of a model directory.

Two kinds exist. "gpt2": byte-level BPE with merges, and a name for how text is split before ("pre"). "llama":
SentencePiece BPE, whose merges follow from the tokens' scores. A file of ours also holds its `tokenizer.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError
from firstwords.tokenizer.fast import PATTERN, byte_of_char

if TYPE_CHECKING:
    from firstwords.tokenizer.fast import Tokenizer

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6  # types of tokens
WHOLE = "tokenizer.huggingface.json"  # the entry that holds a tokenizer.json

_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_LLAMA3 = _CONTRACTIONS + (r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
_QWEN2 = _LLAMA3.replace("{1,3}", "")
_QWEN35 = _QWEN2.replace(r"\p{L}+", r"[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]", r"[^\s\p{L}\p{M}\p{N}]")
_TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# How text is split before any merge, by the names that the families use.
SPLITS = {
    "llama-bpe": _LLAMA3, "llama3": _LLAMA3, "llama-v3": _LLAMA3, "smaug-bpe": _LLAMA3,
    "qwen2": _QWEN2, "qwen35": _QWEN35, "tekken": _TEKKEN,
    "smollm": "digits", "gpt-2": "words", "default": "words",
}  # fmt: skip
WHOLE_WORDS = ("llama-bpe", "llama3", "llama-v3", "tekken")  # a word that is a token is never merged otherwise
BEGINS = ("llama-bpe", "llama3", "llama-v3", "tekken")  # a text begins with the bos token unless the file denies it
ENDS = ("<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>")


def tokenizer_files(metadata: Mapping[str, Any], vocab_size: int) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """(tokenizer.json, tokenizer_config.json, entries of generation_config.json) of a GGUF file's tokenizer.

    Raises UserError for a kind that is not supported, or entries that contradict each other.
    """
    tokens = _list(metadata, "tokens", str)
    if len(tokens) != vocab_size:
        raise _wrong(f"it has {len(tokens):,} tokens for a table of {vocab_size:,}")
    types = _list(metadata, "token_type", int) if "tokenizer.ggml.token_type" in metadata else [NORMAL] * len(tokens)
    if len(types) != len(tokens):
        raise _wrong(f"it has {len(types):,} types for {len(tokens):,} tokens")
    names = {what: _token(metadata, what, tokens) for what in ("bos", "eos", "unknown", "padding", "eot")}
    kind, whole = metadata.get("tokenizer.ggml.model"), metadata.get(WHOLE)
    if isinstance(whole, str):
        state = _whole(whole, tokens)
    elif kind == "gpt2":
        state = _byte_level(metadata, tokens, types)
    elif kind == "llama":
        state = _sentencepiece(metadata, tokens, types)
    else:
        raise UserError(f"the tokenizer {str(kind)[:40]} in this GGUF file is not supported: only gpt2 and llama are")
    if state["post_processor"] is None and (bos := names["bos"]) is not None and _adds_bos(metadata, kind):
        state["post_processor"] = _beginning(bos, tokens.index(bos))
    ends = [name for name in (names["eos"], names["eot"]) if name is not None]
    ends += [name for name in ENDS if name not in ends and _is_special(name, tokens, types)]
    return json.dumps(state, ensure_ascii=False), _config(metadata, names), _generation(names, ends, tokens)


def _wrong(reason: str) -> UserError:
    return UserError(f"the tokenizer in this GGUF file is damaged: {reason}; download the file again")


def _list(metadata: Mapping[str, Any], name: str, kind: type) -> list[Any]:
    values = metadata.get(f"tokenizer.ggml.{name}")
    kinds = (int, float) if kind is float else (kind,)
    if not isinstance(values, list) or not all(isinstance(value, kinds) for value in values):
        raise _wrong(f"it has no list of {name}")
    return values


def _token(metadata: Mapping[str, Any], what: str, tokens: Sequence[str]) -> str | None:
    """The text of the bos, eos ... token; None if the file names none."""
    number = metadata.get(f"tokenizer.ggml.{what}_token_id")
    if number is None:
        return None
    if not isinstance(number, int) or not 0 <= number < len(tokens):
        raise _wrong(f"its {what} token is number {str(number)[:20]}")
    return tokens[number]


def _is_special(name: str, tokens: Sequence[str], types: Sequence[int]) -> bool:
    return name in tokens and types[tokens.index(name)] == CONTROL


def _adds_bos(metadata: Mapping[str, Any], kind: Any) -> bool:
    usual = kind == "llama" or metadata.get("tokenizer.ggml.pre") in BEGINS
    return bool(metadata.get("tokenizer.ggml.add_bos_token", usual))


def _whole(text: str, tokens: Sequence[str]) -> dict[str, Any]:
    """The tokenizer.json that a file holds, if it has the same tokens as the file's list."""
    try:
        state = json.loads(text)
        vocab = dict(state["model"]["vocab"]) | {token["content"]: token["id"] for token in state["added_tokens"]}
        same = all(tokens[number] == token for token, number in vocab.items())
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise _wrong(f"the entry {WHOLE} is not a tokenizer") from None
    if not same:
        raise _wrong(f"the entry {WHOLE} has other tokens than its list")
    return dict(state)


def _config(metadata: Mapping[str, Any], names: Mapping[str, str | None]) -> dict[str, Any]:
    config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    for what, key in (("bos", "bos_token"), ("eos", "eos_token"), ("unknown", "unk_token"), ("padding", "pad_token")):
        if names[what] is not None:
            config[key] = names[what]
    template = metadata.get("tokenizer.chat_template")
    return config | ({"chat_template": template} if isinstance(template, str) and template.strip() else {})


def _generation(names: Mapping[str, str | None], ends: Sequence[str], tokens: Sequence[str]) -> dict[str, Any]:
    ids: dict[str, Any] = {}
    if names["bos"] is not None:
        ids["bos_token_id"] = tokens.index(names["bos"])
    if ends:
        ids["eos_token_id"] = [tokens.index(name) for name in ends]
    return ids


def _added(tokens: Sequence[str], types: Sequence[int], kinds: Sequence[int]) -> list[dict[str, Any]]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return [
        {"id": i, "content": token, **flags, "special": kind != USER_DEFINED}
        for i, (token, kind) in enumerate(zip(tokens, types, strict=True))
        if kind in kinds and token
    ]


def _state(model: dict[str, Any], added: list[dict[str, Any]], **parts: Any) -> dict[str, Any]:
    empty = {"truncation": None, "padding": None, "normalizer": None, "pre_tokenizer": None, "post_processor": None}
    return {"version": "1.0", **empty, "added_tokens": added, **parts, "model": model}


def _beginning(token: str, number: int) -> dict[str, Any]:
    """The post-processor that puts a token before every text."""
    special, text = {"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    second = {"Sequence": {"id": "B", "type_id": 1}}
    return {
        "type": "TemplateProcessing",
        "single": [special, text],
        "pair": [special, text, second],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }


# ---- byte-level BPE --------------------------------------------------------------------------------------------------


def _byte_level(metadata: Mapping[str, Any], tokens: Sequence[str], types: Sequence[int]) -> dict[str, Any]:
    name = metadata.get("tokenizer.ggml.pre", "default")
    if name not in SPLITS:
        raise UserError(f"the way of splitting words {str(name)[:40]} is not supported: use {', '.join(SPLITS)}")
    known = set(byte_of_char())
    vocab: dict[str, int] = {}
    for i, (token, kind) in enumerate(zip(tokens, types, strict=True)):
        if kind == NORMAL and not known.issuperset(token):
            raise _wrong(f"its token {i} is not written in bytes")
        if kind != UNUSED and vocab.setdefault(token, i) != i:
            raise _wrong(f"its tokens {vocab[token]} and {i} are the same")
    merges = []
    for rule in _list(metadata, "merges", str):
        left, _, right = rule.partition(" ")
        if left not in vocab or right not in vocab or left + right not in vocab:
            raise _wrong(f"its merge {rule[:40]!r} is of unknown tokens")
        merges.append([left, right])
    split = SPLITS[name]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    if split == "digits":
        before: dict[str, Any] = {"type": "Digits", "individual_digits": True}
        parts = [before, byte_level | {"use_regex": True}]
    elif split == "words":
        parts = [byte_level | {"use_regex": True}]
    else:
        before = {"type": "Split", "pattern": {"Regex": split}, "behavior": "Isolated", "invert": False}
        parts = [before, byte_level]
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
             "ignore_merges": name in WHOLE_WORDS, "vocab": vocab, "merges": merges}  # fmt: skip
    return _state(
        model,
        _added(tokens, types, (CONTROL, USER_DEFINED, UNKNOWN)),
        normalizer={"type": "NFC"} if name.startswith("qwen") else None,
        pre_tokenizer={"type": "Sequence", "pretokenizers": parts},
        decoder=byte_level,
    )


# ---- SentencePiece ---------------------------------------------------------------------------------------------------

SPACE = "\u2581"  # how SentencePiece writes a space


def _sentencepiece(metadata: Mapping[str, Any], tokens: Sequence[str], types: Sequence[int]) -> dict[str, Any]:
    scores = _list(metadata, "scores", float)
    if len(scores) != len(tokens):
        raise _wrong(f"it has {len(scores):,} scores for {len(tokens):,} tokens")
    unknown = next((token for token, kind in zip(tokens, types, strict=True) if kind == UNKNOWN), None)
    return sentencepiece_state(
        tokens, scores, types, unknown, bool(metadata.get("tokenizer.ggml.add_space_prefix", True))
    )


def sentencepiece_state(
    tokens: Sequence[str], scores: Sequence[float], types: Sequence[int], unknown: str | None, begins_with_space: bool
) -> dict[str, Any]:
    """The tokenizer.json of a SentencePiece BPE model: its merges are those pairs of tokens that form a token, the
    ones with the best score first.
    """
    vocab = {token: i for i, token in enumerate(tokens) if types[i] != UNUSED}
    rules: list[tuple[str, str, float]] = []
    for token, i in vocab.items():
        if types[i] in (NORMAL, USER_DEFINED):
            pairs = [(token[:n], token[n:]) for n in range(1, len(token))]
            own = [(left, right) for left, right in pairs if left in vocab and right in vocab]
            rules += [(*pair, scores[i]) for pair in sorted(own, key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))]
    rules.sort(key=lambda rule: (rule[2], len(rule[0]), len(rule[1])), reverse=True)
    model = {"type": "BPE", "dropout": None, "unk_token": unknown, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
             "vocab": vocab, "merges": [[left, right] for left, right, _ in rules]}  # fmt: skip
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    steps = [{"type": "Prepend", "prepend": SPACE}, replace] if begins_with_space else [replace]
    back: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if begins_with_space:
        back.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return _state(
        model,
        _added(tokens, types, (CONTROL, USER_DEFINED, UNKNOWN)),
        normalizer={"type": "Sequence", "normalizers": steps},
        decoder={"type": "Sequence", "decoders": back},
    )


# ---- the other direction ---------------------------------------------------------------------------------------------

NEAREST = "llama-bpe"  # to our own splitting of text: see `splits_alike`


def gguf_tokenizer(tokenizer: Tokenizer, size: int) -> dict[str, Any]:
    """The metadata of a GGUF file for this tokenizer. size: the rows of the model's table.

    Raises UserError for a tokenizer that llama.cpp has no equal of.
    """
    state = json.loads(tokenizer.backend_json())
    texts, types = token_list(state, size)
    name = split_name(state)
    if name is None:
        raise UserError(
            "this model's tokenizer splits text in a way that llama.cpp does not know, so it cannot be written to a "
            "GGUF file; --to hf copies it for other programs"
        )
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in state["model"]["merges"]]
    entries: dict[str, Any] = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": name,
        "tokenizer.ggml.tokens": texts,
        "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.eos_token_id": tokenizer.answer_end_id if tokenizer.has_chat_tokens else tokenizer.endoftext_id,
        "tokenizer.ggml.bos_token_id": tokenizer.endoftext_id,
        "tokenizer.ggml.padding_token_id": tokenizer.endoftext_id,
        "tokenizer.ggml.add_bos_token": _begins(state, tokenizer),
        WHOLE: tokenizer.saved_json(),
    }
    return {key: value for key, value in entries.items() if value != []}


def token_list(state: Mapping[str, Any], size: int) -> tuple[list[str], list[int]]:
    """(text, type) of each of `size` ids, as a GGUF file lists them."""
    texts, types = [f"[PAD{i}]" for i in range(size)], [UNUSED] * size
    for text, i in state["model"]["vocab"].items():
        texts[i], types[i] = text, NORMAL
    for token in state["added_tokens"]:
        texts[token["id"]], types[token["id"]] = token["content"], CONTROL if token["special"] else USER_DEFINED
    return texts, types


def _begins(state: Mapping[str, Any], tokenizer: Tokenizer) -> bool:
    """Whether texts begin with a special token; chats bring theirs with their template."""
    return tokenizer.is_own or (state.get("post_processor") or {}).get("type") == "TemplateProcessing"


def split_name(state: Mapping[str, Any]) -> str | None:
    """llama.cpp's name for how a tokenizer.json splits text before merging; None if it has none.

    For our own tokenizers, that of the nearest one.
    """
    if state["model"].get("type") != "BPE" or state["model"].get("byte_fallback"):
        return None
    before = state.get("pre_tokenizer") or {}
    parts = before.get("pretokenizers", [before]) if before.get("type") == "Sequence" else [before]
    kinds = [part.get("type") for part in parts]
    if kinds == ["ByteLevel"]:
        return "gpt-2" if parts[0].get("use_regex", True) else None
    if kinds == ["Digits", "ByteLevel"]:
        return "smollm" if parts[0].get("individual_digits") and parts[1].get("use_regex", True) else None
    if kinds != ["Split", "ByteLevel"]:
        return None
    pattern = (parts[0].get("pattern") or {}).get("Regex")
    if pattern == PATTERN:
        return NEAREST
    found = [name for name, split in SPLITS.items() if split == pattern]
    whole = bool(state["model"].get("ignore_merges"))
    return next((name for name in found if (name in WHOLE_WORDS) == whole), None)


def splits_alike(text: str) -> bool:
    """Whether llama.cpp splits a text as our own tokenizers do. It does not where a text has numbers of three or more
    digits, letters with combining marks, or contractions that mix capitals ('Re).

    >>> splits_alike("Anna is 42."), splits_alike("In 1984"), splits_alike("हिन्दी")
    (True, False, False)
    """
    import regex

    return [*map(str, regex.findall(PATTERN, text))] == [*map(str, regex.findall(_LLAMA3, text))]
