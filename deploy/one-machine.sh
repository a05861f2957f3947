#!/usr/bin/env bash
# All GPUs of this machine (without any: all cores) train one model. If a process dies, all continue from the last
# checkpoint, up to RESTARTS times.
#   deploy/one-machine.sh pretrain mine --text stories/ --minutes 600
#   deploy/one-machine.sh pretrain mine --resume
set -euo pipefail

processes=${PROCESSES:-$(nvidia-smi --list-gpus 2>/dev/null | wc -l || true)}
if [ "$processes" -eq 0 ]; then
    processes=$(env -u OMP_NUM_THREADS nproc)  # which nproc would report instead of the cores
fi

exec torchrun --standalone --nproc-per-node "$processes" --max-restarts "${RESTARTS:-3}" -m firstwords "$@"
