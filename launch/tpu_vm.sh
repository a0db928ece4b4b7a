#!/usr/bin/env bash
# One job on all hosts of a TPU VM or pod slice, by gcloud from your machine:
#
#     launch/tpu_vm.sh NAME ZONE --config=configs/stylegan.py --workdir=/mnt/shared/runs/a
#
# Copies the committed tree of this checkout to every host, installs it once, and runs main.py on
# all of them; jax asks the machine's metadata which host is which. A spot slice that is taken back
# gets SIGTERM: the run is saved with exit code 75, and this script ends with the same; create the
# slice again and repeat the command. TPU_PROJECT: the project.
#
# The workdir must be on a file system that all hosts share (Filestore, or a bucket mounted by
# gcsfuse). DRY_RUN=1 prints what would run.
set -euo pipefail
if (($# < 3)) || [[ $1 == -* || $2 == -* ]]; then
  echo "usage: launch/tpu_vm.sh NAME ZONE FLAGS-OF-MAIN.PY..." >&2
  exit 2
fi
name=$1 zone=$2
shift 2
cd "$(dirname "$0")/.."
do_() { if [[ -n ${DRY_RUN:-} ]]; then printf '%q ' "$@" && echo; else "$@"; fi; }
where=("$name" "--zone=$zone" ${TPU_PROJECT:+"--project=$TPU_PROJECT"} --worker=all)

archive=$(mktemp --suffix=.tar.gz)
trap 'rm -f "$archive"' EXIT
git archive --format=tar.gz --output="$archive" HEAD
do_ gcloud compute tpus tpu-vm scp "$archive" "${where[0]}:emoji_gan.tar.gz" "${where[@]:1}"
printf -v flags ' %q' "$@"
do_ gcloud compute tpus tpu-vm ssh "${where[@]}" --command="set -e
  mkdir -p emoji_gan && tar -xzf emoji_gan.tar.gz -C emoji_gan && cd emoji_gan
  [ -e .venv/.installed ] || {
    python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt 'jax[tpu]' &&
      touch .venv/.installed
  }
  exec .venv/bin/python main.py$flags"
