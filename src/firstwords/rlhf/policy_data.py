"""Training data of a policy: prompts, tasks whose true reward is known, and chats of stage two to rehearse.

data = policy_data(config, tokenizer, limit=256)
data.prompts[0] -> ids of a prompt        data.order.at(...) -> the prompts of a step
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from firstwords.config import UserError
from firstwords.data.chats import conversations
from firstwords.data.packing import ChatRows, EpochOrder, pack_chats
from firstwords.data.source_stats import SourceStats
from firstwords.model.card import knows_world, town_size, trained_context
from firstwords.model.hub import read_card
from firstwords.preferences.annotator import Task, tasks, true_reward
from firstwords.preferences.records import TooFewError, prompt_key
from firstwords.rlhf.judgements import Answer, of_people, prompts_of_people
from firstwords.rlhf.provenance import short
from firstwords.rlhf.version_store import sft_dir
from firstwords.runlog import say
from firstwords.tokenizer.chat import Message, render
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids
from firstwords.world.town.plumwick import Size

NUM_TASKS = 4000  # prompts of the built-in world to practise on
FEW_PROMPTS, MORE_PROMPTS = 1000, 2000  # with fewer of people's prompts, so many of the world's are added
FIRST_TASKS = 64  # of them, to check whether they fit this model
ANSWER_SHARE = 4  # 1 / ANSWER_SHARE of a short context is reserved for the answer
GOLD_TASKS = 128  # answered in each evaluation of the gold reward
REHEARSAL_CHATS = 2000  # chats kept to rehearse stage two with
REHEARSAL_CONTEXT = 256  # tokens per row, if the model's card doesn't say


@dataclass
class PolicyData:
    """Prompts and their order; tasks for the gold reward; chats to rehearse."""

    prompts: list[list[int]]
    order: EpochOrder
    gold: list[Task] = field(default_factory=list)
    rehearsal: ChatRows | None = None
    keys: set[str] = field(default_factory=set)  # of the prompts, to record what the version has seen

    @property
    def longest(self) -> int:
        """Tokens of the longest prompt."""
        return max(map(len, self.prompts))


def policy_data(config: Any, tokenizer: Tokenizer, limit: int) -> PolicyData:
    """The data that a policy's flags name, for a model with a context of `limit` tokens. Raises UserError."""
    prompts, gold, keys = prompts_of(config, tokenizer, limit)
    return PolicyData(prompts, EpochOrder(len(prompts), config.seed), gold, rehearsal_rows(config, tokenizer), keys)


def prompts_of(config: Any, tokenizer: Tokenizer, limit: int) -> tuple[list[list[int]], list[Task], set[str]]:
    """(prompts to practise on, as ids; gold tasks, whose truth is known; short keys of the prompts).

    People's choices are about few prompts. Practised dozens of times, these would be learned by heart, and what a model
    of the built-in world knows forgotten, so it practises on the world's prompts as well.
    """
    found, sft = [p.prompt for p in of_people(config.prompts)], sft_dir(config.name)
    gold: list[Task] = []
    if "world" in config.prompts:
        found += [task.messages for task in tasks(config.seed, NUM_TASKS, "train", town_size(sft))]
        gold = tasks(config.seed, GOLD_TASKS, "gold", town_size(sft))
    elif 1 < len(found) < FEW_PROMPTS and knows_world(sft):
        found += [task.messages for task in tasks(config.seed, MORE_PROMPTS, "train", town_size(sft))]
    keys = {tuple(chat_ids(tokenizer, messages)): short(prompt_key(messages)) for messages in found}
    longest = limit - room_for_answer(limit, config.max_tokens)
    fitting = [list(ids) for ids in keys if len(ids) <= longest]
    if len(fitting) < 2:
        raise too_few_prompts(config.prompts, [len(ids) for ids in keys], longest, limit)
    gold = [task for task in gold if len(chat_ids(tokenizer, task.messages)) <= longest]
    return fitting, gold, {keys[tuple(ids)] for ids in fitting}


def check_prompts(
    specs: Sequence[str], tokenizer: Tokenizer, limit: int, max_tokens: int, seed: int = 0, town: Size = "whole"
) -> None:
    """Raise the TooFewError that `prompts_of` would raise for prompts that are too long, reading as few as possible.

    If there are too few prompts in total, the training stage raises a better error.
    """
    lengths: dict[tuple[int, ...], int] = {}
    longest, world = limit - room_for_answer(limit, max_tokens), []
    if "world" in specs:
        world = [task.messages for task in tasks(seed, FIRST_TASKS, "train", town)]
    for messages in chain(world, prompts_of_people(specs)):
        ids = tuple(chat_ids(tokenizer, messages))
        lengths[ids] = len(ids)
        if len(ids) <= longest and sum(length <= longest for length in lengths.values()) >= 2:
            return
    if len(lengths) > 1:
        raise too_few_prompts(specs, list(lengths.values()), longest, limit)


def room_for_answer(limit: int, max_tokens: int) -> int:
    """Tokens that a prompt must leave for an answer in a context of `limit`; fewer than max_tokens if that is short."""
    return max(1, min(max_tokens, limit // ANSWER_SHARE))


def too_few_prompts(specs: Sequence[str], lengths: Sequence[int], longest: int, limit: int) -> TooFewError:
    """The error for fewer than two usable prompts, with the reason: too few in total, or too long for the context."""
    where = ", ".join(specs)
    if len(lengths) < 2:
        return TooFewError(f"training needs at least two different prompts, but {where} has {len(lengths)}: give more")
    usable = sum(length <= longest for length in lengths)
    return TooFewError(
        f"{usable} of the {len(lengths):,} prompts in {where} can be used: they have {min(lengths):,} to "
        f"{max(lengths):,} tokens, and this model's context of {limit:,} leaves {longest:,} for a prompt and the rest "
        "for its answer; use shorter prompts, or a model with a longer context"
    )


def taught_chats(sft: Path) -> Iterator[list[Message]]:
    """The chats that a stage sft was trained on, read again; the built-in ones are endless.

    Raises UserError or OSError if they are unknown or no longer exist.
    """
    data = read_card(sft).get("data") or {}
    return conversations(data.get("chats") or [], SourceStats(), town_size(sft), data.get("writers") or "careful")


def rehearsal_rows(config: Any, tokenizer: Tokenizer) -> ChatRows | None:
    """Rows of the chats of stage two, read again; None if they are unknown or no longer exist."""
    if config.sft_share == 0:
        return None
    sft = sft_dir(config.name)
    try:
        rendered = [render(messages, tokenizer) for messages in islice(taught_chats(sft), REHEARSAL_CHATS)]
        return ChatRows(pack_chats(rendered, trained_context(sft) or REHEARSAL_CONTEXT), config.seed)
    except (UserError, OSError) as error:
        say(f"the chats of stage two cannot be read again ({error}): training continues without rehearsing them")
        return None


def truth_of(asked: Sequence[Task], answers: Sequence[Answer]) -> np.ndarray:
    """True rewards of answers to tasks whose truth is known, fp64, (B,)."""
    return np.array([true_reward(t, a.text, a.stopped) for t, a in zip(asked, answers, strict=True)])
