#!/usr/bin/env bash
# Runs launch/slurm.sbatch under a real Slurm of two nodes on this machine, as root:
#
#     launch/test_slurm.sh [--install]
#
# A task is killed: the job is requeued and goes on from its checkpoint. It gets the preemption
# signal: it saves and is requeued. In the end every loss must equal, bit for bit, that of one
# undisturbed process. --install fetches Debian's packages (slurmctld, slurmd, slurm-client, munge).
# PYTHON is the interpreter. Takes some minutes. Exit code 0: all of this happened.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHON=${PYTHON:-$(command -v python3)}
config=tests/support/tiny_job.py

if [[ ${1:-} == --install ]]; then
  apt-get install -y -q --no-install-recommends slurmctld slurmd slurm-client munge >/dev/null
elif [[ -n ${1:-} && ${1:-} != --inside ]]; then
  echo "usage: launch/test_slurm.sh [--install]" >&2
  exit 2
fi
for program in slurmctld slurmd srun munged; do
  if [[ -z $(command -v $program) ]]; then
    echo "error: no $program here: run with --install" >&2
    exit 2
  fi
done
if [[ ${1:-} != --inside ]]; then # with an /etc/hosts of its own, in which the two nodes have names
  exec unshare --mount "$0" --inside
fi

scratch=$(mktemp -d)
workdir=$scratch/run
say() { echo "$(date +%T) $*"; }
fail() {
  say "FAILED: $*"
  tail -n 40 "$scratch"/job.log "$scratch"/slurmctld.log 2>/dev/null
  exit 1
}
tasks() {
  { pgrep -af "main.py .*--workdir=$workdir( |$)" | grep -v srun | cut -d' ' -f1; } || true
}
cleanup() {
  scancel --quiet --name=emoji_gan 2>/dev/null || true
  for pid in $(tasks); do kill -9 "$pid" 2>/dev/null || true; done
  sleep 5 # for the nodes to tell the controller
  for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
  sleep 2
  # A node waits for tasks that hang.
  for pid in "${daemons[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
  if [[ -z ${KEEP:-} ]]; then rm -rf "$scratch"; fi
}
daemons=()
trap cleanup EXIT
trap 'exit 143' INT TERM

# ---- a controller and two nodes ------------------------------------------------------------------
cp /etc/hosts "$scratch/hosts"
echo "127.0.0.1 emoji0 emoji1" >>"$scratch/hosts"
mount --bind "$scratch/hosts" /etc/hosts
chmod 755 "$scratch"
mkdir "$scratch"/{munge,state,emoji0,emoji1}
chmod 700 "$scratch/munge"
head -c 1024 /dev/urandom >"$scratch/munge/key"
chmod 600 "$scratch/munge/key"
munged --foreground --force --key-file="$scratch/munge/key" --socket="$scratch/munge.socket" \
  --pid-file="$scratch/munge/pid" --seed-file="$scratch/munge/seed" >"$scratch/munged.log" 2>&1 &
daemons+=($!)
export SLURM_CONF=$scratch/slurm.conf
cat >"$SLURM_CONF" <<CONF
ClusterName=emoji
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=17010
SlurmUser=root
AuthType=auth/munge
CryptoType=crypto/munge
# A requeued job waits until its old credential has expired: 2 minutes by default.
AuthInfo=socket=$scratch/munge.socket,cred_expire=15
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/%n
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/%n.pid
SlurmctldLogFile=$scratch/slurmctld.log
SlurmdLogFile=$scratch/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
SchedulerType=sched/builtin
SelectType=select/linear
MpiDefault=none
KillWait=60
NodeName=emoji0 NodeAddr=127.0.0.1 Port=17011 CPUs=1
NodeName=emoji1 NodeAddr=127.0.0.1 Port=17012 CPUs=1
PartitionName=all Nodes=emoji[0-1] Default=YES State=UP
CONF
sleep 1
slurmctld -D >"$scratch/slurmctld.out" 2>&1 &
daemons+=($!)
for node in emoji0 emoji1; do
  slurmd -D -N $node >"$scratch/$node.out" 2>&1 &
  daemons+=($!)
done
until [[ $(sinfo --noheader --states=idle --format=%D 2>/dev/null) == 2 ]]; do
  ((SECONDS < 60)) || fail "the nodes did not come up"
  sleep 1
