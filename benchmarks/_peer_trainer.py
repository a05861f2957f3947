"""The peer of pretrain_quality.py: `transformers.Trainer` on a Qwen3 of a given shape, for a given time.

Runs as a separate process, because everything counts from launch: imports, tokenizer, tokenisation, training,
saving. It gets what a careful user would give it: byte-level BPE of the same size, packed blocks, fused AdamW,
a schedule that ends exactly on time, no evaluation, no data-loading processes, no progress bar, all cores,
flushed denormals.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

SAVE_SECONDS = 0.7  # time for saving at these sizes; training stops this long before the end
WARMUP = 0.02  # share of the time
COOLDOWN = 0.65  # like ours
ENDOFTEXT = "<|endoftext|>"


def fraction(share: float, schedule: str) -> float:
    """Share of the peak learning rate after `share` of the training time."""
    share = min(1.0, max(0.0, share))
    if share < WARMUP:
        return max(0.02, share / WARMUP)
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * (share - WARMUP) / (1 - WARMUP)))
    return min(1.0, (1 - share) / COOLDOWN)  # warm-up, stable, decay


def train_tokenizer(texts: list[str], vocab_size: int, out: Path) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[ENDOFTEXT],
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=ENDOFTEXT, eos_token=ENDOFTEXT)
    fast.save_pretrained(out)
    return tokenizer


def packed(tokenizer: Any, texts: list[str], context: int) -> Any:
    """Documents, each after a separator, end to end in blocks of `context` tokens: (blocks, context)
    int64.
    """
    import numpy as np
    import torch

    separator = tokenizer.token_to_id(ENDOFTEXT)
    stream: list[np.ndarray] = []
    for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False):
        stream += [np.array([separator]), np.array(encoding.ids)]
    ids = np.concatenate(stream)
    return torch.from_numpy(ids[: len(ids) // context * context].reshape(-1, context).astype(np.int64))


def model_of(config: dict[str, Any], vocab_size: int) -> Any:
    """A new Qwen3 of the shape in our config.json, initialised by `transformers` itself."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    same = (
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "max_position_embeddings",
        "rms_norm_eps",
        "rope_theta",
        "tie_word_embeddings",
    )
    shape = {name: config[name] for name in same}
    shape |= {"attn_implementation": "sdpa", "use_cache": False, "bos_token_id": 0, "eos_token_id": 0}
    return Qwen3ForCausalLM(Qwen3Config(vocab_size=vocab_size, **shape))


def trainer_of(model: Any, blocks: Any, args: argparse.Namespace, ends: float) -> Any:
    """A Trainer whose schedule follows the clock and that stops on time."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments

    began = time.time()

    class Timed(Trainer):
        def create_scheduler(self, num_training_steps, optimizer=None):
            def now(_):
                return fraction((time.time() - began) / (ends - began), args.schedule)

            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, now)
            return self.lr_scheduler

    class Stop(TrainerCallback):
        def on_step_end(self, arguments, state, control, **_):
            per_step = (time.time() - began) / max(1, state.global_step)
            control.should_training_stop = time.time() + 0.5 * per_step >= ends

    class Blocks(torch.utils.data.Dataset):
        def __len__(self):
            return len(blocks)

        def __getitem__(self, row):
            return row

    def collate(rows):
        ids_BT = blocks[torch.tensor(rows)]
        return {"input_ids": ids_BT, "labels": ids_BT}

    micro = max(1, min(args.batch_rows, args.micro_rows))
    arguments = TrainingArguments(
        output_dir=str(args.out / "trainer"),
        max_steps=10_000_000,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=max(1, round(args.batch_rows / micro)),
        learning_rate=args.lr,
        weight_decay=0.1,
        adam_beta1=0.9,
        adam_beta2=args.beta2,
        max_grad_norm=1.0,
        optim="adamw_torch_fused",
        use_cpu=args.cpu,
        bf16=not args.cpu,
        torch_compile=not args.cpu,
        dataloader_num_workers=0,
        dataloader_pin_memory=not args.cpu,
        logging_strategy="no",
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        seed=args.seed,
    )
    return Timed(model=model, args=arguments, train_dataset=Blocks(), data_collator=collate, callbacks=[Stop()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True, help="JSON lines, one text per line")
    parser.add_argument("--config", type=Path, required=True, help="the config.json whose shape is used")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="from launch to the saved model")
    parser.add_argument("--launched", type=float, required=True, help="time.time() at launch")
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--context", type=int, required=True, help="tokens per row")
    parser.add_argument("--batch-rows", type=int, required=True)
    parser.add_argument("--micro-rows", type=int, default=1 << 30)
    parser.add_argument("--schedule", choices=("wsd", "cosine"), default="wsd")
    parser.add_argument("--beta2", type=float, default=0.98)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    import torch

    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    args.cpu = not torch.cuda.is_available()
    config = json.loads(args.config.read_text(encoding="utf-8"))
    texts = [json.loads(line)["text"] for line in args.text.read_text(encoding="utf-8").splitlines()]
    target = args.out / "model"
    tokenizer = train_tokenizer(texts, config["vocab_size"], target)
    blocks = packed(tokenizer, texts, args.context)
    model = model_of(config, tokenizer.get_vocab_size())
    trainer = trainer_of(model, blocks, args, args.launched + args.seconds - SAVE_SECONDS)
    began = time.time()
    trainer.train()
    trained = time.time() - began
    trainer.model.save_pretrained(target)
    steps = trainer.state.global_step
    micro, every = trainer.args.per_device_train_batch_size, trainer.args.gradient_accumulation_steps
    result = {
        "seconds": time.time() - args.launched,
        "train_seconds": trained,
        "steps": steps,
        "tokens": steps * micro * every * args.context,
        "batch_tokens": micro * every * args.context,
        "epochs": trainer.state.epoch,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    (args.out / "run.json").write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
