"""Talk with a model in the terminal.

firstwords chat
firstwords chat --model pip/sft --system "Answer in one word."
echo "What colour is the sky?" | firstwords chat
firstwords chat --demo
"""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from firstwords import api, home
from firstwords.commands import shared
from firstwords.config import CHAT_TEMPERATURE, CHAT_TOP_P, UserError
from firstwords.plain_text import clean_text
from firstwords.runlog import say
from firstwords.tokenizer.prompts import check_fits, cleaned

HELP = """\
/reset        forget what was said
/system TEXT  tell the model how to behave (without TEXT: nothing special)
/save FILE    save this chat as {"messages": [...]} (.jsonl: add a line; else a JSON list)
/help         this list
/quit         leave (also Ctrl-D); Ctrl-C stops an answer"""

DEMO = (
    "Hello!",
    "Who are you?",
    "What colour is the sky?",
    "What is two plus three?",
    "What is the opposite of big?",
    "Tell me a short story about a dog.",
    "Who is the president of Mars?",
    "Thank you!",
)


@dataclass
class Chat:
    """Talk with a model. Lines that begin with / are orders; /help lists them."""

    model: str | None = None
    """NAME, NAME/STAGE or the path of a model directory; default: the newest model."""
    system: str = ""
    """Tell the model how to behave."""
    demo: bool = False
    """Ask a few questions by itself, print the answers and leave."""
    max_tokens: int = 256
    """Most tokens of one answer."""
    temperature: float = CHAT_TEMPERATURE
    """0 takes the likeliest token each time, 1 samples from the model's own distribution."""
    top_p: float = CHAT_TOP_P
    """Sample from the likeliest tokens whose probabilities add up to this."""
    seed: int | None = None
    """The same seed gives the same answers to the same words."""


class Conversation:
    """A chat with a model: keeps the turns, drops the oldest ones when the context is full."""

    def __init__(self, loaded: api.Model, config: Chat) -> None:
        self.loaded, self.config, self.system = loaded, config, config.system
        self.max_tokens = min(config.max_tokens, max(1, loaded.context // 2))
        self.params = shared.sampling(
            max_tokens=self.max_tokens, temperature=config.temperature, top_p=config.top_p, seed=config.seed
        )
        self.engine = loaded.engine()
        self.turns: list[dict[str, str]] = []
        self.dropped = 0

    @property
    def messages(self) -> list[dict[str, str]]:
        """The system message, if any, and all turns kept."""
        return ([{"role": "system", "content": self.system}] if self.system else []) + self.turns

    def ask(self, text: str) -> str:
        """Print the answer as it comes and remember it. Ctrl-C ends it early; what was said so far stays."""
        self.turns.append({"role": "user", "content": text})
        answer = ""
        try:
            stream = self.engine.stream(self._fitting_ids(), self.params)
            with contextlib.closing(stream), contextlib.suppress(KeyboardInterrupt):
                for token in stream:
                    answer += token.text
                    print(token.text, end="", flush=True)
                    if token.finish_reason == "length":
                        say(f"\n(cut after {token.index + 1} tokens)")
        except UserError:
            self.turns.pop()
            raise
        print()
        self.turns.append({"role": "assistant", "content": answer.strip()})
        return answer

    def reset(self) -> None:
        """Forget the turns."""
        self.turns.clear()

    def save(self, path: Path) -> None:
        """Write the chat in the form that --chats reads: a line more for .jsonl, a JSON list for other names."""
        chat = {"messages": self.messages}
        if path.suffix == ".jsonl":
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(chat, ensure_ascii=False) + "\n")
        else:
            path.write_text(json.dumps([chat], ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    def _fitting_ids(self) -> list[int]:
        """Ids of the chat; the oldest turns go until an answer fits behind them."""
        from firstwords.tokenizer.chat import fit

        messages = cleaned(self.messages)
        ids, dropped = fit(messages, self.loaded.tokenizer, self.loaded.context - self.max_tokens)
        check_fits(ids, self.loaded.context, "the message")
        del self.turns[:dropped]
        self.dropped += dropped
        return ids


def main(config: Chat) -> None:
    """Answer the lines of stdin until it ends or says /quit."""
    loaded = api.load(config.model)
    if not loaded.tokenizer.has_chat_tokens:
        raise UserError(f"{loaded.label} cannot chat, its tokenizer lacks <|im_start|>; try `firstwords complete`")
    if loaded.is_base:
        say(f"{loaded.label} is a base model: it continues text and never learned to answer.")
    talk = Conversation(loaded, config)
    if config.demo:
        demo(talk)
        return
    shared.readable_input()
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if is_terminal:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - gives input() line editing and history
        say(f"Talking with {loaded.label}. /help lists what else you can do, /quit leaves.")
    for line in _lines("you> " if is_terminal else ""):
        try:
            if line.startswith("/"):
                obey(talk, line)
                continue
            if is_terminal:
                print(f"\033[32m{loaded.label.partition('/')[0]}>\033[0m ", end="", flush=True)
            talk.ask(line)
        except UserError as error:
            say(f"{error}")
        except EOFError:
            return


def _lines(prompt: str):
    """Lines that a person types or pipes in, empty ones left out; ends with the input or Ctrl-C at the prompt."""
    while True:
        try:
            line = clean_text(input(prompt)).strip()
        except (EOFError, KeyboardInterrupt):
            if prompt:
                print()
            return
        if line:
            yield line


def obey(talk: Conversation, line: str) -> None:
    """Do what a /order says; EOFError means leave. Raises UserError for an order that nobody knows."""
    order, _, rest = line.partition(" ")
    rest = rest.strip()
    if order in ("/quit", "/exit", "/q"):
        raise EOFError
    if order == "/reset":
        talk.reset()
        say("(a fresh start)")
    elif order == "/system":
        talk.system = rest
        say(f"(system: {rest})" if rest else "(no system message)")
    elif order == "/save":
        if not rest:
            raise UserError("/save needs the name of a file")
        try:
            talk.save(Path(rest).expanduser())
        except OSError as error:
            raise UserError(f"cannot save to {rest}: {error.strerror}") from None
        say(f"(saved to {rest})")
    elif order in ("/help", "/?"):
        say(HELP)
    else:
        raise UserError(f"{order} is no order; /help lists them")


def demo(talk: Conversation) -> None:
    """Ask a few questions, each in a fresh chat, and print what comes."""
    say(f"A few sample exchanges with {talk.loaded.label}:")
    for question in [*DEMO, *_told_questions(talk.loaded)]:
        print(f"\nyou> {question}\n{talk.loaded.label.partition('/')[0]}> ", end="", flush=True)
        talk.reset()
        talk.ask(question)
    name = talk.loaded.label.partition("/")[0]
    if name in home.models():
        say(f"\nTo talk with it yourself, in a terminal: firstwords chat --model {name}")


def _told_questions(loaded: api.Model, limit: int = 3) -> list[str]:
    """A few questions of the exam's part on told facts, if the model grew up in the built-in world."""
    if not loaded.knows_world:
        return []
    from firstwords.world.exam import questions

    told = [q.messages[-1]["content"] for q in questions() if q.part == "told"]
    return told[:: max(1, len(told) // limit)][:limit]
