"""The official code in a comparison: its clock and its recipes."""

import pytest

from benchmarks.methods import compare_reference


def test_the_official_clock_stands_still_while_it_draws(monkeypatch):
    now = [100.0, 50.0]
    monkeypatch.setattr(compare_reference.Clock, "_now", lambda self: tuple(now))
    clock = compare_reference.Clock(5.0, 4.0)
    now[:] = 101.0, 50.5
    with clock:
        now[:] = 201.0, 150.5
    now[:] = 202.0, 151.0
    assert clock.minutes() == (7.0, 5.0)


def test_official_recipes():
    auto, cifar = (compare_reference.recipe(name, 32) for name in ("auto", "cifar"))
    assert (auto["batch"], auto["mbstd"], auto["ema_kimg"]) == (32, 4, 10.0)
    assert auto["gamma"] == pytest.approx(0.0064) and auto["loss"] == auto["d"] == {}
    assert (cifar["batch"], cifar["mbstd"], cifar["gamma"], cifar["ema_kimg"]) == (
        64,
        32,
        0.01,
        500,
    )
