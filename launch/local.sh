#!/usr/bin/env bash
# One job of N processes on this machine, over the loopback interface:
#
#     launch/local.sh 2 --config=configs/stylegan.py:cpu --workdir=runs/two
#
# For trying out what a cluster does; on one machine a single process with all its devices is as
# fast. Ctrl-C or SIGTERM to this script, or SIGTERM to any process, saves and ends all. When one
# fails, the others end within --heartbeat_seconds. The exit code is the first process's that is not
# 0, so 75 where the job was stopped and saved.
#
# PYTHON: the interpreter. PORT: of the coordinator. JAX_NUM_CPU_DEVICES: devices a process;
# default: the cores divided by the processes. Each process has one of the CUDA GPUs. Process I
# prints to standard output and error, as [I] LINE.
set -euo pipefail

if ! [[ ${1:-} =~ ^[1-9][0-9]*$ ]]; then
  echo "usage: launch/local.sh PROCESSES FLAGS-OF-MAIN.PY..." >&2
  exit 2
fi
n=$1
shift
cd "$(dirname "$0")/.."
python=${PYTHON:-$(command -v python3)}
free_port='import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
port=${PORT:-$("$python" -c "$free_port")}
cores=$(nproc)
export JAX_NUM_CPU_DEVICES=${JAX_NUM_CPU_DEVICES:-$((cores > n ? cores / n : 1))}
export JAX_COORDINATOR_ADDRESS=127.0.0.1:$port JAX_NUM_PROCESSES=$n PYTHONUNBUFFERED=1

pids=()
for ((i = 0; i < n; i++)); do
  gpu=()
  if compgen -G '/dev/nvidia[0-9]*' >/dev/null; then gpu=(CUDA_VISIBLE_DEVICES=$i); fi
  env "${gpu[@]}" JAX_PROCESS_ID=$i "$python" main.py "$@" \
    > >(exec sed -u "s/^/[$i] /") 2> >(exec sed -u "s/^/[$i] /" >&2) &
  pids+=($!)
done
stop() { for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done; }
trap stop INT TERM

code=0
for pid in "${pids[@]}"; do
  status=0
  while :; do # a trapped signal ends `wait`, not the process
    wait "$pid" && status=0 || status=$?
    kill -0 "$pid" 2>/dev/null || break
  done
  if ((code == 0)); then code=$status; fi
done
exit "$code"
