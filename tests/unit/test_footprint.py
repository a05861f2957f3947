"""Memory and time of a run, estimated before it starts: what fits, what is made smaller, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from firstwords.config import UserError, mark_given
from firstwords.model.config import ModelConfig
from firstwords.model.lora import Lora
from firstwords.plan import footprint
from firstwords.plan.budget import Machine
from firstwords.plan.chat_sizes import LONGEST_ROW, row_tokens
from firstwords.plan.footprint import (
    Footprint,
    about,
    cache_bytes,
    check_first_step,
    gigabytes,
    slots_for,
    step_seconds,
)
from firstwords.rlhf.reward import Reward
from firstwords.train import adapters, pretrain
from firstwords.train.pretrain import Pretrain, choose_plan

SMOL = ModelConfig(  # SmolLM2-135M
    vocab_size=49152,
    hidden_size=576,
    intermediate_size=1536,
    num_hidden_layers=30,
    num_attention_heads=9,
    num_key_value_heads=3,
    head_dim=64,
    max_position_embeddings=8192,
    architecture="LlamaForCausalLM",
    qk_norm=False,
)
GB = 10**9


def test_memory_grows_with_everything_that_takes_it() -> None:
    need = Footprint(SMOL, 256)
    assert 2 * GB < need.bytes(256) < need.bytes(2048) < 8 * GB
    assert need.bytes(2048) - need.bytes(1024) == pytest.approx(need.bytes(1024) - need.bytes(0), rel=1e-6)
    more = (
        {"is_packed": True},
        {"logit_share": 0.5},
        {"trained": 2},
        {"frozen": 1},
        {"fixed": GB},
        {"optimizer": "adamw"},
    )
    assert all(replace(need, **change).bytes(1024) != need.bytes(1024) for change in more)
    packed = Footprint(SMOL, 8192, is_packed=True)
    assert packed.bytes(8192) > 16 * GB, "a row as long as the model's context is what once took 19 GB"


def test_an_adapter_for_a_real_model_fits_into_four_gigabytes() -> None:
    """With the longest rows that chats get, whatever the model's limit; training all weights does not fit."""
    lengths = [*range(20, 6000, 10)]
    rows = row_tokens(lengths, None, SMOL.max_position_embeddings, 256, 0.05)
    assert rows == LONGEST_ROW
    whole = Footprint(SMOL, rows, "adamw", is_packed=True)
    assert adapters.footprint(whole, Lora(16, 32.0), SMOL).bytes(rows) < 4 * GB < whole.bytes(rows)
    assert adapters.footprint(whole, None, SMOL) == whole
    assert row_tokens(lengths, 2048, 8192, 256, 0.05) > LONGEST_ROW, "rows of a model's own training may be longer"


def test_long_pairs_are_recomputed_where_an_adapter_would_take_more_than_four_gigabytes() -> None:
    """DPO on pairs of the longest rows: the stated memory is kept by computing part of the work twice."""
    lora = Lora(16, 32.0)
    whole = Footprint(SMOL, 2 * LONGEST_ROW, "adamw", logit_share=0.5, frozen=1, most_logits=1 << 24)
    need = adapters.footprint(whole, lora, SMOL, shared=1)
    micro, above, size = adapters.fitted(need, lora, 16 * need.row_tokens, 20 * GB, "")
    assert micro == need.row_tokens and above is not None and 0 < above < micro
    assert size <= 3.8 * GB < need.bytes(micro)
    assert need.bytes(above) <= 3.8 * GB < need.bytes(above + 50), "no more is recomputed than has to be"
    assert adapters.fitted(replace(need, row_tokens=512), lora, 8192, 20 * GB, "")[1] is None, "short pairs are not"
    less = adapters.fitted(need, lora, micro, 4 * GB, "")
    assert less[1] is not None and less[1] < above and less[2] <= 3 * GB
    with pytest.raises(UserError, match=r"one row of 1,536 tokens, .*: use shorter answers"):
        adapters.fitted(need, lora, micro, 2 * GB, "use shorter answers")
    assert adapters.fitted(whole, None, micro, 100 * GB, "") == (micro, None, whole.bytes(micro))


