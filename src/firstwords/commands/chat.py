"""Chat with a model in the terminal.

firstwords chat
firstwords chat --model pip/sft --system "Answer in one word."
echo "What colour is the sky?" | firstwords chat
firstwords chat --demo
echo "The cat sleeps in the box." | firstwords chat --only-words-with f --words 3-
"""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from firstwords import api, home
from firstwords.commands import shared
from firstwords.commands.shared import RuleFlags, SamplingFlags, WeightsFlag
from firstwords.config import UserError
from firstwords.plain_text import clean_text, counted
from firstwords.runlog import say
from firstwords.tools import builtin

HELP = """\
/reset        start a new chat
/system TEXT  set the system message (without TEXT: remove it)
/save FILE    save this chat as {"messages": [...]} (.jsonl: append a line; otherwise: write a JSON list)
/help         show this list
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
class Chat(SamplingFlags, RuleFlags, WeightsFlag):
    """Chat with a model. Lines that begin with / are commands; /help lists them."""

    model: str | None = None
    """NAME, NAME/STAGE or the path of a model directory; default: the newest model."""
    system: str = ""
    """System message: tells the model how to behave."""
    prefill: str = ""
    """How each answer begins; the model continues from there."""
    tools: str = ""
    """Built-in tools that the model may call: calculator, clock, units, documents (separated by commas)."""
    demo: bool = False
    """Ask a few built-in questions, print the answers and exit."""
    max_tokens: int = 256
    temperature: float | None = None  # type: ignore[assignment]
    """0 always takes the most likely token, 1 samples from the model's own distribution (default: the one saved with
    the model, else 0.5)."""
    top_p: float | None = None  # type: ignore[assignment]
    """Sample from the most likely tokens whose probabilities add up to this (default: the one saved with the model,
    else 0.95)."""


class Conversation:
    """A chat with a model. Keeps the turns and drops the oldest ones when the context is full."""

    def __init__(self, loaded: api.Model, config: Chat) -> None:
        self.loaded, self.config, self.system = loaded, config, config.system
        self.how = loaded.chat_sampling(config.temperature, config.top_p)._asdict()
        self.constraint = api.constraint(config.rules(), after=config.prefill)
        self.tools = builtin.chosen(filter(None, (name.strip() for name in config.tools.split(","))))
        # before the first question: raises UserError for impossible values
        shared.check_rules(loaded, config.params(constraint=self.constraint, **self.how))
        self.turns: list[dict[str, str]] = []

    @property
    def messages(self) -> list[dict[str, str]]:
        """The system message, if any, and all turns kept."""
        return ([{"role": "system", "content": self.system}] if self.system else []) + self.turns

    def ask(self, text: str) -> str:
        """Print the answer as it is generated and keep it. Ctrl-C ends it early; the text so far is kept.

        Where the model calls tools, their results go back to it, up to `builtin.MAX_ROUNDS` times.
        """
        before = list(self.turns)
        self.turns.append({"role": "user", "content": text})
        try:
            answer = self._answer()
            for _ in range(builtin.MAX_ROUNDS if self.tools else 0):
                calls = self._calls(answer)
                if not calls:
                    break
                self.turns += [{"role": "tool", "content": result} for result in calls]
                answer = self._answer()
        except UserError as error:
            self.turns[:] = before
            raise UserError(shared.as_flags(str(error))) from None
        return answer

    def _answer(self) -> str:
        """Generate, print and keep one turn."""
        answer, lost, num_tokens = self.config.prefill, 0.0, 0
        ids, max_tokens, dropped = self.loaded.chat_ids(
            self.messages, self.config.max_tokens, answer, [tool.function for tool in self.tools]
        )
        del self.turns[:dropped]
        params = self.config.params(max_tokens=max_tokens, constraint=self.constraint, rule_cost=True, **self.how)
        stream = self.loaded.generate(ids, params)
        print(answer, end="", flush=True)
        with contextlib.closing(stream), contextlib.suppress(KeyboardInterrupt):
            for token in stream:
                answer += token.text
                lost, num_tokens = lost + (token.logprob_lost or 0), num_tokens + 1
                print(token.text, end="", flush=True)
                if token.finish_reason == "length":
                    say(f"\n(cut after {counted(token.index + 1, 'token')})")
        print()
        if self.constraint is not None:
            shared.note_loss(lost, num_tokens)
        self.turns.append({"role": "assistant", "content": answer.strip()})
        return answer

    def _calls(self, answer: str) -> list[str]:
        """The results of the calls in an answer, which are printed too."""
        from firstwords.tokenizer.calls import calls_in

        results = []
        for call in calls_in(answer, [tool.name for tool in self.tools]):
            results.append(builtin.run(call.name, call.arguments))
            say(f"({call.name}: {results[-1]})")
        return results

    def reset(self) -> None:
        """Forget the turns."""
        self.turns.clear()

    def save(self, path: Path) -> None:
        """Write the chat in the form that --chats reads: append a line to a .jsonl file, else write a JSON list."""
        chat = {"messages": self.messages}
        if path.suffix == ".jsonl":
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(chat, ensure_ascii=False) + "\n")
        else:
            path.write_text(json.dumps([chat], ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main(config: Chat) -> None:
    """Answer the lines of stdin until end of input or /quit."""
    loaded = api.load(config.model, weights=config.weights)
    if loaded.is_base and loaded.tokenizer.has_chat_tokens:
        say(f"{loaded.label} is a base model: it continues text and has not learned to answer.")
    else:
        loaded.check_can_chat()
    talk = Conversation(loaded, config)
    if config.demo:
        demo(talk)
        return
    shared.readable_input()
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if is_terminal:
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401 - gives input() line editing and history
        say(f"Chatting with {loaded.label}. /help lists the commands, /quit leaves.")
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
    """Lines typed or piped in, without empty ones; ends at end of input or with Ctrl-C at the prompt."""
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
    """Run a /command; EOFError means leave. Raises UserError for an unknown command."""
    order, _, rest = line.partition(" ")
    rest = rest.strip()
    if order in ("/quit", "/exit", "/q"):
        raise EOFError
    if order == "/reset":
        talk.reset()
        say("(started a new chat)")
    elif order == "/system":
        talk.system = rest
        say(f"(system: {rest})" if rest else "(no system message)")
    elif order == "/save":
        if not rest:
            raise UserError("/save needs a file name")
        try:
            talk.save(Path(rest).expanduser())
        except OSError as error:
            raise UserError(f"cannot save to {rest}: {error.strerror}") from None
        say(f"(saved to {rest})")
    elif order in ("/help", "/?"):
        say(HELP)
    else:
        raise UserError(f"unknown command {order}; try /help")


def demo(talk: Conversation) -> None:
    """Ask a few questions, each in a new chat, and print the answers."""
    say(f"A few sample exchanges with {talk.loaded.label}:")
    for question in [*DEMO, *_told_questions(talk.loaded)]:
        print(f"\nyou> {question}\n{talk.loaded.label.partition('/')[0]}> ", end="", flush=True)
        talk.reset()
        talk.ask(question)
    name = talk.loaded.label.partition("/")[0]
    if name in home.models():
        say(f"\nTo chat with it yourself: firstwords chat --model {name}")


def _told_questions(loaded: api.Model, limit: int = 3) -> list[str]:
    """A few exam questions about known facts, if the model was trained on the built-in world."""
    if not loaded.knows_world:
        return []
    from firstwords.model.card import town_size
    from firstwords.world.exam import questions

    told = [q.messages[-1]["content"] for q in questions(town_size(loaded.directory)) if q.part == "told"]
    return told[:: max(1, len(told) // limit)][:limit]
