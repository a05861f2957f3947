"""`eval --tasks` equals lm-evaluation-harness: every log-likelihood to 1e-4, and so accuracy, normalised accuracy and
perplexity, on two random models: one of ours, and a Llama whose tokenizer puts nothing before a text.
"""

from __future__ import annotations

import gzip
import json
import os
import random
from pathlib import Path

import pytest
import torch

from firstwords.data.source_stats import SourceStats
from firstwords.eval.tasks import encoding
from firstwords.eval.tasks.measure import Subject, measure
from firstwords.eval.tasks.reading import read_task
from firstwords.model.hub import load_model, save_model
from firstwords.tokenizer.fast import Tokenizer

pytest.importorskip("lm_eval")
pytest.importorskip("transformers")

DATA = Path(os.environ.get("FIRSTWORDS_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
REAL = {
    "arc": "eval/arc-easy.jsonl.gz",
    "blimp": "eval/blimp-200-per-paradigm.jsonl.gz",
    "lambada": "eval/lambada-test.jsonl.gz",
    "sst": "sentiment/sst2-dev.jsonl.gz",
}
NUM_REAL = int(os.environ.get("FIRSTWORDS_TASK_ROWS", "20"))  # of each real file
CONTEXT = 160  # shorter than some prompts, which lose their beginning
TEXT = "the cat sat on a mat by Ben's old house, café über 日本 and 42 moons of Mars: who says so? No one!"
WORDS = TEXT.split()
COMMON = {"dataset_path": "json", "test_split": "test", "metadata": {"version": 1}}
TASKS = {
    "arc": {
        "output_type": "multiple_choice",
        "doc_to_text": "{{query}}\nAnswer:",
        "doc_to_target": "gold",
        "doc_to_choice": "choices",
        "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}, {"metric": "acc_bytes"}],
    },
    "blimp": {
        "output_type": "multiple_choice",
        "doc_to_text": "",
        "doc_to_target": 0,
        "doc_to_choice": "{{[good, bad]}}",
        "metric_list": [{"metric": "acc"}],
    },
    "lambada": {
        "output_type": "loglikelihood",
        "doc_to_text": "{{text.split(' ')[:-1]|join(' ')}}",
        "doc_to_target": "{{' '+text.split(' ')[-1]}}",
        "metric_list": [
            {"metric": "perplexity", "aggregation": "perplexity", "higher_is_better": False},
            {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
        ],
    },
    "sst": {
        "output_type": "multiple_choice",
        "doc_to_text": "{{text}}\nQuestion: Is this sentence positive or negative?\nAnswer:",
        "doc_to_target": "label",
        "doc_to_choice": ["negative", "positive"],
        "metric_list": [{"metric": "acc"}],
    },
}
SHOTS = 2


def own_rows() -> dict[str, list[dict]]:
    """Rows of many lengths, of which some exceed the context."""
    dice = random.Random(1)

    def say(low: int, high: int) -> str:
        return " ".join(dice.choice(WORDS) for _ in range(dice.randint(low, high)))

    rows: dict[str, list[dict]] = {name: [] for name in TASKS}
    for place in range(24):
        choices = [say(1, 6) for _ in range(dice.randint(2, 5))]
        query = "Question: " + say(3, 90 if place % 6 == 0 else 20) + (" " if place % 5 == 0 else "")
        rows["arc"].append({"query": query.rstrip(), "choices": choices, "gold": dice.randrange(len(choices))})
        rows["blimp"].append({"good": say(3, 8), "bad": say(3, 8)})
        rows["lambada"].append({"text": say(4, 100)})
        rows["sst"].append({"text": say(2, 20), "label": place % 2})
    return rows


def real_rows() -> dict[str, list[dict]]:
    rows = {}
    for name, file in REAL.items():
        with gzip.open(DATA / file, "rt", encoding="utf-8") as lines:
            every = [json.loads(line) for line in lines]
        rows[name] = every[:: max(1, len(every) // NUM_REAL)][:NUM_REAL]
    return rows


@pytest.fixture(scope="module", params=["own rows", "real rows"])
def files(request, tmp_path_factory) -> Path:
    """A folder with the rows of each task, and lm-eval's description of it."""
    if request.param == "real rows" and not all((DATA / file).is_file() for file in REAL.values()):
        pytest.skip(f"no evaluation data in {DATA}")
    folder = tmp_path_factory.mktemp("tasks")
    for name, rows in (own_rows() if request.param == "own rows" else real_rows()).items():
        path, examples = folder / f"{name}.jsonl", folder / f"{name}-examples.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        task = COMMON | TASKS[name] | {"task": name, "dataset_kwargs": {"data_files": {"test": str(path)}}}
        (folder / f"{name}.yaml").write_text(json.dumps(task), encoding="utf-8")  # JSON is YAML
        if name == "arc":  # with examples: the first rows of the same file
            rest = folder / "arc-rest.jsonl"
            rest.write_text("".join(json.dumps(row) + "\n" for row in rows[SHOTS:]), encoding="utf-8")
            examples.write_text("".join(json.dumps(row) + "\n" for row in rows[:SHOTS]), encoding="utf-8")
            data = {"test": str(rest), "train": str(examples)}
            shots = {"num_fewshot": SHOTS, "fewshot_split": "train", "fewshot_config": {"sampler": "first_n"}}
            task |= {"task": "arc_shots", "training_split": "train", "dataset_kwargs": {"data_files": data}} | shots
            (folder / "arc_shots.yaml").write_text(json.dumps(task), encoding="utf-8")
    return folder


@pytest.fixture(scope="module", params=["ours", "llama"])
def directory(request, tmp_path_factory, tiny_policy) -> Path:
    """A random model as a folder that both sides read."""
    folder = tmp_path_factory.mktemp("model")
    text = [" ".join(WORDS), "Question: Answer: Is this sentence positive or negative?"] * 5
    if request.param == "ours":
        tokenizer = Tokenizer.train(text, 360)
        model = tiny_policy(tokenizer.vocab_size, context=CONTEXT)
        model.load_state_dict({name: _noise(each) for name, each in model.state_dict().items()}, strict=False)
        save_model(model, folder, tokenizer, {"stage": "base"})
        return folder
    from tokenizers import Tokenizer as Backend
    from tokenizers import decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False
    )
    backend.train_from_iterator(text, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    fast.save_pretrained(folder)
    torch.manual_seed(2)
    shape = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    llama = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(fast),
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT,
            initializer_range=0.3,
            bos_token_id=1,
            eos_token_id=2,
            **shape,
        )
    )
    llama.save_pretrained(folder)
    return folder


def _noise(tensor: torch.Tensor) -> torch.Tensor:
    return tensor + 0.15 * torch.randn(tensor.shape, generator=torch.Generator().manual_seed(len(tensor)))


@pytest.fixture(autouse=True)
def _quick_and_quiet(one_thread, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")


@pytest.fixture(scope="module", autouse=True)
def _own_caches(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HOME", "HF_DATASETS_CACHE"):
            patch.setenv(name, str(tmp_path_factory.mktemp("cache")))
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
            patch.setenv(name, "1")
        yield


def harness(directory: Path, files: Path, names: list[str]) -> tuple[dict, dict]:
    """lm-eval's figures, and its samples in the order of the rows."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(directory, dtype="float32").eval()
    whole = HFLM(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(directory), device="cpu", batch_size=8)
    manager = TaskManager(include_path=str(files), include_defaults=False)
    found = lm_eval.simple_evaluate(model=whole, tasks=names, task_manager=manager, log_samples=True, bootstrap_iters=0)
    samples = {name: sorted(found["samples"][name], key=lambda row: row["doc_id"]) for name in names}
    return found["results"], samples


def test_log_likelihoods_and_figures_equal_the_harness(directory, files) -> None:
    from firstwords.engine.continuations import continuation_scores

    subject = Subject(load_model(directory), Tokenizer.load(directory), None)
    results, samples = harness(directory, files, [*TASKS, "arc_shots"])
    count = 0
    for name in (*TASKS, "arc_shots"):
        task = read_task(files / f"{name.removesuffix('_shots')}.jsonl", SourceStats())
        task = task.with_shots(SHOTS if name == "arc_shots" else 0)
        assert len(task.items) == len(samples[name])
        asked = [encoding.answers(subject.tokenizer, task, item, False) for item in task.items]
        scores = iter(continuation_scores(subject.model, [each for row in asked for each in row]))
        for row in samples[name]:
            for logprob, is_greedy in row["filtered_resps"]:
                own = next(scores)
                assert own.logprob == pytest.approx(float(logprob), abs=1e-4)
                assert own.is_greedy == bool(is_greedy)
                count += 1
        figures, theirs = measure(task, subject), results[name]
        assert figures["rate"] == pytest.approx(theirs["acc,none"], abs=1e-4)
        if name.startswith("arc"):
            assert figures["scores"]["per_character"]["rate"] == pytest.approx(theirs["acc_norm,none"], abs=1e-4)
            assert figures["scores"]["per_byte"]["rate"] == pytest.approx(theirs["acc_bytes,none"], abs=1e-4)
        if name == "lambada":
            assert figures["perplexity"]["value"] == pytest.approx(theirs["perplexity,none"], rel=1e-4)
    assert next(scores, None) is None and count > 180