def test_an_adapter_is_trained_where_all_weights_do_not_fit(monkeypatch, capsys) -> None:
    whole = Footprint(SMOL, 512, "adamw", frozen=1)
    for free, given, rank in ((40, (), 0), (5, (), 16), (5, ("lora",), 0)):
        monkeypatch.setattr(adapters, "free_bytes", lambda device, free=free: free * GB)
        config = mark_given(Reward(name="smol"), given)
        lora = adapters.settle(config, "reward", whole, shared=1)
        assert config.lora == rank and (lora.rank if lora else 0) == rank
        assert ("an adapter of rank 16 is trained instead" in capsys.readouterr().err) == bool(rank)


def test_a_micro_batch_is_made_as_small_as_the_memory() -> None:
    need = Footprint(replace(SMOL, num_hidden_layers=3), 256)  # small enough for the bound on time to be out of the way
    assert need.fit(2048, 100 * GB, "") == 2048
    tight = need.fit(2048, int(need.bytes(600) / footprint.MEMORY_SHARE), "")
    assert tight == 512 and need.bytes(512) <= need.bytes(600)
    assert need.fit(2000, 100 * GB, "") == 2000  # what fits stays as it was planned, to the token
    with pytest.raises(UserError, match=r"needs about 1\.\d GB .* only 1\.0 GB are free.*: take a smaller model"):
        need.fit(2048, GB, "take a smaller model")


def test_a_micro_batch_of_a_large_model_is_short_enough_to_hear_a_signal() -> None:
    assert Footprint(SMOL, 256).fit(8192, 1000 * GB, "") <= 1024
    small = ModelConfig(3072, 128, 384, 4, 2, 2, 64, 512)
    assert Footprint(small, 256).fit(8192, 1000 * GB, "") == 8192
    assert Footprint(SMOL, 256, device="cuda").fit(65536, 1000 * GB, "") == 65536


def test_the_time_of_a_step_holds_the_update() -> None:
    laptop = Machine()
    short, long = (step_seconds(SMOL, tokens, 256, laptop) for tokens in (256, 2048))
    assert long > 1.5 * short and short > 10  # Muon's products alone take longer than 256 tokens
    assert step_seconds(SMOL, 256, 256, laptop, "adamw") < short / 3
    check_first_step(9.0, 10.0, 256, "a smaller model")
    with pytest.raises(UserError, match=r"about 11 s .* only 10 s are left .*: give more --minutes, or a smaller mod"):
        check_first_step(11.0, 10.0, 256, "a smaller model")


