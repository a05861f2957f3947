"""The peer of adapters.py: TRL's SFTTrainer or DPOTrainer with an adapter of PEFT, on given rows or pairs.

Runs as a separate process, so that its memory can be measured. It gets what a careful user would give it: fp32, fused
AdamW, no gradient checkpointing, no evaluation, nothing saved before the end, no data-loading processes, no progress
bar, flushed denormals. Micro-batches hold one row or pair, because larger ones take no less processor time on a CPU and
need padding; with --peer-micro, a step's pairs are grouped by length. The packed rows carry position ids, by which
`transformers` keeps the chats of a row apart.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path
from typing import Any

from _common import TRL_COMMON

FIELDS = {"inputs": "input_ids", "targets": "shift_labels", "positions": "position_ids"}  # ours: theirs


def arguments(kind: str, work: dict[str, Any], out: Path) -> Any:
    """The trainer's settings: those of our run, and nothing that takes time besides the training."""
    import trl

    own: dict[str, Any] = {"max_length": None}  # nothing is truncated
    if kind == "sft":
        own |= {"dataset_kwargs": {"skip_prepare_dataset": True}}
    else:
        own |= {"beta": work["beta"], "loss_type": [work["variant"]], "precompute_ref_log_probs": False}
    return (trl.SFTConfig if kind == "sft" else trl.DPOConfig)(
        output_dir=str(out / "trainer"),
        logging_steps=1,  # one line in memory per step: its loss
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        train_sampling_strategy="sequential",  # in the order of our run
        per_device_train_batch_size=work["micro"],
        gradient_accumulation_steps=work["per_step"] // work["micro"],
        max_steps=len(work["fractions"]),
        learning_rate=work["rate"],
        adam_beta1=work["beta1"],
        adam_beta2=work["beta2"],
        adam_epsilon=1e-10,
        weight_decay=work["weight_decay"],
        **TRL_COMMON,
        **own,
    )


def trainer_class(kind: str, fractions: list[float]) -> type:
    """TRL's trainer with our learning rates; pairs arrive as ids and are taken as they are."""
    import torch
    import trl

    class Same(trl.SFTTrainer if kind == "sft" else trl.DPOTrainer):  # type: ignore[misc]
        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            def fraction(step: int) -> float:
                return fractions[min(step, len(fractions) - 1)]

            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, fraction)
            return self.lr_scheduler

        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    return Same


def collate(rows: list[dict[str, list[int]]]) -> dict[str, Any]:
    """Packed rows as tensors; `labels` are counted, and `shift_labels`, the same, are scored."""
    import torch

    batch = {theirs: torch.tensor([row[ours] for row in rows]) for ours, theirs in FIELDS.items()}
    return batch | {"labels": batch["shift_labels"]}


def trainer_of(kind: str, work: dict[str, Any], out: Path, marks: list[float]) -> Any:
    """A trainer whose adapter begins with the matrices that ours began with."""
    import peft
    import torch
    from datasets import Dataset
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from transformers.trainer_callback import PrinterCallback

    class Clock(TrainerCallback):
        def on_train_begin(self, *_: Any, **__: Any) -> None:
            marks.append(time.perf_counter())

        def on_step_end(self, *_: Any, **__: Any) -> None:
            marks.append(time.perf_counter())

    lora = work["adapter"]
    settings = peft.LoraConfig(
        r=lora["rank"],
        lora_alpha=lora["alpha"],
        target_modules=list(lora["targets"]),
        lora_dropout=0.0,
        use_rslora=lora["is_rank_stabilised"],
        task_type="CAUSAL_LM",
    )
    trainer = trainer_class(kind, work["fractions"])(
        AutoModelForCausalLM.from_pretrained(work["model"], dtype=torch.float32),
        args=arguments(kind, work, out),
        train_dataset=Dataset.from_list(work["rows"]),
        processing_class=AutoTokenizer.from_pretrained(work["model"]),
        peft_config=settings,
        data_collator=collate if kind == "sft" else None,
        callbacks=[Clock()],
    )
    trainer.remove_callback(PrinterCallback)
    start = load_file(Path(work["start"]) / "adapter_model.safetensors")
    found: Any = peft.set_peft_model_state_dict(trainer.model, start)
    if found.unexpected_keys:
        raise SystemExit(f"PEFT does not know the matrices {found.unexpected_keys[:3]}")
    return trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=("sft", "dpo"))
    parser.add_argument("work", type=Path, help="what to train, written by adapters.py")
    parser.add_argument("out", type=Path, help="folder for result.json and the trained adapter")
    options = parser.parse_args()
    import torch

    torch.set_flush_denormal(True)
    work, marks = json.loads(options.work.read_text(encoding="utf-8")), list[float]()
    trainer = trainer_of(options.kind, work, options.out, marks)
    trainer.train()
    trainer.model.save_pretrained(options.out / "adapter")
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    seconds = [after - before for before, after in itertools.pairwise(marks)]
    (options.out / "result.json").write_text(json.dumps({"seconds": seconds, "losses": losses}), encoding="utf-8")


if __name__ == "__main__":
    main()
