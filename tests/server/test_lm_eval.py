"""lm-evaluation-harness against the running server gives the scores that transformers gives in this process."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("FIRSTWORDS_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data") / "eval"
FILES = {
    "blimp": "blimp-200-per-paradigm.jsonl.gz",
    "arc": "arc-easy.jsonl.gz",
    "lambada": "lambada-test.jsonl.gz",
}
ROWS = 12
CONTEXT = 512
COMMON = {"dataset_path": "json", "test_split": "test", "metadata": {"version": 1}}
TASKS = {
    "blimp": {
        "output_type": "multiple_choice",
        "doc_to_text": "",
        "doc_to_target": 0,
        "doc_to_choice": "{{[good, bad]}}",
        "metric_list": [{"metric": "acc"}],
    },
    "arc": {
        "output_type": "multiple_choice",
        "doc_to_text": "{{query}}",
        "doc_to_target": "gold",
        "doc_to_choice": "choices",
        "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
    },
    "lambada": {
        "output_type": "loglikelihood",
        "doc_to_text": "{{text.rsplit(' ', 1)[0]}}",
        "doc_to_target": "{{' ' + text.rsplit(' ', 1)[1]}}",
        "metric_list": [{"metric": "acc"}],
    },
    "says": {
        "output_type": "generate_until",
        "doc_to_text": "{{text[:80]}}",
        "doc_to_target": "",
        "generation_kwargs": {"until": ["e", "\n\n"], "max_gen_toks": 24, "temperature": 0},
        "metric_list": [{"metric": "exact_match"}],
    },
}

pytestmark = pytest.mark.skipif(
    not all((DATA / name).is_file() for name in FILES.values()), reason=f"no evaluation data in {DATA}"
)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory) -> Path:
    """A folder of tasks over a few rows of the real files, spread over each."""
    folder = tmp_path_factory.mktemp("tasks")
    for name, task in TASKS.items():
        with gzip.open(DATA / FILES.get(name, FILES["lambada"]), "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line in file]
        rows = [row for row in rows if len(json.dumps(row)) < 400]
        rows = rows[:: len(rows) // ROWS][:ROWS]
        data = folder / f"{name}.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        whole = COMMON | task | {"task": f"own_{name}", "dataset_kwargs": {"data_files": {"test": str(data)}}}
        (folder / f"{name}.yaml").write_text(json.dumps(whole), encoding="utf-8")  # JSON is YAML
    return folder


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
        patch.delenv("OPENAI_API_KEY", raising=False)  # lm-eval then sends an empty key
        yield


def evaluate(tasks: Path, names: list[str], model, **options) -> dict[str, list]:
    """The raw answers of each task, in the order of its rows."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(tasks), include_defaults=False)
    found = lm_eval.simple_evaluate(
        model=model,
        tasks=[f"own_{name}" for name in names],
        task_manager=manager,
        log_samples=True,
        bootstrap_iters=0,
        **options,
    )
    samples = found["samples"]
    answers = {}
    for name in names:
        rows = sorted(samples[f"own_{name}"], key=lambda row: row["doc_id"])
        answers[name] = [row["filtered_resps"] for row in rows]
    return answers


SCORED = ["blimp", "arc", "lambada"]


@pytest.fixture(scope="module")
def in_process(server_home, tasks) -> dict[str, list]:
    """Without `<|endoftext|>` in front, as lm-eval sends ids to a server whatever the tokenizer's own rule."""
    return scores_in_process(server_home, tasks, add_bos_token=False)


def scores_in_process(server_home: Path, tasks: Path, add_bos_token: bool | None) -> dict[str, list]:
    import torch
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    directory = server_home / "models" / "pip" / "base"
    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype="float32").eval()
    tokenizer = AutoTokenizer.from_pretrained(directory)
    # the API model keeps one place for the generated token, transformers' none
    whole = HFLM(
        pretrained=model, tokenizer=tokenizer, max_length=CONTEXT - 2, device="cpu", add_bos_token=add_bos_token
    )
    return evaluate(tasks, SCORED, whole)


