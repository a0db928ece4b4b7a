"""Strict types and eight fake devices for every test."""

import os

# Set before jax is imported anywhere: tests build meshes of 1, 2 and 8 devices.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_NUM_CPU_DEVICES", "8")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import jax
import pytest

from tests import runs as runs_lib

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first."""
    items.sort(key=lambda item: "slow" in item.keywords)


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
