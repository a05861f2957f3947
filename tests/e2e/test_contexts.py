"""Stage three in short contexts: chats that nearly fill them, and answers that the context cuts, train to the end."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from firstwords import home
from firstwords.config import UserError
from firstwords.engine.engine import Engine
from firstwords.model.hub import load_model, read_card, save_model, weights_hash
from firstwords.preferences.annotator import Task
from firstwords.preferences.records import Preference
from firstwords.rlhf import align, policy, policy_data, reward
from firstwords.rlhf import judgements as judged
from firstwords.rlhf.align import Align
from firstwords.rlhf.judgements import Answer
from firstwords.rlhf.methods import dpo, grpo, ppo, rloo
from firstwords.rlhf.pair_rows import PairRows, that_fit
from firstwords.rlhf.reward_model import answer_ids, closed, load_reward_model
from firstwords.tokenizer.fast import Tokenizer
from firstwords.tokenizer.prompts import chat_ids
from firstwords.world.chats.checks import Check

WORDS = ["yes", "no", "maybe", "sun", "moon", "cat", "dog", "tree", "house", "river"]
CONTEXTS = (32, 48, 96, 256)
METHODS = {"rloo": (rloo.main, rloo.Rloo), "grpo": (grpo.main, grpo.Grpo), "ppo": (ppo.main, ppo.Ppo)}


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread, tiny_policy):
    """pip(context) -> preferences.jsonl, with a home whose pip/sft has random weights and hardly ever stops."""
    monkeypatch.setenv("FIRSTWORDS_HOME", str(tmp_path / "home"))
    tokenizer = Tokenizer.train([" ".join(WORDS) + " system user assistant What is it?\n"] * 5, 300)

    def build(context: int) -> Path:
        model = tiny_policy(tokenizer.vocab_size, context=context)
        card = {"stage": "sft", "weights_sha256": weights_hash(model)}
        save_model(model, home.stage_dir("pip", "sft"), tokenizer, card)
        with open(tmp_path / "preferences.jsonl", "w", encoding="utf-8") as file:
            for messages in chats(tokenizer, context, 30):
                prompt = [dict(message) for message in messages]
                sides = {"chosen": [{"role": "assistant", "content": "yes"}]}
                sides["rejected"] = [{"role": "assistant", "content": "no"}]
                file.write(json.dumps({"prompt": prompt} | sides) + "\n")
        return tmp_path / "preferences.jsonl"

    return build


def chats(tokenizer: Tokenizer, context: int, number: int) -> list[tuple[dict[str, str], ...]]:
    """Different prompts of one turn or many, of half of the context to the three quarters that can be used."""
    draw, found = random.Random(context), {}
    while len(found) < number:
        messages = [{"role": "user", "content": draw.choice(WORDS)}]
        fits = messages
        goal = draw.uniform(0.5, 0.75) * context
        while len(chat_ids(tokenizer, messages)) <= goal:
            fits = messages
            more = {"role": "assistant", "content": draw.choice(WORDS)}, {"role": "user", "content": draw.choice(WORDS)}
            if draw.random() < 0.5:
                messages = [*messages, *more]
            else:
                last = messages[-1]["content"] + " " + draw.choice(WORDS)
                messages = [*messages[:-1], {"role": "user", "content": last}]
        if len(chat_ids(tokenizer, fits)) <= context * 3 // 4:
            found[str(fits)] = tuple(fits)
    return list(found.values())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch):
    """Tasks of the built-in world whose prompts nearly fill the context."""

    def build(context: int) -> None:
        tokenizer = Tokenizer.load(home.stage_dir("pip", "sft"))
        prompts = chats(tokenizer, context, 40)
        known = [Task(messages, Check("one_of", ("yes",)), "long") for messages in prompts]

        def tasks(seed: int, num: int, split: str = "train", size: str = "whole") -> list[Task]:
            return (known[:20] if split == "train" else known[20:])[:num]

        monkeypatch.setattr(judged, "ANSWER_TOKENS", context)
        monkeypatch.setattr(policy_data, "tasks", tasks)
        monkeypatch.setattr(judged, "all_tasks", lambda seed, split, size: iter(tasks(seed, 20, split)))

    return build


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("method", METHODS)
def test_policies_train_to_the_end_where_the_context_cuts_their_answers(
    method: str, context: int, pip, world, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many answers of the built-in judge's pairs, of rollouts and of best-of-n end where the context ends."""
    pip(context)
    world(context)
    directory = reward.main(reward.Reward("pip", preferences=["world"], pairs=16, steps=2))
    assert np.isfinite(list(read_card(directory)["metrics"]["report_card"]["accuracy"].values())).all()
    filled, sample = [], policy.sample_rollouts

    def watched(*arguments):
        found = sample(*arguments)
        filled.extend(len(sequence) == context for sequence in found.sequences)
        return found

    monkeypatch.setattr(policy, "sample_rollouts", watched)
    main, kind = METHODS[method]
    target = main(kind("pip", prompts=["world"], steps=2, step_prompts=4, samples=2, max_tokens=context, sft_share=0.0))
    assert sum(filled) >= len(filled) // 4, "the context cuts answers, or this proves nothing"
    metrics = read_card(target)["metrics"]
    assert np.isfinite([metrics["gold"], *metrics["best_of_n_gold"].values()]).all()


