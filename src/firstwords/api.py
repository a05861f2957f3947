"""firstwords from Python: load a model, chat with it, inspect its probabilities, or train a new one.

    import firstwords as fw

    model = fw.load("pip")                  # NAME, NAME/STAGE, or a Hugging Face directory
    print(model.chat("Who are you?"))
    for text in model.stream("Tell me a story."):
        print(text, end="", flush=True)
    print(model.next("The cat is").tokens[0])

`import firstwords` alone loads neither torch nor numpy; the first `load` does.

Threads: any number of threads may use one `Model` at the same time. Their answers are generated together, one token of
each per step, and each is what it would be alone with the same seed. A `Model` belongs to the process that loaded it:
don't use it in a forked child. Invalid input raises a `UserError` of one sentence.
"""

from __future__ import annotations

import gc
import math
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords import home
from firstwords.config import WEIGHT_FORMATS, UserError, WeightFormat, mark_given, unknown
from firstwords.engine.rules.rules import Rules
from firstwords.model.card import examples, is_base, knows_world
from firstwords.model.chat_defaults import IN_CHATS, ChatSampling, chat_sampling
from firstwords.tokenizer.prompts import chat_ids, check_fits, cleaned, prefill_ids, text_ids

if TYPE_CHECKING:
    from firstwords.engine import request
    from firstwords.engine.constraints import Constraint
    from firstwords.engine.engine import Engine
    from firstwords.engine.sampling import SamplingParams
    from firstwords.model.transformer import Transformer
    from firstwords.retrieval.answer import Answer, Reader
    from firstwords.tokenizer.fast import Tokenizer

MAX_CONTEXT = 4096  # other models reach 100k tokens; a cache of that size would fill the memory
SLOTS = 4  # answers of one model that are generated together; further ones wait

Chat = str | Sequence[Mapping[str, Any]]  # a question, or messages with "role" and "content"


@dataclass(frozen=True)
class Token:
    """A token: its id, its text, and its log-probability (natural logarithm) if requested."""

    id: int
    text: str
    logprob: float | None = None

    @property
    def probability(self) -> float | None:
        """0 to 1; None if not requested."""
        return None if self.logprob is None else math.exp(self.logprob)


@dataclass(frozen=True)
class Distribution:
    """What may come next: the most likely tokens, the total probability of all others, the entropy in bits."""

    tokens: list[Token]
    rest: float
    rest_tokens: int
    entropy: float


def load(ref: str | Path | None = None, stage: str = "", *, weights: WeightFormat = "auto") -> Model:
    """Load a model: NAME (its promoted stage), NAME/STAGE, or the path of a Hugging Face directory.

    Without `ref` the newest model is loaded, in its promoted stage or in `stage` if it has that one. weights: "fp32",
    "int8" (a quarter of the memory to read per token), or "auto": int8 for a model of more than 30 million parameters
    on a CPU if a check shows that its quality stays the same. Raises UserError, suggesting the nearest name, if there
    is no such model.

    Example: fw.load("pip"), fw.load("pip/base"), fw.load("downloads/SmolLM2-135M-Instruct")
    """
    if weights not in WEIGHT_FORMATS:
        raise unknown("format of weights", weights, WEIGHT_FORMATS, f"use one of {', '.join(WEIGHT_FORMATS)}")
    directory = home.resolve(str(ref) if ref else newest(stage))
    with _importing():
        from firstwords.model.hub import load_model
        from firstwords.tokenizer.fast import Tokenizer

    return Model(label(directory), directory, load_model(directory), Tokenizer.load(directory), weights)


def loaded(directory: Path, model: Transformer, weights: WeightFormat = "auto") -> Model:
    """A model directory whose weights are in memory already. Raises UserError like `load`."""
    from firstwords.tokenizer.fast import Tokenizer

    return Model(label(directory), directory, model, Tokenizer.load(directory), weights)


def learn(name: str = "", *, minutes: float = 10.0, text: Iterable[str | Path] = ("world",), **options: Any) -> Model:
    """Train a model through all stages and load it, like `firstwords learn`, with progress on stderr.

    name: default "mine" ("mine-2" if that is taken). minutes: for everything. text: files, folders, hf:NAME, or
    "world". options: the other flags of `firstwords learn`: chats, preferences, replace, seed, device ... Raises
    UserError for an unknown option and for input that cannot be used.

    Example: model = fw.learn("tom", minutes=8, text=["books/"], chats=["chats.jsonl"])
    """
    with _importing():
        from firstwords import pipeline

    known = {each.name for each in fields(pipeline.Learn)}
    for option in options:
        if option not in known:
            raise unknown("option", option, known, f"the options are {', '.join(sorted(known))}")
    for flag in {"chats", "preferences"} & options.keys():
        options[flag] = [str(one) for one in _listed(options[flag])]
    config = pipeline.Learn(name=name, minutes=minutes, text=[str(one) for one in _listed(text)], **options)
    return load(pipeline.main(mark_given(config, {"name", "minutes", "text", *options})))


