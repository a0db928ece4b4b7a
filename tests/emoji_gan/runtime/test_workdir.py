"""The workdir belongs to one job at a time; its files are whole or absent."""

import os
import resource
import subprocess
import sys

import pytest

from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir as workdir_lib
from tests.support import runs as runs_lib

HOLDER = """
import sys
from emoji_gan.runtime import workdir
with workdir.locked(sys.argv[1]):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_second_job_is_refused_until_the_first_dies(tmp_path):
    workdir = tmp_path / "new" / "run"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(workdir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=runs_lib.ROOT,
    )
    assert holder.stdout.readline() == "locked\n"
    with (
        pytest.raises(UserError, match=f"in use by pid {holder.pid} on "),
        workdir_lib.locked(workdir),
    ):
        pass
    holder.kill()
    holder.communicate()
    with workdir_lib.locked(workdir) as path:
        assert path == workdir and f"pid {os.getpid()} " in (workdir / "lock").read_text()


def test_unwritable_workdir(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match="cannot write the workdir"),
        workdir_lib.locked(tmp_path / "file" / "run"),
    ):
        pass


def test_write_atomic_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.json"
    workdir_lib.write_atomic(path, b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(UserError, match=r"cannot write .*x\.json: File too large"):
            workdir_lib.write_atomic(path, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["x.json"]
    with pytest.raises(UserError, match="No such file"):
        workdir_lib.write_atomic(tmp_path / "none" / "x", b"")