@pytest.mark.parametrize("context", CONTEXTS)
def test_dpo_and_align_train_to_the_end_in_short_contexts(context: int, pip, world) -> None:
    path = pip(context)
    align.main(Align("pip", preferences=[str(path)], method="dpo", steps=2))
    align.main(Align("pip", preferences=[str(path)], steps=2))
    assert "rlhf-1" in home.stages("pip")
    world(context)
    dpo.main(dpo.Dpo("pip", preferences=["world"], pairs=16, steps=2))


def cut_answers(context: int) -> tuple[Tokenizer, list[Answer], Sequence[Task]]:
    """Answers of pip/sft to prompts that nearly fill its context."""
    model, tokenizer = load_model(home.stage_dir("pip", "sft")), Tokenizer.load(home.stage_dir("pip", "sft"))
    asked = policy_data.tasks(0, 20)
    return tokenizer, judged.sample(Engine(model, tokenizer, num_slots=8), tokenizer, asked, (0, 1)), asked


def test_what_was_sampled_is_scored_by_its_ids_and_read_at_a_stop_token(pip, world) -> None:
    pip(96)
    world(96)
    directory = reward.main(reward.Reward("pip", preferences=["world"], pairs=16, steps=2))
    tokenizer, answers, asked = cut_answers(96)
    model = load_reward_model(directory)
    starts = [len(answer.prompt_ids) for answer in answers]
    scores = model.score_ids([answer.sequence for answer in answers], starts)
    cut = [answer for answer in answers if len(answer.sequence) == 96 and not answer.stopped]
    assert len(cut) > 5
    again = [answer_ids(tokenizer, task.messages, answer.text) for task, answer in zip(asked, answers, strict=True)]
    assert max(map(len, again)) > 96, "encoded again some do not fit: what training died of"
    for answer, score in zip(answers, scores, strict=True):
        read = closed(answer.sequence, tokenizer, 96)
        assert len(read) <= 96 and read[-1] == tokenizer.im_end_id
        with torch.no_grad():
            values = model.model.values(torch.tensor([read]))[0]
            scalar = float(values[min(len(answer.prompt_ids), len(read) - 1) :].mean())
        confidence = float(model.confidence([answer.sequence], [len(answer.prompt_ids)])[0])
        assert score == pytest.approx((scalar + model.weight * confidence - model.mean) / model.std, abs=1e-4)


def test_an_answer_that_ended_is_read_where_it_ended(pip) -> None:
    pip(96)
    tokenizer = Tokenizer.load(home.stage_dir("pip", "sft"))
    whole = answer_ids(tokenizer, [{"role": "user", "content": "cat"}], "yes")
    assert closed(whole, tokenizer, 96) == whole == closed([*whole[:-1], tokenizer.endoftext_id], tokenizer, 96)
    assert closed(whole[:-1], tokenizer, 96) == whole  # cut by a limit of tokens: there is room for the stop token
    assert closed(whole[:-1], tokenizer, len(whole) - 1) == [*whole[:-2], whole[-1]]  # cut by the context