@pytest.mark.parametrize(("batch", "concurrent"), [(1, 1), (8, 1), (1, 8), (8, 4)])
def test_loglikelihoods_equal_the_in_process_ones(server, tasks, in_process, batch, concurrent) -> None:
    arguments = (
        f"model=pip/base,base_url={server.base_url}/v1/completions,max_length={CONTEXT},"
        f"num_concurrent={concurrent},max_retries=1"
    )
    answers = evaluate(tasks, SCORED, "local-completions", model_args=arguments, batch_size=batch)
    assert num_equal(answers, in_process) >= ROWS * (2 + 3 + 1)


def test_scores_of_texts_equal_the_tokenizers_own_way(server, server_home, tasks, in_process) -> None:
    """Texts instead of ids: the server begins them with `<|endoftext|>`, once, as the saved tokenizer does."""
    defaults = scores_in_process(server_home, tasks, add_bos_token=None)
    arguments = (
        f"model=pip/base,base_url={server.base_url}/v1/completions,max_length={CONTEXT},"
        "tokenized_requests=False,max_retries=1"
    )
    # a continuation alone ("blimp") begins with the prefix token in both, which a text would begin with once more
    answers = evaluate(tasks, SCORED[1:], "local-completions", model_args=arguments, batch_size=4)
    assert num_equal(answers, defaults) >= ROWS * (3 + 1)
    assert defaults["arc"] != in_process["arc"]


def num_equal(answers: dict[str, list], expected: dict[str, list]) -> int:
    """How many scores there are; each is asserted to be the expected one."""
    count = 0
    for name in answers:
        assert len(answers[name]) == ROWS
        for one, other in zip(answers[name], expected[name], strict=True):
            for (logprob, is_greedy), (own_logprob, own_greedy) in zip(one, other, strict=True):
                assert float(logprob) == pytest.approx(float(own_logprob), abs=1e-4 * max(1, abs(own_logprob) / 100))
                assert is_greedy == own_greedy
                count += 1
    return count


def test_generation_over_completions(server, tasks, pip_model) -> None:
    arguments = f"model=pip/sft,base_url={server.base_url}/v1/completions,max_length={CONTEXT},num_concurrent=4"
    answers = evaluate(tasks, ["says"], "local-completions", model_args=arguments, batch_size=2)
    tokenizer = pip_model().tokenizer
    assert [row[0] for row in answers["says"]] == own_answers(tasks, pip_model, tokenizer.encode)


def test_generation_over_chat(server, tasks, pip_model) -> None:
    from firstwords.tokenizer.prompts import chat_ids

    arguments = f"model=pip,base_url={server.base_url}/v1/chat/completions,num_concurrent=4"
    answers = evaluate(tasks, ["says"], "local-chat-completions", model_args=arguments, apply_chat_template=True)
    tokenizer = pip_model().tokenizer
    expected = own_answers(tasks, pip_model, lambda text: chat_ids(tokenizer, [{"role": "user", "content": text}]))
    assert [row[0] for row in answers["says"]] == expected


def own_answers(tasks: Path, pip_model, encode) -> list[str]:
    """The engine's own greedy answers to the rows of `says`."""
    from firstwords.engine.sampling import SamplingParams

    rows = [json.loads(line) for line in (tasks / "says.jsonl").read_text(encoding="utf-8").splitlines()]
    params = SamplingParams(max_tokens=24, temperature=0, stop=("e", "\n\n"))
    answers = pip_model().engine(num_slots=8).generate([encode(row["text"][:80]) for row in rows], params)
    return [answer.text for answer in answers]


def test_a_scorer_that_ignored_echo_would_be_caught(in_process) -> None:
    """Random weights still tell the choices apart, so that equal scores are no accident."""
    scores = [float(choice[0]) for row in in_process["arc"] for choice in row]
    assert len(set(scores)) > ROWS and max(scores) < -1
