"""What a run leaves for `firstwords trace`: the tokens that it learned from, and their index, built once it has ended.

A small corpus is indexed at once. Sorting a larger one takes seconds or minutes, so a process of its own does it, which
gives way to all others and outlives the run. Nothing waits for it: where there is no index, `trace` says how to get it.
"""

from __future__ import annotations

import sys

from firstwords import home
from firstwords.config import UserError
from firstwords.data.shards import TokenShards
from firstwords.process import start_in_background
from firstwords.retrieval.suffixes import TokenIndex
from firstwords.retrieval.trace import INDEX, TOKENS, Corpus, corpora, index
from firstwords.runlog import say
from firstwords.tokenizer.fast import Tokenizer

AT_ONCE = 500_000  # tokens that are sorted in a fraction of a second


def index_after_run(name: str) -> None:
    """Index what a model learned from, as far as this is not done. A run never fails because of it."""
    stages = home.stages(name)
    if not stages:
        return
    directory = home.stage_dir(name, stages[-1])
    try:
        missing = [corpus for corpus in corpora(directory) if corpus.can_be_indexed and not _is_current(corpus)]
        if sum(map(_num_tokens, missing)) <= AT_ONCE:
            tokenizer = Tokenizer.load(directory)
            for corpus in missing:
                index(corpus, tokenizer)
            return
    except (UserError, OSError) as error:
        say(f"the training text of {name} is not indexed for `firstwords trace`: {error}")
        return
    command = [sys.executable, "-m", "firstwords", "trace", "--index", "--quiet", "--model", name]
    if start_in_background(command) is not None:
        say("indexing the training text in the background, for `firstwords trace`")


def _is_current(corpus: Corpus) -> bool:
    """Whether the index is that of the tokens in the run's folder."""
    if not corpus.is_indexed:
        return False
    try:
        TokenIndex(corpus.run / TOKENS, corpus.run / INDEX)
    except UserError:
        return False
    return True


def _num_tokens(corpus: Corpus) -> int:
    """Tokens to sort; preferences, whose tokens are made with their index, are few."""
    return TokenShards(corpus.run / TOKENS).num_tokens if (corpus.run / TOKENS).is_dir() else 0
