"""Checks that no file uses what is forbidden, except as listed here with the reasons."""

import ast
import collections
import os
import pathlib

import pytest

from tests.support import runs as runs_lib

PACKAGES = (
    *("emoji_gan", "input_pipeline", "eval", "explore", "campaign", "configs", "benchmarks"),
    "main.py",
)
MODULES = {
    *(
        "pickle",
        "_pickle",
        "cPickle",
        "cloudpickle",
        "dill",
        "joblib",
        "shelve",
        "marshal",
        "pickletools",
    ),
    *(
        "torch",
        "yaml",
        "subprocess",
        "multiprocessing",
        "socket",
        "urllib",
        "requests",
        "http",
        "ftplib",
    ),
    *("xmlrpc", "telnetlib", "pandas"),
}
BUILTINS = {"eval", "exec", "compile", "__import__"}
FUNCTIONS = {
    *("os.system", "os.popen", "os.execv", "os.spawnv", "shutil.unpack_archive", "np.fromfile"),
    *("time.time", "time.ctime", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
}
METHODS = {"exec_module", "extractall", "recv", "read_pickle", "load_model"}
# (file, what): why it may.
EXCEPTIONS = {
    (
        "emoji_gan/trained/official_weights.py",
        "import pickle",
    ): "its Unpickler is subclassed: find_class knows tensors only",
    (
        "emoji_gan/trained/official_weights.py",
        "import pickletools",
    ): "reads a pickle's opcodes without executing them",
    ("eval/extractors/legacy_pth.py", "import pickletools"): "the same",
    (
        "emoji_gan/runtime/config.py",
        "exec_module",
    ): "an experiment is a Python file of the user's own",
    (
        "emoji_gan/runtime/workdir.py",
        "import socket",
    ): "the name of this host, for who holds a workdir",
    ("benchmarks/faults/training_process.py", "import subprocess"): "runs main.py, to kill it",
    ("benchmarks/methods/onestep_search.py", "import subprocess"): "runs main.py, a row each",
    ("benchmarks/methods/training_pictures.py", "import subprocess"): "runs main.py, thrice",
    ("benchmarks/faults/training_process.py", "all of os.environ"): "for main.py",
    ("input_pipeline/art/rasterise.py", "import subprocess"): "the guarded child that draws SVGs",
    (
        "input_pipeline/art/rasterise.py",
        "import multiprocessing",
    ): "its pipe; bytes only, never objects",
    ("input_pipeline/art/_svg_child.py", "import multiprocessing"): "the same",
    (
        "eval/extractors/inception_weights.py",
        "import urllib",
    ): "fetches the one file whose SHA-256 it knows",
    (
        "eval/extractors/inception_weights.py",
        "all of os.environ",
    ): "one variable, by a constant's name",
    ("eval/extractors/real_emoji.py", "import subprocess"): "TensorFlow's memory leaves with it",
    ("eval/extractors/real_emoji.py", "all of os.environ"): "for this, and one constant's name",
    ("eval/judge.py", "datetime.now"): "the date in a report",
    (
        "benchmarks/speed/eval_statistics.py",
        "import subprocess",
    ): "times a reference in a process of its own",
    ("benchmarks/speed/inception_reference.py", "import torch"): "the reference",
    (
        "benchmarks/speed/turns.py",
        "import subprocess",
    ): "runs each measurement in a process of its own",
    ("benchmarks/speed/turns.py", "all of os.environ"): "for these",
    ("benchmarks/speed/step_time_reference.py", "import torch"): "the reference",
    ("benchmarks/speed/official_r3gan.py", "import torch"): "the same",
    ("benchmarks/speed/torch_dcgan.py", "import torch"): "the same",
    ("benchmarks/speed/torch_masked.py", "import torch"): "the same",
    ("benchmarks/methods/compare_reference.py", "import torch"): "the same",
    ("benchmarks/methods/reference_data.py", "import torch"): "the same",
    ("benchmarks/methods/reference_r3gan.py", "import torch"): "the same",
    ("benchmarks/methods/reference_stylegan2.py", "import torch"): "the same",
    (
        "benchmarks/methods/comparison_schedule.py",
        "import subprocess",
    ): "runs main.py, each on its core",
    ("benchmarks/methods/comparison_schedule.py", "all of os.environ"): "for main.py",
    (
        "benchmarks/methods/comparison_schedule.py",
        "time.time",
    ): "set against the times of files that main.py wrote",
    ("benchmarks/methods/compare_judge.py", "datetime.now"): "the date of a figure",
    ("benchmarks/methods/compare_report.py", "date.today"): "the date of a table",
    ("benchmarks/tasks/upscaler_peers.py", "load_model"): "ncnn's weights, numbers alone",
    ("benchmarks/speed/start_up.py", "import subprocess"): "runs the commands that it measures",
    ("benchmarks/speed/start_up.py", "all of os.environ"): "for these",
    ("benchmarks/methods/fingerprint.py", "import subprocess"): "runs main.py and the sampler",
    ("benchmarks/methods/fingerprint.py", "all of os.environ"): "for these",
    ("benchmarks/methods/fine_tune.py", "import subprocess"): "runs main.py, as a user would",
    (
        "benchmarks/speed/compile_time.py",
        "import subprocess",
    ): "runs each measurement in a process of its own",
    ("benchmarks/speed/compile_time.py", "all of os.environ"): "for these",
    (
        "benchmarks/campaign/many_customers.py",
        "import subprocess",
    ): "runs `campaign`, as a user would",
    (
        "benchmarks/campaign/packs.py",
        "import subprocess",
    ): "runs the program it is measured against",
    ("benchmarks/faults/restart.py", "import subprocess"): "runs main.py, to kill it",
    ("benchmarks/faults/restart.py", "import socket"): "a free port on this machine",
    ("benchmarks/faults/restart.py", "all of os.environ"): "for main.py",
    ("benchmarks/tasks/browser_runtimes.py", "import subprocess"): "runs Node and npm",
    ("benchmarks/scale/tpu_compile.py", "all of os.environ"): "sets what the TPU compiler asks for",
    ("benchmarks/tasks/explore_page.py", "import subprocess"): "runs the program that it measures",
    ("benchmarks/tasks/explore_page.py", "import urllib"): "asks it, at 127.0.0.1",
    ("benchmarks/tasks/explore_page.py", "import http"): "its answers' type",
    ("benchmarks/campaign/oracles.py", "import pandas"): "what spotify-confidence reads",
    (
        "campaign/brief/brief_file.py",
        "import yaml",
    ): "safe_load and safe_dump of briefs, no objects",
    ("explore/__main__.py", "import socket"): "binds 127.0.0.1, before the model is opened",
    ("emoji_gan/export/release_git.py", "import subprocess"): "git, to push a tag",
    ("main.py", "all of os.environ"): "which process of a job this is",
}


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def forbidden_uses(source: str) -> set[str]:
    """Lists what a file uses of the above, and its unsafe reads of arrays and the environment."""
    uses = set()
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        uses |= {f"import {root}" for m in modules if (root := m.partition(".")[0]) in MODULES}
        if isinstance(node, ast.Call):
            name = _dotted(node.func)
            last_two = ".".join(name.split(".")[-2:])
            uses |= ({name} & BUILTINS) | ({last_two} & FUNCTIONS)
            if isinstance(node.func, ast.Attribute):
                uses |= {node.func.attr} & METHODS
            given = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
            if given.get("shell"):
                uses.add("shell=True")
            if last_two == "np.load" and given.get("allow_pickle") is not False:
                uses.add("np.load without allow_pickle=False")
        if _dotted(node) == "os.environ":
            parent = parents[node]
            key = None
            if isinstance(parent, ast.Subscript):
                key = parent.slice
            elif isinstance(parent, ast.Compare):
                key = parent.left
            elif (
                isinstance(parent, ast.Attribute)
                and isinstance(call := parents[parent], ast.Call)
                and call.args
            ):
                key = call.args[0]
            if not isinstance(key, ast.Constant):  # it may end in a log or a report
                uses.add("all of os.environ")
    return uses


def test_nothing_forbidden_is_used_and_no_exception_is_stale():
    uses = collections.defaultdict(set)
    for package in PACKAGES:
        root = runs_lib.ROOT / package
        for file in [root] if root.is_file() else sorted(root.rglob("*.py")):
            name = file.relative_to(runs_lib.ROOT).as_posix()
            for what in forbidden_uses(file.read_text()):
                uses[name, what] = True
    assert (
        len(list((runs_lib.ROOT / "emoji_gan").rglob("*.py"))) > 30
    )  # it looks in the right place
    assert uses.keys() - EXCEPTIONS.keys() == set()
    assert EXCEPTIONS.keys() - uses.keys() == set()


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import pickle", "import pickle"),
        ("from torch import nn", "import torch"),
        ("def f():\n  from multiprocessing import Pool", "import multiprocessing"),
        ("import numpy as np\nnp.load(path)", "np.load without allow_pickle=False"),
        ("np.load(path, allow_pickle=True)", "np.load without allow_pickle=False"),
        ("eval('1')", "eval"),
        ("os.system('ls')", "os.system"),
        ("subprocess.run('ls', shell=True)", "shell=True"),
        ("archive.extractall(folder)", "extractall"),
        ("datetime.datetime.now()", "datetime.now"),
        ("time.time()", "time.time"),
        ("connection.recv()", "recv"),
        ("print(dict(os.environ))", "all of os.environ"),
        ("os.environ[name]", "all of os.environ"),
        ("os.environ.items()", "all of os.environ"),
    ],
)
def test_it_would_be_seen(source, what):
    assert forbidden_uses(source) == {what}


def test_what_may_be_used():
    good = (
        "re.compile('a')\nnp.load(p, allow_pickle=False)\n"
        "os.environ.get('A')\n'A' in os.environ\nmodel.eval"
    )
    assert forbidden_uses(good + "\ntime.monotonic()\nconnection.recv_bytes()") == set()


@pytest.mark.slow
def test_no_secret_of_the_environment_is_written(runs, whole):
    """tests/support/runs.py puts some into the environment of every run."""
    assert runs.env.keys() >= runs_lib.SECRETS.keys()
    files = [pathlib.Path(d, n) for d, _, names in os.walk(whole.workdir) for n in names]
    assert len(files) > 10
    for file in (*files, runs.root / "whole.out", runs.root / "whole.err"):
        data = file.read_bytes()
        for name, secret in runs_lib.SECRETS.items():
            assert secret.encode() not in data and name.encode() not in data, file
