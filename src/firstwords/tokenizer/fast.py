"""The tokenizer used everywhere: byte-level BPE from the `tokenizers` library, with three special tokens.

    tokenizer = Tokenizer.train(["Once upon a time ..."], vocab_size=1024)
    tokenizer.encode("Once upon")      -> [300, 412]
    tokenizer.decode([300, 412])       -> "Once upon"

Ids 0, 1, 2 are `<|endoftext|>`, `<|im_start|>`, `<|im_end|>`; ids 3-258 are the 256 bytes; merges follow. `encode`
never produces a special token, whatever the text holds: specials are inserted by id (`chat.render`, `data.shards`).
`bpe.py` does the same in plain Python, as a readable reference and for tests.
"""

from __future__ import annotations

import codecs
import functools
import hashlib
import json
import os
import threading
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords.config import UserError
from firstwords.tokenizer.files import CHAT_TEMPLATE, read_config, read_end_ids, with_beginning, write_text
from firstwords.tokenizer.sample import longest_token, sample_of
from firstwords.tokenizer.template import ChatTemplate, read_template, token_text

if TYPE_CHECKING:
    import tokenizers

ENDOFTEXT, IM_START, IM_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL_TOKENS = (ENDOFTEXT, IM_START, IM_END)
MIN_VOCAB_SIZE = len(SPECIAL_TOKENS) + 256

