"""The engine computes what the model computes, however requests are batched, chunked, cached, moved or
cancelled.
"""

import dataclasses
import math

import numpy as np
import pytest
import torch
from noisy_models import model_of

from firstwords.engine.compiled import CompiledDecoder
from firstwords.engine.decode import TorchDecoder
from firstwords.engine.engine import Engine
from firstwords.engine.sampling import SamplingParams
from firstwords.model.cache import KVCache
from firstwords.model.config import GLOBAL, LOCAL, NO_POSITIONS, ModelConfig
from firstwords.model.transformer import Transformer
from firstwords.tokenizer.fast import Tokenizer

# Legend: B rows, T tokens, V vocabulary.
V = 307  # no multiple of anything
TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}


def config_of(family: str, **changes) -> ModelConfig:
    shape = {
        "vocab_size": V,
        "hidden_size": 48,
        "intermediate_size": 80,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 640,
        "architecture": f"{family}ForCausalLM",
        "qk_norm": family == "Qwen3",
        "qkv_bias": family == "Qwen2",
        "tie_word_embeddings": family != "Llama",
    }
    return ModelConfig(**(shape | changes))


def prompt_of(length: int, seed: int = 0) -> list[int]:
    return torch.randint(3, V, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


FAMILIES = {
    "Llama": config_of("Llama", rms_norm_eps=1e-3),  # large, so that its place counts
    "Llama with biases": config_of("Llama", qkv_bias=True, o_bias=True, mlp_bias=True),
    "Mistral": config_of("Mistral", num_key_value_heads=4),
    "Qwen2": config_of("Qwen2", num_key_value_heads=1),
    "Qwen3": config_of("Qwen3", rms_norm_eps=1e-3),
    "Mistral with a window": config_of("Mistral", windows=(30, 30, 30)),
    "SmolLM3": config_of("SmolLM3", tables=(GLOBAL, NO_POSITIONS, GLOBAL)),
    "Gemma 3": config_of(
        "Gemma3",
        qk_norm=True,
        tie_word_embeddings=False,
        windows=(70, 0, 7),
        tables=(LOCAL, GLOBAL, LOCAL),
        local_theta=500.0,
        attention_scalar=24.0,
    ),
    "Qwen3 wide": config_of("Qwen3", hidden_size=128, intermediate_size=416, head_dim=64, vocab_size=1031),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads only wait for one another at these sizes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model() -> Transformer:
    return model_of(FAMILIES["Qwen3"])


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["the cat sat on the mat and the dog ate the cat's hat. "] * 20, vocab_size=V)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("decoder_class", [CompiledDecoder, TorchDecoder])
@torch.inference_mode()
def test_cached_logits_equal_uncached_ones(family, decoder_class):
    """Rows of unequal length, one idle row between them, over the border where the cache grows (256)."""
    model = model_of(FAMILIES[family])
    size, cache = model.config.vocab_size, KVCache(model.config, num_slots=16)
    lengths = {2: 1, 3: 40, 5: 250}
    texts = {slot: [t % size for t in prompt_of(length + 12, slot)] for slot, length in lengths.items()}
    decoder = decoder_class(model, cache)
    for slot, length in lengths.items():
        for start, end in ((0, length // 2), (length // 2, length)):  # in two chunks
            if end > start:
                decoder.prefill([(texts[slot][start:end], slot)])
                cache.lengths[slot] += end - start
    expected = {slot: model(torch.tensor([text]))[0] for slot, text in texts.items()}
    slots_R = np.array(list(lengths))
    for step in range(12):
        ids_R = np.array([texts[slot][cache.lengths[slot]] for slot in slots_R])
        logits_RV = decoder.logits(ids_R, slots_R)
        for row, (slot, length) in enumerate(lengths.items()):
            torch.testing.assert_close(logits_RV[row], expected[slot][length + step], **TOLERANCE)
        cache.lengths[slots_R] += 1


def test_huge_attention_scores_do_not_overflow():
    """Huge gains on queries and keys: exp of the raw scores would overflow."""
    model = model_of(FAMILIES["Qwen3"])
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.q_norm.weight.mul_(30)
    ids = prompt_of(30)
    answer = Engine(model).generate([ids], SamplingParams(max_tokens=20, temperature=0, logprobs=0))[0]
    assert answer.ids == greedy(model, ids, 20)


@torch.inference_mode()
def greedy(model: Transformer, ids: list[int], count: int) -> list[int]:
    ids, start = list(ids), len(ids)
    for _ in range(count):
        ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    return ids[start:]


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_answers_equal_those_without_a_cache(family):
    model = model_of(FAMILIES[family])
    prompts = [prompt_of(length, length) for length in (1, 2, 70)]
    engine = Engine(model, num_slots=2, chunk_tokens=32)
    answers = engine.generate(prompts, SamplingParams(max_tokens=20, temperature=0, logprobs=3))
    for prompt, answer in zip(prompts, answers, strict=True):
        assert answer.ids == greedy(model, prompt, 20)
        assert answer.finish_reason == "length"
        expected = engine.score([prompt + answer.ids])[0][len(prompt) - 1 :]
        torch.testing.assert_close(torch.tensor(answer.logprobs), expected, **TOLERANCE)
        assert [top[0][0] for top in answer.top] == answer.ids and all(len(top) == 3 for top in answer.top)


@torch.inference_mode()
def test_rank_and_entropy_are_those_of_a_direct_forward_pass():
    model = model_of(FAMILIES[next(iter(FAMILIES))])
    engine = Engine(model, num_slots=4)
    asks = [True, False, True]
    requests = [
        engine.add(prompt_of(9, seed), SamplingParams(max_tokens=12, temperature=2.5, seed=seed, uncertainty=ask))
        for seed, ask in enumerate(asks)
    ]
    tokens = []
    while engine.has_work:
        tokens += engine.step()
    for request, ask in zip(requests, asks, strict=True):
        mine = [token for token in tokens if token.request_id == request.request_id]
        if not ask:
            assert all(token.rank is None and token.entropy is None for token in mine)
            continue
        logprobs_TV = torch.log_softmax(model(torch.tensor([request.all_ids]))[0, 8:-1].double(), -1)
        for token, logprobs_V in zip(mine, logprobs_TV, strict=True):
            order = logprobs_V.sort(descending=True).indices.tolist()
            assert token.rank == order.index(token.id) + 1
            bits = -(logprobs_V.exp() * logprobs_V).sum().item() / math.log(2)
            assert token.entropy == pytest.approx(bits, abs=1e-4)
        assert len({token.rank for token in mine}) > 3, "so hot a draw takes more than the likeliest"


MIXED = [
    SamplingParams(max_tokens=25, temperature=0, logprobs=1),
    SamplingParams(max_tokens=40, temperature=0.8, seed=1, logprobs=1),
    SamplingParams(max_tokens=10, temperature=1.2, top_p=0.9, seed=2, logprobs=1),
    SamplingParams(max_tokens=33, temperature=0.9, top_k=20, seed=3, logprobs=1),
    SamplingParams(max_tokens=28, min_p=0.05, seed=4, logprobs=1),
    SamplingParams(max_tokens=30, temperature=0.7, repetition_penalty=1.4, seed=5, logprobs=1),
]


def same_answers(one, other) -> None:
    assert [answer.ids for answer in one] == [answer.ids for answer in other]
    for ours, theirs in zip(one, other, strict=True):
        torch.testing.assert_close(torch.tensor(ours.logprobs), torch.tensor(theirs.logprobs), **TOLERANCE)


def test_batched_equals_alone(model):
    prompts = [prompt_of(length, length) for length in (3, 90, 1, 40, 12, 64)]
    alone = [Engine(model).generate([p], [s])[0] for p, s in zip(prompts, MIXED, strict=True)]
    for num_slots in (16, 2):  # 2: they join and leave in between
        same_answers(Engine(model, num_slots=num_slots).generate(prompts, MIXED), alone)
    # more rows than one tile of the decoder's matrices
    many = Engine(model, num_slots=24).generate(prompts * 4, MIXED * 4)
    same_answers(many, alone * 4)


@pytest.mark.parametrize("burst", [2, 7, 32])
def test_several_tokens_per_step_are_those_of_single_steps(model, tokenizer, burst, monkeypatch):
    """Rows that end by a token, by a text in the middle of a burst, by their length, and beside a waiting request."""
    free = Engine(model, tokenizer).generate([prompt_of(9)], SamplingParams(max_tokens=60, seed=2, ignore_eos=True))[0]
    plain = SamplingParams(max_tokens=60, seed=2, ignore_eos=True, logprobs=2, uncertainty=True)
    every = [
        plain,
        dataclasses.replace(plain, stop=(free.text[20:23],)),
        dataclasses.replace(plain, stop_token_ids=(free.ids[17],), ignore_eos=False),
        dataclasses.replace(plain, repetition_penalty=1.3, max_tokens=41, seed=7),
        dataclasses.replace(plain, temperature=0.0, max_tokens=2),
    ]

    def told(most: int) -> tuple[dict[int, list], list, int]:
        monkeypatch.setattr("firstwords.engine.engine.MAX_BURST", most)
        engine, events, num_steps = Engine(model, tokenizer, num_slots=3), {}, 0
        requests = [engine.add(prompt_of(9), params) for params in every]
        while engine.has_work:
            num_steps += 1
            for token in engine.step():
                events.setdefault(token.request_id, []).append(token)
        # what a slot holds was computed for these tokens, also where sampled ones were dropped
        again = engine.generate([request.all_ids for request in requests], plain)
        pairs = [(request.completion(), answer.ids) for request, answer in zip(requests, again, strict=True)]
        return events, pairs, num_steps

    single, expected, most_steps = told(1)
    several, found, num_steps = told(burst)
    assert num_steps < most_steps
    for number, tokens in single.items():
        assert [(t.id, t.index, t.text, t.finish_reason) for t in tokens] == [
            (t.id, t.index, t.text, t.finish_reason) for t in several[number]
        ]
        for mine, other in zip(several[number], tokens, strict=True):
            assert mine.logprob == pytest.approx(other.logprob, abs=1e-5) and mine.rank == other.rank
            assert mine.entropy == pytest.approx(other.entropy, abs=1e-4)
    for (ours, ours_again), (theirs, theirs_again) in zip(found, expected, strict=True):
        same_answers([ours], [theirs])
        assert (ours.text, ours.finish_reason, ours_again) == (theirs.text, theirs.finish_reason, theirs_again)
    assert len(expected[1][0].ids) < 30 and len(expected[2][0].ids) <= 18


def test_a_first_token_and_a_new_request_wait_for_no_burst(model):
    engine = Engine(model, num_slots=2, chunk_tokens=8)
    first = engine.add(prompt_of(3), SamplingParams(max_tokens=200, seed=1))
    assert len(engine.step()) == 1 and len(engine.step()) > 1
    second = engine.add(prompt_of(30), SamplingParams(max_tokens=200, seed=2))
    counts = []
    while not second.num_generated:
        before = first.num_generated
        engine.step()
        counts.append(first.num_generated - before)
    assert counts == [1] * 4, "while a prompt is read, every step samples one token"


def test_order_of_joining_changes_nothing(model):
    prompts = [prompt_of(length, length) for length in (3, 90, 1, 40, 12, 64)]
    expected = Engine(model).generate(prompts, MIXED)
    for order, gap in (([5, 2, 0, 4, 1, 3], 1), ([1, 0, 3, 2, 5, 4], 4), ([4, 3, 5, 1, 2, 0], 9)):
        engine, requests = Engine(model, num_slots=4, chunk_tokens=16), {}
        for index in order:
            requests[index] = engine.add(prompts[index], MIXED[index])
            for _ in range(gap):
                engine.step()
        while engine.has_work:
            engine.step()
        same_answers([requests[index].completion() for index in range(6)], expected)


def test_a_prefix_hit_equals_a_cold_start(model):
    base, params = prompt_of(130), SamplingParams(max_tokens=24, temperature=0.9, seed=9, logprobs=2)
    warm = Engine(model, num_slots=3)
    first = warm.generate([base], params)[0]
    assert first.num_cached_tokens == 0
    prompts = {
        "again": (base, 129),
        "next turn": (base + first.ids + prompt_of(7, 1), 130 + 23),
        "branch": (base[:100] + prompt_of(40, 2), 100),
        "shorter": (base[:50], 49),
        "unrelated": (prompt_of(30, 3), 0),
    }
    for name, (prompt, shared) in prompts.items():
        cold = Engine(model).generate([prompt], params)
        hit = warm.generate([prompt], params)
        assert hit[0].num_cached_tokens >= shared, name
        same_answers(hit, cold)
    together = warm.generate([base[:120] + prompt_of(i + 1, i) for i in range(5)], params)
    assert all(answer.num_cached_tokens >= 100 for answer in together)


def test_equal_prompts_are_computed_once_and_seeds_count_up(model):
    prompt, params = prompt_of(80), SamplingParams(max_tokens=15, seed=3, logprobs=0)
    answers = Engine(model).generate([prompt] * 4, params)
    assert [answer.num_cached_tokens for answer in answers] == [0, 79, 79, 79]
    assert [answer.seed for answer in answers] == [3, 4, 5, 6]
    assert len({tuple(answer.ids) for answer in answers}) == 4
    alone = [Engine(model).generate([prompt], dataclasses.replace(params, seed=3 + i))[0] for i in range(4)]
    same_answers(answers, alone)


def test_cancelling_frees_the_slot_and_harms_nobody(model):
    params = SamplingParams(max_tokens=300, seed=1, logprobs=0)  # more than six steps sample
    expected = Engine(model).generate([prompt_of(20, 1)], params)
    engine = Engine(model, num_slots=2, chunk_tokens=8)
    kept = engine.add(prompt_of(20, 1), params)
    running, reading, waiting = (engine.add(prompt_of(n, n), params) for n in (5, 60, 10))
    for _ in range(6):
        engine.step()
    assert 0 < running.num_generated < 300 and waiting.num_generated == 0
    engine.cancel(running)
    engine.step()
    assert not reading.num_generated and reading.slot >= 0, "the slot goes to the one who waited longest"
    engine.cancel(reading)
    engine.cancel(waiting)
    engine.cancel(waiting)
    while engine.has_work:
        engine.step()
    assert engine.scheduler.free_slots == [0, 1]
    assert [r.finish_reason for r in (running, reading, waiting)] == ["cancelled"] * 3
    same_answers([kept.completion()], expected)


def test_closing_a_stream_cancels_it(model, tokenizer):
    engine = Engine(model, tokenizer, num_slots=1)
    stream = engine.stream(prompt_of(5), SamplingParams(max_tokens=500, seed=0, ignore_eos=True))
    next(stream)
    assert engine.has_work
    stream.close()
    assert not engine.has_work and engine.scheduler.free_slots == [0]


def test_streams_say_what_generate_says(model, tokenizer):
    """Random bytes: many characters are broken or spread over several tokens."""
    for seed in range(5):
        params = SamplingParams(max_tokens=60, seed=seed, temperature=2.0, logprobs=1)
        whole = Engine(model, tokenizer).generate([prompt_of(9)], params)[0]
        tokens = list(Engine(model, tokenizer).stream(prompt_of(9), params))
        assert [token.id for token in tokens] == whole.ids
        assert "".join(token.text for token in tokens) == whole.text
        assert [token.logprob for token in tokens] == pytest.approx(whole.logprobs, abs=1e-5)
        assert [token.index for token in tokens] == list(range(len(tokens)))
        assert [token.finish_reason for token in tokens] == [None] * (len(tokens) - 1) + [whole.finish_reason]


def test_generation_ends_at_a_stop_text(model, tokenizer):
    params = SamplingParams(max_tokens=60, seed=2, ignore_eos=True)
    free = Engine(model, tokenizer).generate([prompt_of(9)], params)[0]
    stop = free.text[20:23]
    ended = Engine(model, tokenizer).generate([prompt_of(9)], dataclasses.replace(params, stop=(stop,)))[0]
    assert ended.finish_reason == "stop" and ended.text == free.text[: free.text.index(stop)]
    assert ended.ids == free.ids[: len(ended.ids)]


def test_stop_tokens_end_the_answer_unless_ignored(model, tokenizer):
    params = SamplingParams(max_tokens=30, temperature=0)
    free = Engine(model).generate([prompt_of(9)], params)[0]
    last = free.ids[12]
    where = free.ids.index(last)
    stopped = dataclasses.replace(params, stop_token_ids=(last,))
    answer = Engine(model, tokenizer).generate([prompt_of(9)], stopped)[0]
    assert answer.finish_reason == "stop" and answer.ids == free.ids[: where + 1]
    assert answer.text.encode("utf-8", "replace") == Engine(model, tokenizer).generate(
        [prompt_of(9)], dataclasses.replace(params, max_tokens=max(where, 1))
    )[0].text.encode("utf-8", "replace")
    ignored = Engine(model).generate([prompt_of(9)], dataclasses.replace(stopped, ignore_eos=True))[0]
    assert ignored.ids == free.ids


def test_the_end_tokens_of_a_chat_stop_by_default(model, tokenizer):
    ends = Engine(model, tokenizer).add([5], SamplingParams()).end_ids
    assert ends == {tokenizer.im_end_id, tokenizer.endoftext_id}


def test_the_context_limits_prompt_and_answer(model):
    engine, limit = Engine(model, num_slots=2), model.config.max_position_embeddings
    answer = engine.generate([prompt_of(limit - 5)], SamplingParams(max_tokens=50, temperature=0))[0]
    assert len(answer.ids) == 5 and answer.finish_reason == "length"
    # a full slot stays idle beside a running one
    beside = engine.generate([prompt_of(3, 4)], SamplingParams(max_tokens=5, temperature=0))[0]
    assert beside.ids == greedy(model, prompt_of(3, 4), 5)
    with pytest.raises(ValueError, match=f"{limit} tokens.*shorten the prompt"):
        engine.generate([prompt_of(limit)], SamplingParams())
    with pytest.raises(ValueError, match="empty"):
        engine.generate([[]], SamplingParams())
    with pytest.raises(ValueError, match=f"token {V} is not one"):
        engine.generate([[V]], SamplingParams())
    with pytest.raises(ValueError, match="2 prompts came with 1"):
        engine.generate([[5], [6]], [SamplingParams()])
    assert not engine.has_work


def test_next_logprobs_and_scores_are_the_models(model):
    engine, texts = Engine(model), [prompt_of(length, length) for length in (30, 1, 200, 31, 30)]
    scores = engine.score_top(texts, top=4)
    for ids, row, alone in zip(texts, scores, engine.score(texts), strict=True):
        expected = torch.log_softmax(model(torch.tensor([ids]))[0].double(), -1)
        targets = torch.tensor(ids[1:], dtype=torch.int64)[:, None]
        wanted = expected[:-1].gather(1, targets)[:, 0]
        torch.testing.assert_close(row.logprobs_T.double(), wanted, **TOLERANCE)
        assert torch.equal(row.logprobs_T, alone)
        assert torch.equal(row.top_ids_TA, expected[:-1].topk(4).indices)
        torch.testing.assert_close(engine.next_logprobs(ids).double(), expected[-1], **TOLERANCE)
        assert float(engine.next_logprobs(ids).exp().sum()) == pytest.approx(1, abs=1e-5)
    with pytest.raises(ValueError, match="at least one"):
        engine.score([[]])


def test_new_weights_are_seen_after_refresh():
    model, prompt = model_of(FAMILIES["Qwen3"]), prompt_of(20)
    params = SamplingParams(max_tokens=8, temperature=0)
    engine = Engine(model)
    before = engine.generate([prompt], params)[0].ids
    other = model_of(FAMILIES["Qwen3"], seed=5)
    model.load_state_dict(other.state_dict())
    engine.refresh()
    answer = engine.generate([prompt], params)[0]
    assert answer.ids == greedy(other, prompt, 8) != before
    assert answer.num_cached_tokens == 0
    engine.add(prompt, params)
    with pytest.raises(ValueError, match="running"):
        engine.refresh()


def test_half_precision_takes_the_plain_path():
    model = model_of(FAMILIES["Qwen3"]).to(torch.bfloat16)
    model.compute_dtype = torch.bfloat16
    engine = Engine(model)
    answer = engine.generate([prompt_of(12)], SamplingParams(max_tokens=6, temperature=0))[0]
    assert isinstance(engine._decoder, TorchDecoder) and len(answer.ids) == 6


def test_threads_change_nothing(model, tokenizer, monkeypatch):
    monkeypatch.setattr("firstwords.engine.sharing.Sharing.is_shared", lambda *_: True)
    prompts = [prompt_of(length, length) for length in (3, 90, 1, 40, 12, 64)] * 3
    answers = []
    for num_threads in (1, 3):
        engine = Engine(model, tokenizer, num_slots=18)
        engine._decoder.num_threads = num_threads
        answers.append(engine.generate(prompts, MIXED * 3))
    same_answers(*answers)
    assert [answer.text for answer in answers[0]] == [answer.text for answer in answers[1]]


def test_forgetting_makes_the_next_prompt_start_cold(model):
    engine, params = Engine(model, num_slots=2), SamplingParams(max_tokens=3, seed=1)
    counts = []
    for forgets in (False, False, True):
        if forgets:
            engine.forget()
        counts.append(engine.generate([prompt_of(20)], params)[0].num_cached_tokens)
    assert counts == [0, 19, 0]