done
say "up: $(sinfo --version), $(sinfo --noheader --format='%D nodes %N %T')"

# ---- the shipped file ----------------------------------------------------------------------------
export JAX_NUM_CPU_DEVICES=2 JAX_PLATFORMS=cpu
# XLA's threads, in every layout: how it divides the work decides how sums are rounded.
export NPROC=4
newest() {
  local seal
  seal=$(ls -t "$workdir"/checkpoints/[0-9]*/seal.json 2>/dev/null | head -n 1) || true
  basename "$(dirname "$seal")"
}
steps() {
  { grep -o '"step": [0-9]*' "$workdir/metrics.jsonl" 2>/dev/null || echo 0; } |
    tail -n 1 | grep -o '[0-9]*$'
}
field() { scontrol show job "$job" | grep -o "$1=[^ ]*" | cut -d= -f2; }
wait_for() { # WHAT SECONDS COMMAND...
  local what=$1 end=$((SECONDS + $2))
  shift 2
  until "$@"; do
    ((SECONDS < end)) || fail "no $what"
    sleep 0.5
  done
}
trained() { [[ -e $workdir/checkpoints/10/seal.json ]] && (($(steps) > 12)); }
is() { [[ $(field "$1") == "$2" ]]; }

job=$(sbatch --parsable --nodes=2 --output="$scratch/job.log" launch/slurm.sbatch \
  --config=$config --workdir="$workdir" --config.total_kimg=100000.0 --heartbeat_seconds=10)
say "submitted job $job: 2 nodes, a task each"
wait_for "checkpoint" 900 trained
pids=($(tasks))
((${#pids[@]} == 2)) || fail "${#pids[@]} tasks, not 2"
say "step $(steps), checkpoint $(newest); kill -9 of task process ${pids[1]}"
before=$(newest)
killed=$SECONDS
kill -9 "${pids[1]}"
gone() { [[ -z $(tasks) ]]; }
wait_for "end of the other task" 60 gone
say "the other task ended $((SECONDS - killed)) s later"
wait_for "requeue" 120 is Restarts 1
say "requeued: $(field JobState) ($(field Reason))"
resumed() { grep -q "starting at .* kimg" <(tail -c "+$((log_size + 1))" "$scratch/job.log"); }
log_size=$(stat -c %s "$scratch/job.log")
wait_for "restart" 600 resumed
start=$(tail -c "+$((log_size + 1))" "$scratch/job.log" | grep -o 'starting at .*')
say "resumed $((SECONDS - killed)) s after the kill: $start"
after() { (($(steps) > before + 25)); }
wait_for "progress" 900 after

say "step $(steps): scancel --signal=TERM"
scancel --signal=TERM "$job"
wait_for "requeue" 180 is Restarts 2
last=$(newest)
say "saved step $last, requeued: $(grep -o 'main.py ended.*' "$scratch/job.log" | tail -n 1)"
scancel "$job"

# ---- the same steps in one process, undisturbed --------------------------------------------------
say "the same $last steps in one process with as many devices"
JAX_NUM_CPU_DEVICES=4 launch/local.sh 1 --config=$config --workdir="$scratch/whole" \
  --config.total_kimg="$("$PYTHON" -c "print(($last - 0.5) * 32 / 1000)")" \
  >"$scratch/whole.log" 2>&1 ||
  fail "the undisturbed run: $(tail -n 3 "$scratch/whole.log")"
"$PYTHON" - "$workdir" "$scratch/whole" "$last" <<'PY' || fail "losses differ"
import json
import pathlib
import sys


def losses(workdir: str) -> list[tuple[int, float, float]]:
    lines = map(json.loads, pathlib.Path(workdir, "metrics.jsonl").read_text().splitlines())
    return [(x["step"], x["loss/g"], x["loss/d"]) for x in lines if "loss/g" in x]


a, b, last = losses(sys.argv[1]), losses(sys.argv[2]), int(sys.argv[3])
equal = sum(x == y for x, y in zip(a, b))
print(f"{len(a)} steps under Slurm, {len(b)} undisturbed, {equal} bitwise equal")
sys.exit(a != b or [s for s, *_ in a] != list(range(1, last + 1)))
PY
say "passed"
