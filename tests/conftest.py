"""Sets strict types, eight fake devices and one compilation cache for every test."""

import atexit
import logging
import os
import shutil
import tempfile

# Set before jax is imported anywhere: tests build meshes of 1, 2 and 8 devices.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# Most of the suite's time is the compilation of small programs, also in processes that tests start.
# On the CPU these flags make it several times shorter: no optimisation by LLVM, no MLIR for each
# fusion, one module in place of many. Tests that start a program as a user's do without them.
os.environ["XLA_FLAGS"] = (
    "--xla_backend_optimization_level=0"
    " --xla_cpu_use_fusion_emitters=false"
    " --xla_cpu_parallel_codegen_split_count=1"
)
# Compiled programs are shared by all tests, their processes and pytest-xdist's workers, but not
# with the user's own runs.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["JAX_COMPILATION_CACHE_DIR"] = tempfile.mkdtemp(prefix="emoji_gan_xla_")
    atexit.register(shutil.rmtree, os.environ["JAX_COMPILATION_CACHE_DIR"], ignore_errors=True)

import jax
import pytest

from tests.support import runs as runs_lib

jax.devices()  # XLA reads its flags once
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

_OF_ONE_METHOD = {f"test_{method}.py": method for method in ("stylegan2", "onestep", "consistency")}


def _shares_a_fixture(item: pytest.Item) -> bool:
    """Says whether a test takes a fixture that is made once a file: by one worker, then."""
    definitions = item._fixtureinfo.name2fixturedefs  # no public way to a fixture's scope
    return any(d[-1].scope == "module" for d in definitions.values())


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in its own such hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Orders fast tests before slow ones, and marks those that one worker of xdist must have.

    With workers, slow tests come first: the last to end is then a fast one, with no core idle.
    """
    for item in items:
        if "interrupted" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("interrupted"))
        elif item.get_closest_marker("xdist_group"):
            pass  # the file has chosen its group
        elif _shares_a_fixture(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
        elif item.path.name in _OF_ONE_METHOD:  # the first test of a method compiles for the others
            item.add_marker(pytest.mark.xdist_group(_OF_ONE_METHOD[item.path.name]))
        elif item.path.name == "test_penalties.py":
            item.add_marker(pytest.mark.xdist_group("penalties"))
        elif item.path.name == "test_methods.py" and hasattr(item, "callspec"):
            item.add_marker(pytest.mark.xdist_group(item.callspec.params.get("method", "parity")))
    slow_first = "PYTEST_XDIST_WORKER" in os.environ
    items.sort(
        key=lambda item: (
            ("slow" in item.keywords) != slow_first,
            item.get_closest_marker("xdist_group") is None,
        )
    )


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory):
    """Starts main.py on the tiny experiment."""
    return runs_lib.Runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def interrupted(runs):
    """A finished run that was stopped in every way."""
    return runs_lib.interrupted(runs)


@pytest.fixture(scope="session")
def whole(runs, interrupted):
    """The same run, never stopped."""
    return runs_lib.whole(runs, interrupted.total)


@pytest.fixture
def logged_warnings():
    """Collects the warnings that a user sees, orbax's own included."""
    lines = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())
    logging.getLogger("absl").addHandler(handler)
    yield lines
    logging.getLogger("absl").removeHandler(handler)
