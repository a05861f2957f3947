"""`firstwords COMMAND ...`: finds the command, parses its flags, runs it, and reports user errors in one sentence.

Nothing heavy is imported before a command needs it: `firstwords --help` uses only the table below.
Exit codes: 0 done, 1 a bug (with a traceback), 2 a user error, 130 interrupted, 143 terminated.
"""

from __future__ import annotations

import errno
import importlib
import os
import platform
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from firstwords.config import UserError, nearest, unknown
from firstwords.flags import parse
from firstwords.keeping.moves import try_recover
from firstwords.process import ALLOCATOR_MARK, team_place
from firstwords.signals import Terminated, terminable
from firstwords.version import __version__

# name: (module, dataclass in it, one line of help). Two words make a subcommand.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "learn": ("firstwords.pipeline", "Learn", "all stages: from text and chats to a model that talks"),
    "pretrain": ("firstwords.train.pretrain", "Pretrain", "stage one: a base model from text"),
    "finetune": ("firstwords.train.finetune", "Finetune", "stage two: train a base model to answer, from chats"),
    "reward": ("firstwords.rlhf.reward", "Reward", "stage 3a: a reward model from preferences"),
    "align": ("firstwords.rlhf.align", "Align", "stage three: improve a model with preferences"),
    "serve": ("firstwords.commands.serve", "Serve", "the web page, and OpenAI-compatible endpoints"),
    "chat": ("firstwords.commands.chat", "Chat", "chat with a model in the terminal"),
    "next": ("firstwords.commands.next", "Next", "show the probabilities of the next token"),
    "complete": ("firstwords.commands.complete", "Complete", "continue a text"),
    "write": ("firstwords.commands.writing.write", "Write", "write a story, an essay, a poem or a letter"),
    "stages": ("firstwords.commands.stages", "Stages", "answer one prompt with every stage, side by side"),
    "teach": (
        "firstwords.commands.teach",
        "Teach",
        "choose the better of two unlabelled answers, for align",
    ),
    "compare": ("firstwords.commands.compare", "Compare", "is one version better than another? How sure is that?"),
    "promote": ("firstwords.commands.promote", "Promote", "choose the version that a model's name refers to"),
    "rollback": ("firstwords.commands.promote", "Rollback", "undo the last promotion of a model"),
    "preferences add": ("firstwords.commands.preferences", "PreferencesAdd", "add a preference by hand"),
    "preferences list": ("firstwords.commands.preferences", "PreferencesList", "list the judgements"),
    "preferences export": ("firstwords.commands.preferences", "PreferencesExport", "write preferences for other tools"),
    "preferences import": ("firstwords.commands.preferences", "PreferencesImport", "import preferences"),
    "preferences stats": ("firstwords.commands.preferences", "PreferencesStats", "count the judgements"),
    "eval": ("firstwords.commands.evaluation.evaluate", "Evaluate", "bits per byte, the exam, tasks"),
    "report": (
        "firstwords.commands.evaluation.report",
        "Report",
        "write a model's report again",
    ),
    "documents add": ("firstwords.commands.documents.manage", "DocumentsAdd", "add files and folders to ask about"),
    "documents list": ("firstwords.commands.documents.manage", "DocumentsList", "list the stored documents"),
    "documents show": ("firstwords.commands.documents.manage", "DocumentsShow", "show the text of a stored document"),
    "documents remove": ("firstwords.commands.documents.manage", "DocumentsRemove", "remove documents from the store"),
    "documents reindex": (
        "firstwords.commands.documents.manage",
        "DocumentsReindex",
        "rebuild the index of the documents",
    ),
    "documents eval": (
        "firstwords.commands.documents.evaluate",
        "DocumentsEval",
        "measure search and answers on your own questions",
    ),
    "ask": ("firstwords.commands.documents.ask", "Ask", "answer from the documents, with citations"),
    "trace": ("firstwords.commands.documents.trace", "Trace", "find the words of a text in what a model learned from"),
    "search": ("firstwords.commands.documents.manage", "Search", "search the documents"),
    "classify songs": ("firstwords.commands.classify.run", "ClassifySongs", "the ladder, step 1: a line between songs"),
    "classify sentiment": ("firstwords.commands.classify.run", "ClassifySentiment", "step 2: words as numbers"),
    "classify network": ("firstwords.commands.classify.run", "ClassifyNetwork", "step 3: more than a line"),
    "import": (
        "firstwords.commands.exchange.importing",
        "Import",
        "import an open model: hf:ORG/NAME, a folder, a .gguf file",
    ),
    "export": ("firstwords.commands.exchange.exporting", "Export", "write a model for llama.cpp, Ollama or others"),
    "merge": ("firstwords.commands.exchange.merging", "Merge", "add a LoRA adapter to its model's weights"),
    "models": ("firstwords.commands.models", "Models", "list the trained models"),
    "models rename": ("firstwords.commands.keeping", "ModelsRename", "give a model another name"),
    "models copy": ("firstwords.commands.keeping", "ModelsCopy", "copy a model, to train the copy further"),
    "models export": ("firstwords.commands.keeping", "ModelsExport", "copy a stage to a folder for other tools"),
    "models delete": ("firstwords.commands.keeping", "ModelsDelete", "move a model or a stage to the trash"),
    "models restore": ("firstwords.commands.keeping", "ModelsRestore", "restore a model or a stage from the trash"),
    "models empty-trash": ("firstwords.commands.keeping", "ModelsEmptyTrash", "permanently delete the trash"),
    "tokenizer train": ("firstwords.commands.tokenizer", "TokenizerTrain", "learn a vocabulary from text"),
    "tokenizer show": ("firstwords.commands.tokenizer", "TokenizerShow", "show how a text is split into tokens"),
    "data prepare": ("firstwords.commands.data.prepare", "DataPrepare", "tokenise text of any size, for pretrain"),
    "plan": ("firstwords.commands.plan.command", "Plan", "what training a model of any size takes, on paper"),
    "doctor": ("firstwords.commands.doctor", "Doctor", "check this machine and what it can do"),
}
TRAINING = {"learn", "pretrain", "finetune", "reward", "align"}  # worth a better allocator: reexec_with_allocator