def _listed(values: Any) -> list[Any]:
    return [values] if isinstance(values, str | Path) else list(values)


@dataclass(eq=False)
class Model:
    """A loaded model; get one from `load`.

    label: NAME/STAGE, or the path of its directory. model and tokenizer: its parts, for advanced use (PyTorch module,
    text <-> ids); don't change them while answers are being generated.
    """

    label: str
    directory: Path = field(repr=False)
    model: Transformer = field(repr=False)
    tokenizer: Tokenizer = field(repr=False)
    weights: WeightFormat = "auto"
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _arrived: dict[int, deque[request.Token]] = field(default_factory=dict, repr=False)

    # ---- chat, completion, probabilities -----------------------------------------------------------------------------

    def chat(
        self,
        messages: Chat,
        *,
        max_tokens: int = 256,
        temperature: float | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        rules: Rules | Mapping[str, Any] | None = None,
        prefill: str = "",
    ) -> str:
        """The answer to a question or a list of messages; the oldest turns are dropped if there is no room.

        temperature and top_p: by default the model's own (`chat_sampling`); temperature 0 always takes the most likely
        token. The same seed gives the same answer. rules: what the answer must obey, e.g. {"only_words_with": "f",
        "words": "3-"}; see `Rules`. prefill: how the answer begins; what follows it is returned. Raises UserError for
        a base model, which continues text and does not answer, for a question that is too long, and for rules that no
        text obeys.

        Example: model.chat([{"role": "user", "content": "How old is Tom?"}], seed=1)
        """
        how: dict[str, Any] = {"temperature": temperature, "top_p": top_p, "seed": seed, "rules": rules}
        text = "".join(self.stream(messages, max_tokens=max_tokens, prefill=prefill, **how))
        return text if prefill else text.strip()

    def stream(
        self,
        messages: Chat,
        *,
        max_tokens: int = 256,
        temperature: float | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        rules: Rules | Mapping[str, Any] | None = None,
        prefill: str = "",
    ) -> Iterator[str]:
        """Like `chat`, but yields text as it is generated. Closing the iterator ends the answer.

        Example: for text in model.stream("Tell me a story."): print(text, end="", flush=True)
        """
        self.check_can_chat()
        ids, max_tokens, _ = self.chat_ids(messages, max_tokens, prefill)
        how = self.chat_sampling(temperature, top_p)._asdict()
        params = sampling(max_tokens=max_tokens, seed=seed, constraint=constraint(rules, prefill), **how)
        return (token.text for token in self.generate(ids, params) if token.text)

    def complete(
        self,
        text: str,
        *,
        max_tokens: int = 128,
        temperature: float = 0.8,
        top_p: float = 1.0,
        top_k: int = 0,
        seed: int | None = None,
        rules: Rules | Mapping[str, Any] | None = None,
    ) -> str:
        """The model's continuation of a text, without the text itself. rules: what it must obey; see `Rules`.

        Example: model.complete("Once upon a time", max_tokens=40, seed=1, rules={"without_letter": "e"})
        """
        how: dict[str, Any] = {"temperature": temperature, "top_p": top_p, "top_k": top_k, "seed": seed}
        params = sampling(max_tokens=max_tokens, constraint=constraint(rules, text), **how)
        return "".join(token.text for token in self.generate(self.text_ids(text), params))

    def next(self, text: str, top: int = 10) -> Distribution:
        """The exact distribution of the next token over the whole vocabulary, with its `top` most likely tokens.

        Example: model.next("The cat is", top=3).tokens -> [Token(id=411, text=" on", logprob=-1.2), ...]
        """
        from firstwords.engine import tokens

        if top < 1:
            raise UserError(f"top is {top}: ask for at least one token")
        ids = self.text_ids(text)
        with self._lock:
            logprobs_V = self._engine.next_logprobs(ids)
        found = tokens.distribution(logprobs_V, self.tokenizer, top)
        likeliest = [Token(token["id"], token["text"], token["logprob"]) for token in found["tokens"]]
        return Distribution(likeliest, found["rest"], found["rest_tokens"], found["entropy"])

    def score(self, text: str) -> list[Token]:
        """The tokens of a text, each with its log p given all before it. Their sum is log p of the text.

        Example: sum(token.logprob for token in model.score("The cat is on the mat."))
        """
        ids = self.text_ids(text)
        with self._lock:
            logprobs_T = self._engine.score([ids])[0].tolist()
        rows = zip(self._pieces(ids[1:]), logprobs_T, strict=True)
        return [Token(token.id, token.text, logprob) for token, logprob in rows]

    def tokens(self, text: str) -> list[Token]:
        """The tokens of a text; their texts, joined, are the text.

        Example: [token.text for token in model.tokens("The cat")] -> ["The", " cat"]
        """
        return self._pieces(self.text_ids(text, fits=False)[1:])

    def ask(self, question: str, *, documents: str | None = None, reader: str = "auto") -> Answer:
        """The answer of the stored documents to a question, with citations; or that they don't say.

        documents: name of a collection, default all. reader: "extractive" quotes a sentence, "generative" lets this
        model write, "auto": generative for models that can. Raises UserError for an unknown collection or reader.

        Example: model.ask("Who repairs the bell?").citations[0].quote
        """
        from firstwords.retrieval.answer import answered
        from firstwords.retrieval.evidence import gather

        return answered(gather(question, collection=documents), self.reader(reader))

    def reader(self, kind: str = "auto") -> Reader:
        """A reader of passages that uses this model: "extractive", "generative", or "auto" for what it can."""
        from firstwords.retrieval import readers

        if kind not in readers.KINDS:
            raise unknown("reader", kind, readers.KINDS, f"use one of {', '.join(readers.KINDS)}")
        if kind == "generative" or (kind == "auto" and self.can_write_from_passages):
            self.check_can_chat()
            check = partial(self.chat_ids, max_tokens=readers.ANSWER_TOKENS)
            return readers.Generative(lambda messages: self.chat(messages, temperature=0.0), check)
        return readers.Extractive(partial(readers.likelihood, self.model, self.tokenizer))

    @property
    def can_write_from_passages(self) -> bool:
        """Whether it is large enough to answer from numbered passages in its prompt."""
        from firstwords.retrieval.readers import GENERATIVE_PARAMETERS

        return self.can_chat and self.model.config.num_params >= GENERATIVE_PARAMETERS

    # ---- ids and engines ---------------------------------------------------------------------------------------------

    @property
    def context(self) -> int:
        """Maximum tokens of prompt and answer together."""
        return min(self.model.config.max_position_embeddings, MAX_CONTEXT)

    @cached_property
    def is_base(self) -> bool:
        """Whether this is stage one, which continues text and does not answer."""
        return is_base(self.directory)

    @cached_property
    def examples(self) -> dict[str, list[str]]:
        """Prompts that it handled when it was trained: {"next": texts to continue, "chat": messages to answer}."""
        return examples(self.directory)

    @cached_property
    def knows_world(self) -> bool:
        """Whether it was trained on the built-in world."""
        return knows_world(self.directory)

    @cached_property
    def hash(self) -> str:
        """sha256 of its weights."""
        from firstwords.model.hub import stage_hash

        return stage_hash(self.directory, self.model)

    def chat_ids(
        self, messages: Chat, max_tokens: int, prefill: str = "", functions: Sequence[Mapping[str, Any]] = ()
    ) -> tuple[list[int], int, int]:
        """(ids of a chat with an open turn, maximum tokens of the answer, number of oldest turns dropped).

        prefill: how the answer begins. functions: tools that it may call, as OpenAI describes them. Raises UserError
        for invalid messages, and for one that is too long.
        """
        from firstwords.tokenizer.tools import fit_with_tools

        max_tokens = min(max_tokens, max(1, self.context // 2))
        begun = prefill_ids(self.tokenizer, prefill)
        turns, room = cleaned(_messages(messages)), self.context - max_tokens - len(begun)
        ids, dropped = fit_with_tools(turns, functions, self.tokenizer, room)
        ids += begun
        check_fits(ids, self.context, "the message")
        return ids, max_tokens, dropped

    def whole_chat_ids(self, messages: Sequence[Mapping[str, Any]]) -> list[int] | None:
        """Ids of a chat with an open turn, with no turn dropped; None if they leave no room for an answer."""
        ids = chat_ids(self.tokenizer, messages)
        return ids if len(ids) < self.context else None

    @property
    def can_chat(self) -> bool:
        """Whether it has learned to answer."""
        return self.tokenizer.has_chat_tokens and not self.is_base

    def chat_sampling(
        self, temperature: float | None = None, top_p: float | None = None, otherwise: ChatSampling = IN_CHATS
    ) -> ChatSampling:
        """Temperature and top-p of a chat: the given ones, then those in the model's generation_config.json, then
        `otherwise`.
        """
        return chat_sampling(self.directory, temperature, top_p, otherwise)

    def check_can_chat(self) -> None:
        """Raise UserError for a model that has not learned to answer."""
        if not self.tokenizer.has_chat_tokens:
            raise UserError(f"{self.label} cannot chat: its tokenizer has no <|im_start|>; use complete instead")
        if self.is_base:
            raise UserError(
                f"{self.label} is a base model, which continues text and has not learned to answer: use complete, or a "
                "later stage, such as NAME/sft"
            )

    def check_constraint(self, params: SamplingParams, num_prompt: int = 0) -> None:
        """Raise UserError where no text obeys, or the shortest does not fit after a prompt of so many tokens."""
        if params.constraint is None:
            return
        with self._lock:
            try:
                matcher = self._engine.constraints.matcher(params.constraint, frozenset())
                self._engine.check_room(params, matcher.min_tokens, num_prompt)
            except ValueError as error:
                raise UserError(str(error)) from None

    def text_ids(self, text: str, fits: bool = True) -> list[int]:
        """Ids of a text as at the beginning of a training document. fits: raise UserError if it leaves no room."""
        ids = text_ids(self.tokenizer, text)
        if fits:
            check_fits(ids, self.context)
        return ids

    def generate(self, ids: Sequence[int], params: SamplingParams) -> Generator[request.Token, None, None]:
        """Sample tokens after `ids`, each with its text and what `params` requests. Closing the iterator cancels.

        Several threads share steps: the thread that holds the lock computes a token for all that are waiting. Raises
        UserError for a constraint that no text satisfies, or that needs more room.
        """
        with self._lock:
            try:
                asked = self._engine.add(ids, params)
            except ValueError as error:
                raise UserError(str(error)) from None
            arrived = self._arrived[asked.request_id] = deque[Any]()
        try:
            is_over = False
            while not is_over:
                with self._lock:
                    while not asked.is_finished and not arrived:
                        for token in self._engine.step():
                            self._arrived[token.request_id].append(token)
                    ready, is_over = list(arrived), asked.is_finished
                    arrived.clear()
                yield from ready
        finally:
            with self._lock:
                self._engine.cancel(asked)
                del self._arrived[asked.request_id]

    def engine(self, num_slots: int = 1) -> Engine:
        """A separate engine for `num_slots` answers at a time; unlike this object, it belongs to one thread.

        Raises UserError if int8 weights were requested and cannot be used here.
        """
        from firstwords.engine.engine import Engine

        engine = Engine(self.model, self.tokenizer, num_slots, self.context, weights=self.weights)
        if self.weights == "int8":
            try:
                engine.prepare()
            except ValueError as error:
                raise UserError(str(error)) from None
        return engine

    @cached_property
    def _engine(self) -> Engine:
        return self.engine(SLOTS)

    def _pieces(self, ids: Sequence[int]) -> list[Token]:
        from firstwords.engine import tokens

        return [Token(token, piece.text) for token, piece in zip(ids, tokens.pieces(self.tokenizer, ids), strict=True)]


def _messages(messages: Chat) -> list[Mapping[str, Any]]:
    """Messages from a question or from messages. Raises UserError if one lacks its role or its text."""
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    for place, message in enumerate(messages):
        entries = message if isinstance(message, Mapping) else {}
        if not isinstance(entries.get("role"), str) or not isinstance(entries.get("content"), str):
            raise UserError(f'messages[{place}] must be a dict such as {{"role": "user", "content": "Hello!"}}')
    if not messages:
        raise UserError("there is no message to answer: give a question, or a list of messages")
    return list(messages)


def constraint(rules: Rules | Mapping[str, Any] | None, after: str = "") -> Constraint | None:
    """What an answer must obey; None without rules. after: the text that it continues. Raises UserError for a rule
    that does not exist, and for an impossible value.
    """
    from firstwords.engine.constraints import Constraint

    try:
        stated = rules if isinstance(rules, Rules) else Rules.of(rules or {})
        return Constraint.rules(stated, after) if stated else None
    except ValueError as error:
        raise UserError(str(error)) from None


def sampling(**values: Any) -> SamplingParams:
    """SamplingParams, whose errors become UserErrors."""
    from firstwords.engine.sampling import SamplingParams

    try:
        return SamplingParams(**values)
    except ValueError as error:
        raise UserError(str(error)) from None


@contextmanager
def _importing() -> Iterator[None]:
    """Keep the garbage collector from scanning the objects that importing torch creates, now and at exit: that takes a
    quarter of a short command's CPU time. Does nothing if torch is already imported.
    """
    if "torch" in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def newest(stage: str = "") -> str:
    """REF of the newest model: its promoted stage, or the requested stage if it has that one."""
    names = home.models()
    if not names:
        raise UserError(f"there are no models in {home.models_dir()} yet; `firstwords learn` trains one")
    name = names[0]
    return f"{name}/{stage if stage in home.stages(name) else home.promoted(name)}"


def label(directory: Path) -> str:
    """NAME/STAGE for a model in home, else its path."""
    try:
        return str(directory.resolve().relative_to(home.models_dir().resolve()))
    except (ValueError, OSError):
        return str(directory)
