"""Time that the loop spends on generation, compared with an earlier commit: exam, judge, comparison and a step of RLOO.

    python benchmarks/loop_speed.py --model models/pip/sft --before da55851 [--rounds 7] [--json]

Both engines answer the same prompts in processes of their own and take turns, round by round, so that other load on the
machine affects both; the table shows each one's median. Each piece of work has the number of slots that the code of its
commit gives it, and begins as that code does: the weights are copied for a step of RLOO, and an engine is new or has
forgotten everything elsewhere. Rendering the prompts and grading the answers are not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _common import PAUSE, ROOT, Worker, machine, report, source_of, table

JUDGED, COMPARED, STEP = (800, 2), (400, 4), (32, 4)  # prompts and the answers to each
BEFORE_SLOTS = {"exam": 32, "judge": 32, "comparison": 64, "RLOO": 64}  # up to the compiled engine


def work_of(directory: Path) -> dict[str, dict[str, Any]]:
    """What each part of the loop asks: {slots, prompts, params: one dictionary per prompt, refresh}."""
    from firstwords.commands.evaluation.evaluate import EXAM_SLOTS
    from firstwords.config import CHAT_TEMPERATURE, CHAT_TOP_P
    from firstwords.eval.exam import max_tokens
    from firstwords.model.card import town_size
    from firstwords.preferences.annotator import tasks
    from firstwords.rlhf import compare, judgements, policy
    from firstwords.tokenizer.fast import Tokenizer
    from firstwords.tokenizer.prompts import chat_ids
    from firstwords.world import exam

    tokenizer, size = Tokenizer.load(directory), town_size(directory)

    def sampled(split: str, asked: tuple[int, int], slots: int, **params: Any) -> dict[str, Any]:
        every = [chat_ids(tokenizer, task.messages) for task in tasks(0, asked[0], split, size)]
        prompts = [prompt for prompt in every for _ in range(asked[1])]
        params |= {"max_tokens": judgements.ANSWER_TOKENS}
        return {"slots": slots, "prompts": prompts, "params": [params | {"seed": n} for n in range(len(prompts))]}

    questions = exam.questions(size)
    chat = {"temperature": CHAT_TEMPERATURE, "top_p": CHAT_TOP_P}
    return {
        "exam": {
            "slots": EXAM_SLOTS,
            "prompts": [chat_ids(tokenizer, question.messages) for question in questions],
            "params": [{"temperature": 0.0, "max_tokens": max_tokens(question)} for question in questions],
        },
        "judge": sampled("train", JUDGED, judgements.SLOTS, temperature=1.0),
        "comparison": sampled("eval", COMPARED, compare.SLOTS, **chat),
        "RLOO": sampled("train", STEP, policy.SLOTS, temperature=1.0, logprobs=0) | {"refresh": True},
    }


def answer(directory: Path) -> None:
    """The process of one engine: a line is [file of work, part, slots]; the answer [seconds, tokens generated]."""
    from firstwords.engine.engine import Engine
    from firstwords.engine.sampling import SamplingParams
    from firstwords.model.hub import load_model
    from firstwords.tokenizer.fast import Tokenizer

    model, tokenizer = load_model(directory), Tokenizer.load(directory)
    kept: dict[str, Engine] = {}
    print("ready", flush=True)
    for line in sys.stdin:
        path, part, slots = json.loads(line)
        work = json.loads(Path(path).read_text(encoding="utf-8"))[part]
        params = [SamplingParams(**each) for each in work["params"]]
        time.sleep(PAUSE)
        begun = time.perf_counter()
        engine = kept.get(part) or Engine(model, tokenizer, num_slots=slots)
        if work.get("refresh"):
            kept[part] = engine  # of a stage that goes on
            engine.refresh()
        answers = engine.generate(work["prompts"], params)
        seconds = time.perf_counter() - begun
        print(json.dumps([seconds, sum(len(each.ids) for each in answers)]), flush=True)


def measure(directory: Path, before: str, rounds: int, scratch: Path) -> dict[str, Any]:
    work, file = work_of(directory), scratch / "work.json"
    file.write_text(json.dumps(work), encoding="utf-8")
    slots = {"now": {part: each["slots"] for part, each in work.items()}, "before": BEFORE_SLOTS}
    command = [__file__, "--answer", "--model", str(directory)]
    engines = {"now": Worker(command, ROOT / "src"), "before": Worker(command, source_of(before, scratch))}
    seconds: dict[str, dict[str, list[float]]] = {part: {name: [] for name in engines} for part in work}
    tokens: dict[str, dict[str, int]] = {part: {} for part in work}
    for number in range(rounds + 1):  # the first round is not counted: it compiles, and allocates
        for part in work:
            for name, engine in engines.items():
                spent, tokens[part][name] = engine.ask([str(file), part, slots[name][part]])
                seconds[part][name] += [spent] * (number > 0)
    for engine in engines.values():
        engine.close()
    medians = {part: {name: statistics.median(each) for name, each in rows.items()} for part, rows in seconds.items()}
    return {
        "machine": machine(),
        "before": before,
        "rounds": rounds,
        "tokens": tokens,
        "seconds": {part: {name: round(x, 3) for name, x in each.items()} for part, each in medians.items()},
        "now / before": {part: round(each["now"] / each["before"], 3) for part, each in medians.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="the directory of a stage that chats")
    parser.add_argument("--before", default="da55851", help="the commit to compare with")
    parser.add_argument("--rounds", type=int, default=7, help="number of runs of either engine")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        return answer(options.model)
    with tempfile.TemporaryDirectory() as scratch:
        result = measure(options.model, options.before, options.rounds, Path(scratch))
    rows = [
        (part, f"{result['tokens'][part]['now']:,}", each["now"], each["before"], ratio, round(1 / ratio, 2))
        for (part, each), ratio in zip(result["seconds"].items(), result["now / before"].values(), strict=True)
    ]
    head = ("part", "tokens", "seconds", f"seconds, {options.before}", "of the time", "times as fast")
    report(result, table(head, rows), options.json)


if __name__ == "__main__":
    sys.exit(main())
