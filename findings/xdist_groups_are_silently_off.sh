#!/usr/bin/env bash
# pytest 9.2.0 with pytest-xdist 3.8.0: `--dist loadgroup` groups nothing, and says nothing.
#
# A test marked `xdist_group` is to run in one worker with all of its group, so that a costly
# fixture (a trained model, a compiled program) is made once. pytest-xdist writes the group into the
# test's name for its scheduler; pytest 9.2 computes that name anew, and the group is lost. Every
# test still passes: only the time of the fixtures doubles. With pytest 9.1.1 the groups hold.
# Seen 2026-11-29: "one group ran in 1 worker with pytest 9.1.1, in 2 workers with pytest 9.2.0".
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/test_groups.py" <<'PY'
import os
import time

import pytest


@pytest.mark.xdist_group("costly")
@pytest.mark.parametrize("i", range(8))
def test_of_one_group(i):
    time.sleep(0.3)
    with open(os.environ["WORKERS"], "a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\n")
PY
workers_of() { # pytest's version -> how many workers had tests of the one group
  "${PYTHON:-python3}" -m venv "$scratch/$1"
  "$scratch/$1/bin/pip" install --quiet "pytest==$1" pytest-xdist==3.8.0
  WORKERS="$scratch/$1.txt" "$scratch/$1/bin/python" -m pytest -q -p no:cacheprovider \
    -n 2 --dist loadgroup "$scratch/test_groups.py" >&2
  sort -u "$scratch/$1.txt" | wc -l
}
before=$(workers_of 9.1.1)
after=$(workers_of 9.2.0)
echo "one group ran in $before worker with pytest 9.1.1, in $after workers with pytest 9.2.0"
test "$before" = 1 && test "$after" = 2
