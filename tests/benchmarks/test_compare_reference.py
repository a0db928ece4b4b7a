"""The official code in a comparison: its clock and its recipes."""

import pytest

from benchmarks.methods import compare_reference, reference_r3gan, reference_stylegan2
from configs import r3gan, stylegan


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
    recipe = reference_stylegan2.recipe
    auto, cifar, helped = (recipe(name, 32) for name in ("auto", "cifar", "helped"))
    assert (auto["batch"], auto["mbstd"], auto["ema_kimg"]) == (32, 4, 10.0)
    assert auto["gamma"] == pytest.approx(0.0064) and auto["loss"] == auto["d"] == {}
    assert (cifar["batch"], cifar["mbstd"], cifar["gamma"], cifar["ema_kimg"]) == (
        64,
        32,
        0.01,
        500,
    )
    ours = stylegan.get_config("cpu")
    assert (helped["batch"], helped["gamma"]) == (ours.batch_size, ours.loss.r1_gamma)
    assert helped["ada_kimg"] == ours.augment.kimg and "hue" not in helped["augment"]
    assert reference_stylegan2.WIDTH["channel_max"] == ours.model.channel_max


def test_official_schedules():
    ours = r3gan.get_config().schedule  # of FFHQ at 64 px, as the checkout has it
    for name, ends in reference_r3gan.schedules(64).items():
        kimg = tuple(x / 1000 for x in ends)
        assert (kimg if name == "ema" else ends) == ours["ema_kimg" if name == "ema" else name]
    assert reference_r3gan.schedules(32)["gamma"] == (0.05, 0.005)