def test_a_container_that_leaves_less_counts(tmp_path: Path) -> None:
    files = {"memory.max": "4000", "memory.current": "3000", "memory.stat": "anon 5\ninactive_file 500"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert footprint._container(tmp_path) == 1500
    (tmp_path / "memory.max").write_text("max")
    assert footprint._container(tmp_path) is None
    assert footprint.free_bytes("cpu") > 0


def test_figures_for_people() -> None:
    assert gigabytes(1.24e9) == "1.2 GB" and gigabytes(1.5e12) == "1,500 GB"
    assert Footprint(SMOL, 256, fixed=GB).sentence(256, 23 * GB).endswith("(23.0 GB are free)")
    assert cache_bytes(SMOL, 64, 300) == 64 * 512 * 30 * 2 * 3 * 64 * 4
    assert slots_for(SMOL, 64, 300) == 33 and slots_for(SMOL, 64, 8192) == 2 and slots_for(SMOL, 16, 20) == 16
    assert [about(n) for n in (40.2, 720, 9000)] == ["about 40 s", "about 12 min", "about 2.5 h"]


# -- pretrain's flags ----------------------------------------------------------------------------------------------


def planned(monkeypatch, free: float = 23e9, seconds: float = 597.0, **flags):
    monkeypatch.setattr(pretrain, "free_bytes", lambda device: int(free))
    return choose_plan(Pretrain(**flags), seconds, Machine(), None)


@pytest.mark.parametrize(
    "flags", [{"hidden_size": 8192, "layers": 60}, {"vocab_size": 3_000_000, "hidden_size": 2048}, {"layers": 100_000}]
)
def test_a_model_that_cannot_fit_is_refused_by_its_flags(monkeypatch, flags) -> None:
    with pytest.raises(UserError, match=r"needs about [\d,.]+ GB of memory .*give a smaller --hidden-size, --layers"):
        planned(monkeypatch, steps=2, **flags)


def test_a_long_context_is_computed_row_by_row_or_refused(monkeypatch) -> None:
    chosen = planned(monkeypatch, steps=2, context=8192, batch_tokens=65536)
    assert chosen.batch_tokens == 65536 and chosen.micro_tokens == 8192
    with pytest.raises(UserError, match="one row of 8,192 tokens"):
        planned(monkeypatch, free=1e9, steps=2, context=8192)


def test_a_first_step_longer_than_the_minutes_is_refused(monkeypatch) -> None:
    with pytest.raises(UserError, match=r"one step of .* tokens would take about .*more --minutes, or a smaller --hid"):
        planned(monkeypatch, seconds=20.0, hidden_size=2048, layers=24, vocab_size=32768)
    assert planned(monkeypatch, 99e9, 20.0, hidden_size=2048, layers=24, vocab_size=32768, steps=1).steps == 1


def test_the_plan_says_what_it_needs(monkeypatch) -> None:
    assert planned(monkeypatch).reasons[-1] == "needs about 0.8 GB of memory (23.0 GB are free)"


# -- a number of steps ---------------------------------------------------------------------------------------------


def test_a_number_of_steps_is_what_is_planned_and_printed(monkeypatch) -> None:
    by_time, by_steps = planned(monkeypatch), planned(monkeypatch, steps=3, batch_tokens=1024)
    assert (by_steps.steps, by_steps.batch_tokens, by_steps.tokens) == (3, 1024, 3072)
    assert by_steps.reasons[0].startswith("--steps 3: 3,072 tokens, about")
    assert "1024 tokens per step, 3 steps" in by_steps.reasons
    assert by_steps.seconds < 5 < 400 < by_time.seconds  # so nothing is compiled for it
    same = ("shape", "warmup_steps", "cooldown_share", "matrix_lr", "momentum", "weight_decay", "beta2")
    assert [getattr(by_steps, name) for name in same] == [getattr(by_time, name) for name in same]


def test_the_printed_plan_is_of_the_batch_that_is_given(monkeypatch) -> None:
    chosen = planned(monkeypatch, batch_tokens=1024)
    assert f"1024 tokens per step, {chosen.tokens // 1024} steps" in chosen.reasons
    assert chosen.seconds == 597.0


def test_the_readings_of_a_text_are_those_of_the_steps(monkeypatch) -> None:
    monkeypatch.setattr(pretrain, "free_bytes", lambda device: 23 * GB)
    chosen = choose_plan(Pretrain(steps=2, batch_tokens=1024), 597.0, Machine(), 1_000_000)
    assert chosen.epochs < 0.01 and "the text will be read 0.0 times" in chosen.reasons


def test_a_batch_smaller_than_a_row_makes_shorter_rows_or_is_refused(monkeypatch) -> None:
    chosen = planned(monkeypatch, steps=2, batch_tokens=128)
    assert chosen.shape.context == 128 and chosen.batch_tokens == 128
    with pytest.raises(UserError, match="--batch-tokens is 128 and --context is 256, but a step holds at least one"):
        Pretrain(batch_tokens=128, context=256)