# OpenMP threads that wait for each other spin forever by default. A limit makes a training step 10 % faster on an idle
# machine, and 1.3 times as fast alongside another busy process (docs/LOG.md).
SPINS = "10000"
# glibc returns freed blocks above a small size to the system at once, and each new 64 MiB tensor then costs 16,385
# page faults (45 ms). Keeping them, in huge pages, makes that 5 ms. Read once, before Python starts: hence the exec.
TUNABLES = {"glibc.malloc.mmap_threshold": 4 * 2**30, "glibc.malloc.trim_threshold": 8 * 2**30}


def main(argv: list[str] | None = None) -> int:
    """Run one command line and return its exit code. Without `argv`, use the process's own (which may re-exec)."""
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        return _run(words, may_reexec=argv is None)
    except UserError as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return _interrupted(130, is_process=argv is None)
    except Terminated as error:
        print(f"firstwords: {error}", file=sys.stderr)
        return _interrupted(error.exit_code, is_process=argv is None)
    except BrokenPipeError:  # `firstwords ... | head`: the reader has seen enough
        _silence_stdout()
        return 0
    except MemoryError as error:
        return _fail(f"not enough memory ({error}); use a smaller model or a shorter text")
    except OSError as error:
        if error.errno is None:
            raise
        return _fail(os_sentence(error))
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":  # torch's, on a GPU; compared by name to avoid importing torch
            return _fail("the GPU has too little memory; use a smaller model or a smaller --batch-tokens")
        code = getattr(error, "exit_code", None)  # of a stage that saved its state on Ctrl-C or SIGTERM
        if not isinstance(code, int):
            raise
        print(f"firstwords: {error}", file=sys.stderr)
        return code


def _run(words: list[str], may_reexec: bool) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(help_text(), end="")
        return 0
    if words[0] in ("-V", "--version"):
        print(f"firstwords {__version__}")
        return 0
    name, rest = find_command(words)
    try_recover()  # complete renames that a killed process left unfinished
    module_name, class_name, _ = COMMANDS[name]
    wants_help = any(word in ("-h", "--help") for word in rest)
    if may_reexec and name in TRAINING and not wants_help:
        reexec_with_allocator()
    with terminable() if name in TRAINING else nullcontext():
        module = importlib.import_module(module_name)
        config = parse(getattr(module, class_name), rest, name)
        code = in_team(name, partial(module.main, config)) if team_place()[1] > 1 else module.main(config)
    sys.stdout.flush()
    return code if isinstance(code, int) and not isinstance(code, bool) else 0


def in_team(name: str, command: Callable[[], Any]) -> int:
    """Run a command on the processes that torchrun has started. Raises UserError if it can't share its work."""
    if name not in TRAINING:
        raise UserError(f"{name} runs in a single process: start it without torchrun")
    from firstwords.train.distributed.following import run

    return run(command)