def test_pairs_hold_the_sampled_ids_and_dpo_never_learns_to_stop_at_the_cut(pip, world) -> None:
    pip(96)
    world(96)
    tokenizer, answers, asked = cut_answers(96)
    (one, other), task = answers[:2], asked[0]
    pair = Preference(task.messages, one.text, other.text, chosen_ids=one.ids, rejected_ids=other.ids)
    prompt = chat_ids(tokenizer, task.messages)
    pairs, left_out = that_fit([pair], tokenizer, 400)
    rows = PairRows(pairs, tokenizer, 400, 0)
    assert rows.pairs[0][:2] == ([*prompt, *one.ids], [*prompt, *other.ids]) and left_out == 0
    batch, (shared,) = rows.take([0]), rows.shared_batches(0)
    for row, answer in enumerate((one, other)):
        ids = batch["inputs"][row, 1:][batch["mask"][row]]
        assert tuple(ids) == answer.ids and (tokenizer.im_end_id in ids) == answer.stopped
        assert shared["inputs"].flat[shared["places"][shared["owners"] == row][-1]] == tokenizer.im_end_id


def test_texts_of_people_that_are_too_long_are_left_out_and_counted(pip, capsys) -> None:
    path = pip(96)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows[:4]:
        row["rejected"][0]["content"] = "moon " * 200
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    align.main(Align("pip", preferences=[str(path)], steps=1))
    assert "left out 4 that do not fit this model's context of 96 tokens" in capsys.readouterr().err
    for row in rows[1:]:
        row["rejected"][0]["content"] = "moon " * 200
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[1:]))
    for method in ("dpo", "rloo"):
        with pytest.raises(UserError, match=r"only 0 of the 29 preferences fit this model's context of 96 tokens \(pr"):
            align.main(Align("pip", preferences=[str(path)], method=method))


def test_prompts_that_are_too_long_are_named_before_a_reward_model_is_trained(pip) -> None:
    path = pip(256)
    pip_of_32 = home.stage_dir("pip", "sft") / "config.json"  # the same chats, in a model that reads less
    config = json.loads(pip_of_32.read_text()) | {"max_position_embeddings": 32}
    pip_of_32.write_text(json.dumps(config))
    with pytest.raises(UserError) as said:
        align.main(Align("pip", preferences=[str(path)]))
    assert "0 of the 30 prompts in" in str(said.value) and " can be used: they have " in str(said.value)
    assert "this model's context of 32 leaves 24 for a prompt" in str(said.value)
    assert not home.run_dir("pip", "reward").exists()


def test_a_chat_that_fills_the_context_is_no_question_of_a_comparison(pip, firstwords, tmp_path, monkeypatch) -> None:
    pip(48)
    monkeypatch.setattr("sys.stdin", io.StringIO("l\n"))
    (tmp_path / "asked.txt").write_text("cat\n" + "moon river " * 30 + "\n")
    words = ("compare", "pip/sft", "pip/sft", "--judge", "human", "--prompts", tmp_path / "asked.txt")
    code, _, err = firstwords(*words)
    assert code == 0 and "left out 1 of 2 questions, too long for a context of 48 tokens" in err
    assert "Traceback" not in err


def test_answers_that_share_a_prompt_are_those_of_each_seed_alone(pip, world) -> None:
    pip(96)
    world(96)
    model, tokenizer = load_model(home.stage_dir("pip", "sft")), Tokenizer.load(home.stage_dir("pip", "sft"))
    engine, asked, seeds = Engine(model, tokenizer, num_slots=8), policy_data.tasks(0, 20), [(0, 1), (0, 2), (7, 1)]
    shared = judged.samples(engine, tokenizer, asked, seeds)
    assert shared == [judged.sample(engine, tokenizer, asked, seed) for seed in seeds]
    assert len({answers[0].text for answers in shared}) > 1, "or every seed gives the same answers"
