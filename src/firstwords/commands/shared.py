"""What the commands share: finding and loading a model, prompts, sampling parameters, and output.

Results go to stdout; remarks go to stderr; `--json` prints one JSON object on stdout and nothing else there.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firstwords import home
from firstwords.config import UserError
from firstwords.model.card import CARD, read_card
from firstwords.plain_text import clean_text

if TYPE_CHECKING:
    from firstwords.engine.engine import Engine
    from firstwords.engine.sampling import SamplingParams
    from firstwords.model.transformer import Transformer
    from firstwords.tokenizer.fast import Tokenizer

MAX_CONTEXT = 4096  # other people's models reach 100k tokens; a cache of that size would fill the memory


@dataclass
class Loaded:
    """A model ready to use. `label` is what to call it: NAME/STAGE, or its path."""

    label: str
    directory: Path
    model: Transformer
    tokenizer: Tokenizer

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may take together."""
        return min(self.model.config.max_position_embeddings, MAX_CONTEXT)

    def engine(self, num_slots: int = 1) -> Engine:
        """An engine for `num_slots` answers at a time."""
        from firstwords.engine.engine import Engine

        return Engine(self.model, self.tokenizer, num_slots=num_slots, max_length=self.context)


def load(ref: str | None, stage: str = "") -> Loaded:
    """Load the model that `ref` means; without one, the newest model (its `stage` if given and present)."""
    directory = home.resolve(ref or newest(stage))
    with _importing():
        from firstwords.model.hub import load_model
        from firstwords.tokenizer.fast import Tokenizer

    return Loaded(label(directory), directory, load_model(directory), Tokenizer.load(directory))


@contextmanager
def _importing() -> Iterator[None]:
    """The garbage collector looks at none of the objects that importing torch makes, neither meanwhile nor at
    the end of the process: a quarter of a short command's processor time. Where torch is there already, as usual.
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
    """REF of the newest model: its promoted stage, or the stage asked for if it has that one."""
    names = home.models()
    if not names:
        raise UserError(f"there is no model in {home.models_dir()} yet; `firstwords learn` trains one")
    name = names[0]
    return f"{name}/{stage if stage in home.stages(name) else home.promoted(name)}"


def label(directory: Path) -> str:
    """NAME/STAGE for a model in home, else its path."""
    try:
        return str(directory.resolve().relative_to(home.models_dir().resolve()))
    except (ValueError, OSError):
        return str(directory)


def is_base(directory: Path) -> bool:
    """Whether a directory is stage one, which continues text and knows no turns."""
    return read_card(directory).get("stage", directory.name) == "base"


def knows_world(directory: Path) -> bool:
    """Whether a model, in any of its stages, learned from the built-in world."""
    for path in directory.parent.glob(f"*/{CARD}"):
        config = read_card(path.parent).get("config", {})
        read = config.get("text") or config.get("chats")
        if isinstance(read, list) and "world" in read:
            return True
    return False


def text_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """Ids of a text as a document begins in training: after the separator, and with training's line ends."""
    return [tokenizer.endoftext_id, *tokenizer.encode(clean_text(text))]


def cleaned(messages: Iterable[Any]) -> list[Any]:
    """Messages whose contents follow the rule for line ends that training text follows (`plain_text.py`)."""
    return [{**message, "content": clean_text(message["content"])} for message in messages]


def chat_ids(tokenizer: Tokenizer, messages: list[Any]) -> list[int]:
    """Ids of a chat with an open turn for the assistant."""
    from firstwords.tokenizer.chat import render

    return render(cleaned(messages), tokenizer, add_generation_prompt=True)[0]


def opening(tokenizer: Tokenizer, is_base: bool, text: str) -> tuple[str, list[int]]:
    """How a stage gets a prompt: ("text", ids to continue) for a base model, ("chat", ids to answer) for the others."""
    if is_base:
        return "text", text_ids(tokenizer, text)
    return "chat", chat_ids(tokenizer, [{"role": "user", "content": text}])


def check_fits(ids: list[int], context: int, what: str = "the text") -> None:
    """Raise UserError when a prompt leaves no room for an answer."""
    if len(ids) >= context:
        raise UserError(f"{what} has {len(ids):,} tokens, but this model reads at most {context:,}; shorten it")


def sampling(**values: Any) -> SamplingParams:
    """SamplingParams, with their complaints turned into UserErrors about flags."""
    from firstwords.engine.sampling import SamplingParams

    try:
        return SamplingParams(**values)
    except ValueError as error:
        name, rest = str(error).split(" ", 1)
        raise UserError(f"--{name.replace('_', '-')} {rest}") from None


def readable_input() -> None:
    """Have bytes of stdin that are not text read as replacement characters, not as an error. To be called before the
    first line is read; later calls change nothing."""
    if hasattr(sys.stdin, "reconfigure") and sys.stdin.errors != "replace":
        sys.stdin.reconfigure(errors="replace")


def emit(result: dict[str, Any]) -> None:
    """Print the one JSON object of a command with --json."""
    print(json.dumps(result, ensure_ascii=False, allow_nan=False), flush=True)


def say(text: str) -> None:
    """A remark for the person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def shown(text: str) -> str:
    """A piece of text in quotes, with line ends and odd characters visible: '" a\\n"'."""
    visible = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    return f'"{visible}"'
