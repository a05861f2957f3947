#!/usr/bin/env bash
# What only a GPU can show, in under ten minutes, as one table.
#   benchmarks/gpu_check.sh                 # needs an environment with firstwords[dev] and a GPU
#   benchmarks/gpu_check.sh --dry           # the same steps with tiny sizes on a processor, to try the script
# PYTHON names the interpreter, RESULTS a folder for what each step printed (default: removed at the end).
set -euo pipefail
cd "$(dirname "$0")/.."

device=cuda
limit=590 # seconds for everything: what has not begun by then is left out, and the step in progress is stopped
training=(--seconds 8 --turns 4 --json)
steps=(40 60 12) # of pre-training, fine-tuning and stage three
case "${1:-}" in
    "") ;;
    --dry)
        device=cpu
        limit=3000
        training=(--device cpu --shapes 64x1x300x32,64x2x300x32 --seconds 0.2 --turns 1 --json)
        steps=(3 3 3)
        export FIRSTWORDS_TEST_GPU=cpu
        ;;
    *)
        echo "gpu_check.sh: unknown option $1; the only one is --dry" >&2
        exit 2
        ;;
esac

PYTHON=${PYTHON:-python}
export PYTHONPATH="$PWD/src${PYTHONPATH:+:$PYTHONPATH}"
results=${RESULTS:-$(mktemp -d)}
mkdir -p "$results"
[ -n "${RESULTS:-}" ] || trap 'rm -rf "$results"' EXIT
export FIRSTWORDS_HOME="$results/home"
rm -rf "$FIRSTWORDS_HOME" "$results/steps.tsv"

step() { # step NAME COMMAND ...: run it, keep its output, record its seconds and how it ended
    local name=$1 started=$SECONDS status=ok left=$((limit - SECONDS))
    shift
    if [ "$left" -le 0 ]; then
        printf '%s\t%s\t%s\n' "$name" "no time" 0 >>"$results/steps.tsv"
        return
    fi
    echo "== $name" >&2
    timeout "$left" "$@" >"$results/$name.out" 2>"$results/$name.err" || status="FAILED ($?)"
    tail -n 3 "$results/$name.out" "$results/$name.err" >&2
    printf '%s\t%s\t%s\n' "$name" "$status" "$((SECONDS - started))" >>"$results/steps.tsv"
}

processes=$("$PYTHON" -c 'import torch; print(max(1, torch.cuda.device_count()))')
small=(--steps "${steps[0]}" --batch-tokens 4096 --hidden-size 128 --layers 2 --vocab-size 1024 --compile no --no-trace)
step tests "$PYTHON" -m pytest -q tests/gpu
step training "$PYTHON" benchmarks/train_speed.py "${training[@]}"
step pretrain "$PYTHON" -m firstwords pretrain one --device "$device" --minutes 2 --seed 1 "${small[@]}"
step finetune "$PYTHON" -m firstwords finetune one --device "$device" --minutes 2 --steps "${steps[1]}" --compile no --no-trace
step align "$PYTHON" -m firstwords align one --device "$device" --preferences world --pairs 200 --steps "${steps[2]}"
step torchrun "$PYTHON" -m torch.distributed.run --standalone --nproc-per-node "$processes" \
    -m firstwords pretrain several --device "$device" --minutes 2 --seed 1 "${small[@]}"

"$PYTHON" benchmarks/_gpu_table.py "$results"
! grep -q -v -P '\tok\t' "$results/steps.tsv"