# This pattern splits text into "words" before any merge, so that no token crosses a word boundary: English
# contractions; letters (with their combining marks) after at most one other character, usually a space; two digits at
# most, so that everyday numbers can be one token each (a tiny model then learns 9 plus 8 is 17 in one step); runs of
# punctuation; line ends; other white space, leaving the last space to the next word.
PATTERN = (
    r"'(?:[sdmtSDMT]|ll|ve|re|LL|VE|RE)"
    r"|[^\r\n\p{L}\p{M}\p{N}]?[\p{L}\p{M}]+"
    r"|\p{N}{1,2}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)
# Code points whose class (letter, mark, number) is the same in the Rust and the Python regex engine, which have
# different Unicode versions. Text with any other code point takes the Rust path. A test checks every one of them.
_AGREED = (
    r"[\0-\u0557\u1e00-\u208e\u2190-\u23ff\u2500-\u2bff\u3000-\u9ffc\uac00-\ud7a3\ufe0f\uff00-\uffef"
    r"\U0001f300-\U0001faff]*+"
)

SAMPLE_BYTES = 20_000_000  # more text than this hardly changes a merge and only takes longer
_CACHE_WORDS = 500_000  # distinct words cached before the cache is cleared (about 100 MB)
_RUST_CORES = 6  # with this many cores or more, Rust's threads beat the word cache


class Tokenizer:
    """Byte-level BPE, or the tokenizer of an imported model. Create one with `train`, `load` or `from_gpt2`.

    template: how an imported model writes chats; None for ChatML as `chat.render` writes it.
    """

    def __init__(
        self,
        backend: tokenizers.Tokenizer,
        config: dict[str, Any] | None = None,
        template: ChatTemplate | None = None,
        end_ids: Sequence[int] = (),
    ) -> None:
        self._backend = backend
        self._backend.encode_special_tokens = True  # "<|im_end|>" typed by a person stays ordinary text
        self._config = config
        names = config or {}
        self._endoftext = self._find(ENDOFTEXT, token_text(names.get("bos_token")), token_text(names.get("eos_token")))
        self._im_start = backend.token_to_id(IM_START)
        self._im_end = backend.token_to_id(IM_END)
        self._words: _WordCache | None = _WordCache(backend) if _splits_like_ours(backend) else None
        is_own = self._words is not None or (template is not None and template.source == CHAT_TEMPLATE)
        self.template = None if is_own else template
        self._own_end_ids = end_ids

    def _find(self, *texts: str | None) -> int | None:
        return next((i for t in texts if t and (i := self._backend.token_to_id(t)) is not None), None)

    # ---- making, loading, saving ---------------------------------------------------------------------------

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, sample_bytes: int = SAMPLE_BYTES) -> Tokenizer:
        """Learn a vocabulary of `vocab_size` ids (3 specials + 256 bytes + merges) from an evenly spread sample of
        `texts`. No token is longer than 16 letters (see `sample.longest_token`).

        The iterator is read to its end (truncate an endless one first); at most about twice `sample_bytes` stay in
        memory. The same texts give the same tokenizer. A short text can give fewer ids than requested: a pair must
        occur twice. Raises UserError for a vocabulary too small for the bytes and for an empty text.
        """
        from tokenizers import trainers
        from tokenizers.pre_tokenizers import ByteLevel

        if vocab_size < MIN_VOCAB_SIZE:
            raise UserError(
                f"a vocabulary of {vocab_size} is too small: use at least {MIN_VOCAB_SIZE} (256 bytes and 3 specials)"
            )
        sample = sample_of(texts, sample_bytes)
        if not sample:
            raise UserError("there is no text to train a tokenizer on: every document was empty")
        backend = _new_backend()
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=2,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=ByteLevel.alphabet(),
            max_token_length=longest_token(sample) + 1,  # the library's limit is exclusive
            show_progress=False,
        )
        _learn(backend, sample, trainer)
        return cls(backend)

    def first(self, vocab_size: int) -> Tokenizer:
        """A tokenizer with only this one's first ids: what `train` gives for a smaller vocabulary and the same text."""
        from tokenizers import Tokenizer as Backend

        state = json.loads(self._backend.to_str())
        vocab = {text: i for text, i in state["model"]["vocab"].items() if i < vocab_size}
        state["model"]["vocab"] = vocab
        state["model"]["merges"] = [pair for pair in state["model"]["merges"] if "".join(pair) in vocab]
        return Tokenizer(Backend.from_str(json.dumps(state)))

    @classmethod
    def from_gpt2(cls, encoder_json: Path | str, vocab_bpe: Path | str) -> Tokenizer:
        """Build GPT-2's tokenizer from its two published files (vocabulary and merges)."""
        from tokenizers import AddedToken, decoders, models, pre_tokenizers
        from tokenizers import Tokenizer as Backend

        vocab = json.loads(Path(encoder_json).read_text(encoding="utf-8"))
        lines = Path(vocab_bpe).read_text(encoding="utf-8").split("\n")
        merges = [
            (left, right) for left, _, right in (x.partition(" ") for x in lines if x and not x.startswith("#version"))
        ]
        backend = Backend(models.BPE(vocab=vocab, merges=merges))
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        backend.decoder = decoders.ByteLevel()
        backend.add_special_tokens([AddedToken(ENDOFTEXT, normalized=False, special=True)])
        return cls(backend)

    @classmethod
    def load(cls, directory: Path | str) -> Tokenizer:
        """Read `tokenizer.json` of a model directory (ours or any Hugging Face one). UserError if missing or broken."""
        from tokenizers import Tokenizer as Backend

        path = Path(directory) / "tokenizer.json"
        try:
            backend = Backend.from_str(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(
                f"{path} does not exist: {directory} is not a model directory, or its tokenizer was not saved"
            ) from None
        except OSError as error:
            raise UserError(f"cannot read {path}: {error.strerror or error}") from None
        except Exception as error:  # the Rust library raises bare Exception
            raise UserError(
                f"{path} is not a valid tokenizer file ({error}): restore it, or copy the whole folder again"
            ) from error
        config = read_config(path.with_name("tokenizer_config.json"))
        return cls(backend, config, read_template(path.parent, config), read_end_ids(path.parent))

    def save(self, directory: Path | str, max_length: int | None = None) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`; `transformers.AutoTokenizer` opens the result. Our own
        tokenizers record how a text begins (`files.py`); an imported one keeps its rule."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        config = dict(self._config) if self._config is not None else self._default_config()
        if self.template is not None:
            config["chat_template"] = self.template.source
        elif self.has_chat_tokens:  # the template must match `chat.render`
            config["chat_template"] = CHAT_TEMPLATE
        if max_length is not None:
            config["model_max_length"] = max_length
        if self.is_own:
            config["add_bos_token"] = True
        write_text(directory / "tokenizer.json", self.saved_json())
        write_text(directory / "tokenizer_config.json", json.dumps(config, indent=2, ensure_ascii=False) + "\n")

    @property
    def is_own(self) -> bool:
        """Whether it splits text as the tokenizers do that are trained here."""
        return self._words is not None

    def backend_json(self) -> str:
        """The library's own description of this tokenizer, as JSON."""
        return str(self._backend.to_str(pretty=False))

    def saved_json(self) -> str:
        """The text of `tokenizer.json`: our own tokenizers begin every text (`files.py`), others keep their rule."""
        if self.is_own:
            return with_beginning(self._backend, ENDOFTEXT, self.endoftext_id)
        return self.backend_json()

    def _default_config(self) -> dict[str, Any]:
        return {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": ENDOFTEXT,
            "eos_token": IM_END if self.has_chat_tokens else ENDOFTEXT,
            "pad_token": ENDOFTEXT,  # not the eos of a chat model: a padded stop token must stay a stop token
            "clean_up_tokenization_spaces": False,
        }

    # ---- facts ---------------------------------------------------------------------------------------------

    @property
    def config(self) -> dict[str, Any] | None:
        """The content of `tokenizer_config.json`; None for a tokenizer that was not loaded with one."""
        return self._config

    @property
    def vocab_size(self) -> int:
        """Number of ids, specials included (one more than the largest id)."""
        return len(self._bytes)

    @property
    def endoftext_id(self) -> int:
        """Separates documents and begins every text."""
        return self._required(self._endoftext, ENDOFTEXT)

    @property
    def im_start_id(self) -> int:
        """Opens a chat message."""
        return self._required(self._im_start, IM_START)

    @property
    def im_end_id(self) -> int:
        """Closes a chat message: the token at which a trained model stops."""
        return self._required(self._im_end, IM_END)

    @property
    def has_chat_tokens(self) -> bool:
        """Whether chats can be rendered (false for, say, plain GPT-2)."""
        return self.template is not None or (self._im_start is not None and self._im_end is not None)

    @functools.cached_property
    def beginning(self) -> list[int]:
        """Ids that a saved copy of this tokenizer puts before every text; an imported one may have none."""
        if self.is_own:
            return [self.endoftext_id]
        ids, plain = self._backend.encode("a").ids, self._backend.encode("a", add_special_tokens=False).ids
        return next((ids[:i] for i in range(len(ids)) if ids[i : i + len(plain)] == plain), [])

    @functools.cached_property
    def before_all_id(self) -> int:
        """Comes before a text that has nothing before it: the separator, or an imported model's beginning of a text."""
        texts = [token_text((self._config or {}).get(name)) for name in ("bos_token", "eos_token")]
        found = (i for text in texts if text and (i := self._backend.token_to_id(text)) is not None)
        first = None if self.is_own else next(found, None)
        return self.endoftext_id if first is None else first

    @functools.cached_property
    def answer_end_id(self) -> int:
        """Closes an answer: the token at which a trained model stops."""
        if self.template is None:
            return self.im_end_id
        name = self.template.closing(self.special_names)
        if name is not None:
            return self.special_names[name]
        ends = [i for i in self._own_end_ids if i < self.vocab_size]
        return ends[0] if ends else self.endoftext_id

    @functools.cached_property
    def end_ids(self) -> frozenset[int]:
        """Every token that ends an answer or a text: the one that closes an answer, and those of the model's files."""
        texts = [token_text((self._config or {}).get("eos_token"))]
        ids = [i for text in texts if text and (i := self._backend.token_to_id(text)) is not None]
        ids += [i for i in self._own_end_ids if i < self.vocab_size]
        ids += [self.answer_end_id] if self.has_chat_tokens else []
        if not ids or (separator := self._backend.token_to_id(ENDOFTEXT)) is None:
            return frozenset(ids or [self.endoftext_id])
        return frozenset([*ids, separator])

    @staticmethod
    def _required(token_id: int | None, name: str) -> int:
        if token_id is None:
            raise UserError(f"this tokenizer has no {name} token: choose a model whose tokenizer knows ChatML")
        return token_id

    @functools.cached_property
    def hash(self) -> str:
        """64 hex digits that depend on the vocabulary, the merges and the splitting, and on nothing else."""
        state = json.loads(self._backend.to_str(pretty=False))
        parts = {key: state.get(key) for key in ("added_tokens", "normalizer", "pre_tokenizer", "model")}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    # ---- text <-> ids --------------------------------------------------------------------------------------

    def encode_template(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """(ids, first and last + 1 letter of each) of what a template wrote, in which names of special tokens stand for
        them. Only for text without anything a person could have put there; see `chat.render`.
        """
        encoding = self._with_specials.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    def encode_places(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """`encode`, with the first and last + 1 letter of each token."""
        encoding = self._backend.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    @functools.cached_property
    def _with_specials(self) -> tokenizers.Tokenizer:
        from tokenizers import Tokenizer as Backend

        copy = Backend.from_str(self._backend.to_str())
        copy.encode_special_tokens = False
        return copy

    @functools.cached_property
    def special_names(self) -> dict[str, int]:
        """The name of each special token, longest first, with its id."""
        names = {t.content: i for i, t in self._backend.get_added_tokens_decoder().items() if t.special}
        return dict(sorted(names.items(), key=lambda pair: -len(pair[0])))

    def encode(self, text: str) -> list[int]:
        """Ids of a text; no text can produce a special token. Lone surrogates become
        "?"."""
        if not text.isascii():
            text = text.encode("utf-8", "replace").decode()
        if self._words is not None and self._words.can_encode(text):
            return self._words.encode(text)
        return self._backend.encode(text, add_special_tokens=False).ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """`[encode(t) for t in texts]`, on Rust's threads where there are many cores."""
        if self._words is not None and (os.cpu_count() or 1) < _RUST_CORES:
            return [self.encode(text) for text in texts]
        clean = [t if t.isascii() else t.encode("utf-8", "replace").decode() for t in texts]
        encodings = self._backend.encode_batch_fast(clean, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def decode(self, ids: Sequence[int], skip_special: bool = True) -> str:
        """Text of ids; bytes that are not UTF-8 become U+FFFD."""
        return self._backend.decode([int(i) for i in ids], skip_special_tokens=skip_special)

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes one id stands for, e.g. b" the"; for a special token, its name."""
        return self._bytes[token_id]

    @functools.cached_property
    def special_ids(self) -> frozenset[int]:
        """Ids of all special tokens."""
        return frozenset(i for i, token in self._backend.get_added_tokens_decoder().items() if token.special)

    @functools.cached_property
    def _bytes(self) -> list[bytes]:
        vocab = self._backend.get_vocab(with_added_tokens=True)
        added = self._backend.get_added_tokens_decoder()
        table = [b""] * (max(vocab.values()) + 1)
        from_char = byte_of_char()
        byte_level = "ByteLevel" in json.dumps(json.loads(self._backend.to_str()).get("decoder"))
        for text, i in vocab.items():
            if i in added:
                table[i] = text.encode()
            elif byte_level:
                table[i] = bytes(from_char[c] for c in text)
            elif len(text) == 6 and text.startswith("<0x"):  # SentencePiece writes single bytes as <0x0A>
                table[i] = bytes([int(text[3:5], 16)])
            else:
                table[i] = text.replace("\u2581", " ").encode()
        return table


class StreamDecoder:
    """Turns ids into text one by one, holding back the bytes of an unfinished character. Special tokens give no
    text."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token_id: int) -> str:
        """The text that this id completes; "" while a character is unfinished."""
        if token_id in self._tokenizer.special_ids:
            return ""
        return self._utf8.decode(self._tokenizer.token_bytes(token_id))

    def flush(self) -> str:
        """The remaining text: "" or U+FFFD for an unfinished character."""
        return self._utf8.decode(b"", final=True)


class _WordCache(dict[str, tuple[int, ...]]):
    """word -> ids. Words repeat, so a dictionary is faster than BPE on a machine with few cores."""

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        import regex

        super().__init__()
        self._model = backend.model
        self._find_words = regex.compile(PATTERN).findall
        self._agreed = regex.compile(_AGREED).fullmatch
        self._char = char_of_byte()

    def __missing__(self, word: str) -> tuple[int, ...]:
        chars = "".join(self._char[b] for b in word.encode())
        ids = self[word] = tuple(token.id for token in self._model.tokenize(chars))
        return ids

    def can_encode(self, text: str) -> bool:
        return text.isascii() or self._agreed(text) is not None

    def encode(self, text: str) -> list[int]:
        if len(self) > _CACHE_WORDS:
            self.clear()
        return list(chain.from_iterable(map(self.__getitem__, self._find_words(text))))


@functools.cache
def char_of_byte() -> dict[int, str]:
    """Byte-level BPE writes every byte as one printable character: Latin-1's printable ones as themselves, the other 68
    as U+0100 and up, in order (GPT-2's mapping, so that its files and other libraries work)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in set(printable)]
    return {**{b: chr(b) for b in printable}, **{b: chr(0x100 + n) for n, b in enumerate(others)}}


@functools.cache
def byte_of_char() -> dict[str, int]:
    """The inverse of `char_of_byte`."""
    return {c: b for b, c in char_of_byte().items()}


def _new_backend() -> tokenizers.Tokenizer:
    from tokenizers import Regex, decoders, models, pre_tokenizers
    from tokenizers import Tokenizer as Backend

    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    return backend


def _learn(backend: tokenizers.Tokenizer, sample: list[str], trainer: tokenizers.trainers.Trainer) -> None:
    """Train in a thread, since the Rust code ignores signals: the main thread waits for it, and for Ctrl-C."""
    failures: list[BaseException] = []
    is_done = threading.Event()

    def work() -> None:
        try:
            backend.train_from_iterator(sample, trainer)
        except BaseException as error:  # raised again in the waiting thread
            failures.append(error)
        is_done.set()

    threading.Thread(target=work, name="vocabulary", daemon=True).start()
    while not is_done.wait(0.1):
        pass
    if failures:
        raise failures[0]


def _splits_like_ours(backend: tokenizers.Tokenizer) -> bool:
    """Whether this is one of our own tokenizers, which split text as `_WordCache` does."""
    theirs, ours = (json.loads(b.to_str()) for b in (backend, _new_backend()))
    names = [token["content"] for token in theirs["added_tokens"]]
    return all(theirs[k] == ours[k] for k in ("normalizer", "pre_tokenizer")) and names == list(SPECIAL_TOKENS)