def _interrupted(code: int, is_process: bool) -> int:
    """The exit code. If a library is still computing in another thread, the process exits here: otherwise the thread
    would delay the exit, or crash during it.
    """
    if is_process and threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def find_command(words: list[str]) -> tuple[str, list[str]]:
    """(command, the remaining words); raises a UserError that names the nearest command."""
    if words[0].startswith("-"):
        raise UserError(f"{words[0]} comes before the command: write `firstwords COMMAND {words[0]} ...`")
    two = " ".join(words[:2])
    if two in COMMANDS:
        return two, words[2:]
    under = [name for name in COMMANDS if name.startswith(words[0] + " ")]
    is_flag = len(words) == 1 or words[1].startswith("-")
    if words[0] in COMMANDS and (is_flag or not under):
        return words[0], words[1:]
    if under:
        close = nearest(two, under)
        raise UserError(
            f"{words[0]} needs one of these words after it: {', '.join(n.split()[1] for n in under)}"
            + (f"; did you mean {close}?" if close and len(words) > 1 else "")
        )
    raise unknown("command", words[0], COMMANDS, "`firstwords --help` lists the commands")


def help_text() -> str:
    """The output of `firstwords --help`, made from COMMANDS."""
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {text}" for name, (_, _, text) in COMMANDS.items())
    return (
        "firstwords: teach a language model to talk, on your own machine\n\n"
        "usage: firstwords COMMAND [--help] ...\n\n"
        f"{rows}\n\n"
        "To get started:\n"
        "  firstwords learn --minutes 6         train on the built-in world\n"
        "  firstwords chat                      chat with the result\n"
        '  firstwords next "The cat is"         what comes next, and how sure is the model?\n\n'
        "Models are stored in $FIRSTWORDS_HOME (default ~/.firstwords).\n"
    )


def reexec_with_allocator() -> None:
    """Run this command line again with allocator settings for training; returns if that is not needed.

    Only on Linux with glibc, only once (FIRSTWORDS_ALLOCATOR marks it; set it to 0 to keep your own settings).
    """
    if ALLOCATOR_MARK in os.environ or sys.platform != "linux" or platform.libc_ver()[0] != "glibc":
        return
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(sys.executable, sys.orig_argv, allocator_environment(dict(os.environ)))
    except OSError:  # not worth failing: training is only a little slower without it
        os.environ[ALLOCATOR_MARK] = "0"


def allocator_environment(environment: dict[str, str]) -> dict[str, str]:
    """The environment with the allocator's settings added; existing settings are kept."""
    tunables = [t for t in environment.get("GLIBC_TUNABLES", "").split(":") if t]
    present = {t.partition("=")[0] for t in tunables}
    tunables += [f"{name}={value}" for name, value in TUNABLES.items() if name not in present]
    added = {"GLIBC_TUNABLES": ":".join(tunables), ALLOCATOR_MARK: "1"}
    defaults = {"THP_MEM_ALLOC_ENABLE": "1", "GOMP_SPINCOUNT": SPINS}
    return {**defaults, **environment, **added}


def os_sentence(error: OSError) -> str:
    """One sentence about a failure of a file, a folder or a disk."""
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes | os.PathLike) else ""
    where = f" {name}" if name else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full, cannot write{where}; free up some space, or set FIRSTWORDS_HOME to another disk"
    if error.errno == errno.EROFS:
        return f"cannot write{where}: the disk is read-only; set FIRSTWORDS_HOME to a folder you can write to"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission for{where}; change its permissions, or set FIRSTWORDS_HOME to a folder you can write to"
    if error.errno == errno.ENOENT:
        return f"there is no{where}; check the path"
    if error.errno == errno.EISDIR:
        return f"{name or 'that'} is a folder, but a file is expected; move it away"
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY):
        return f"{error.strerror}{':' + where if where else ''}; something else is in the way; move it"
    if error.errno == errno.EIO:
        return f"disk error at{where or ' a file'}; check the disk, and back up important files"
    return f"{error.strerror or error}{':' + where if where else ''}"


def _fail(sentence: str) -> int:
    if team_place()[0] == 0:  # of several processes, one speaks
        print(f"firstwords: {' '.join(sentence.split())}", file=sys.stderr)
    return 2


def _silence_stdout() -> None:
    """Keep Python from reporting the closed pipe again when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
