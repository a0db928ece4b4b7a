"""Reading an experiment from the command line: what is filled in, and one line a mistake."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ml_collections import config_dict

from configs import default
from emoji_gan import methods
from emoji_gan.errors import UserError
from emoji_gan.runtime import config as config_lib

EXPERIMENT = """
from configs import default

def get_config(variant=""):
    c = default.get_config()
    if variant == "small":
        c.data.resolution = 32
    elif variant:
        raise ValueError(f"unknown variant {variant!r}; one of: small")
    return c
"""


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "experiment.py"
    path.write_text(EXPERIMENT)
    return path


def test_load_variant_and_overrides(experiment):
    c = config_lib.load(
        f"{experiment}:small",
        [
            "model.z_dim=64",
            "--config.loss.r1_gamma=0.5",
            "batch_size=48",
            "model.noise=False",
            "data.groups=('Smileys & Emotion', 'Food & Drink')",
            "data.styles=noto",
            "model.z_dim=96",
        ],
    )
    assert c.data.resolution == 32 and c.model.z_dim == 96 and c.loss.r1_gamma == 0.5
    assert c.batch_size == 48 and c.model.noise is False
    assert c.data.groups == ("Smileys & Emotion", "Food & Drink") and c.data.styles == ("noto",)
    assert config_lib.load(str(experiment)).data.resolution == 64


@pytest.mark.parametrize(
    ("suffix", "override", "message"),
    [
        ("", "model.z_dmi=3", "unknown config key 'model.z_dmi' in"),
        ("", "model.z_dmi=3", "nearest is 'model.z_dim'"),
        ("", "loss.g_lr=0.1", "nearest is 'optim.g_lr'"),
        ("", "model={}", "--config.model is a section; its fields: model.channel_base, "),
        ("", "model.z_dim=abc", "--config.model.z_dim=abc: invalid literal for int()"),
        ("", "model.z_dim=abc", "(expected: int)"),
        ("", "batch_size=1.5", "(expected: int)"),
        ("", "total_kimg=lots", "(expected: float)"),
        ("", "model.noise=maybe", "(expected: bool)"),
        ("", "model.z_dim", "model.z_dim"),
        (":big", "seed=1", "variant 'big': unknown variant 'big'; one of: small"),
    ],
)
def test_bad_overrides_are_one_line(experiment, suffix, override, message):
    with pytest.raises(UserError) as e:
        config_lib.load(f"{experiment}{suffix}", [override])
    assert message in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def get_config(:\n", "line 1"),
        ("import nothing_of_that_name\n", "No module named 'nothing_of_that_name'"),
        ("x = 1\n", "get_config"),
        ("def get_config():\n    return {}\n", "must return a ConfigDict, not dict"),
        ("def get_config():\n    return undefined\n", "'undefined' is not defined"),
        (
            "from configs import default\n\ndef get_config():\n"
            "    c = default.get_config()\n    c.model.z_dim = 'a'\n    return c\n",
            "z_dim",
        ),
    ],
)
def test_broken_file_is_one_line(tmp_path, source, message):
    path = tmp_path / "broken.py"
    path.write_text(source)
    with pytest.raises(UserError, match=message) as e:
        config_lib.load(str(path))
    assert str(path) in str(e.value) and "\n" not in str(e.value)


def test_missing_file_names_a_near_one(experiment):
    with pytest.raises(
        UserError, match=r"'.*experimnet\.py' not found; did you mean .*experiment\.py\?"
    ):
        config_lib.load(str(experiment.with_name("experimnet.py")))


def test_file_without_variants(tmp_path):
    path = tmp_path / "plain.py"
    path.write_text("from configs.default import get_config\n")
    with pytest.raises(UserError, match="has no variants, so not 'cpu'"):
        config_lib.load(f"{path}:cpu")


PROGRAM = """
from absl import app
from ml_collections import config_flags

from emoji_gan import errors
from emoji_gan.runtime import config

CONFIG = config_flags.DEFINE_config_file("config")
def main(argv):
    print(CONFIG.value.model.z_dim)
errors.run(lambda: app.run(main, flags_parser=config.parse_flags))
"""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--config.model.z_dim=5"], 0, "5"),
        (["--config.model.z_dim", "6"], 0, "6"),
        (["--config.model.zdim=5"], 2, "error: unknown config key 'model.zdim'"),
        (["--config.model.z_dim=five"], 2, "error: flag --config.model.z_dim=five"),
        (["--confg=5"], 2, "error: Unknown command line flag 'confg'"),
        (["surplus"], 2, "error: unexpected argument 'surplus'"),
    ],
)
def test_command_line(experiment, arguments, code, message):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"--config={experiment}", *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stderr
    assert message in (done.stderr if code else done.stdout)
    assert len(done.stderr.splitlines()) == (1 if code else 0)


def test_an_experiment_may_lie_in_the_home_folder(experiment):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, f"--config=~/{experiment.name}", "--config.model.z_dim=7"],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(experiment.parent)},
    )
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr


def test_resolve_fills_every_auto_field():
    c = default.get_config()
    c.data.resolution = 32
    r = methods.resolve(c, num_devices=2)
    assert r.batch_size == 64 and r.model.channel_base == 16384
    assert r.loss.r1_gamma == pytest.approx(0.0002 * 32**2 / 64) and r.ema.half_life_kimg == 20
    assert None not in config_lib.flatten(r.to_dict()).values()
    assert c.batch_size is None  # the caller's is untouched
    with pytest.raises(AttributeError):
        r.batch_size = 1


@settings(max_examples=50, deadline=None)
@given(
    resolution=st.sampled_from([16, 32, 64, 128, 256]),
    devices=st.integers(1, 512),
    group=st.integers(0, 8),
    shrink=st.integers(1, 4),
)
def test_auto_batch_divides(resolution, devices, group, shrink):
    c = default.get_config()
    c.data.resolution, c.model.mbstd_group, c.loss.pl_batch_shrink = resolution, group, shrink
    r = methods.resolve(c, devices)
    assert r.batch_size >= max(min(4096 // resolution, 64), 32)
    assert r.batch_size % devices == 0
    local = r.batch_size // devices
    assert local % max(group, 1) == 0 and local % shrink == 0


def test_explicit_values_stay():
    c = methods.resolve(config_with(batch_size=24, loss=dict(r1_gamma=0.0)), 2)
    assert c.batch_size == 24 and c.loss.r1_gamma == 0.0


def config_with(**fields):
    c = default.get_config()
    c.update(fields)
    return c


@pytest.mark.parametrize(
    ("fields", "devices", "message"),
    [
        (dict(batch_size=30), 8, "batch_size=30 does not divide over 8 devices; nearest: 32"),
        (dict(batch_size=24), 8, "not a multiple of model.mbstd_group=4; nearest: 32"),
        (
            dict(batch_size=27, model=dict(mbstd_group=3)),
            1,
            "not a multiple of loss.pl_batch_shrink=2",
        ),
        (dict(batch_size=0), 1, "batch_size=0: must be at least 1"),
        (
            dict(data=dict(resolution=48)),
            1,
            "data.resolution=48: must be a power of two from 16 to 256 px",
        ),
        (dict(data=dict(resolution=512)), 1, "data.resolution=512"),
        (dict(dtype="float16"), 1, "dtype='float16': must be one of 'float32', 'bfloat16'"),
        (dict(method="diffuse"), 1, "method='diffuse'"),
        (
            dict(model=dict(d_architecture="big")),
            1,
            "model.d_architecture='big': must be one of 'orig'",
        ),
        (dict(data=dict(tones="some")), 1, "data.tones='some'"),
        (dict(data=dict(domains=("full", "lines"))), 1, "data.domains=('full', 'lines')"),
        (dict(data=dict(sources=())), 1, "data.sources=(): must be a non-empty tuple"),
        (dict(data=dict(sources=("noto",))), 1, "'openmoji' or 'STYLE=PATH'"),
        (
            dict(data=dict(codepoints=(2705,))),
            1,
            "data.codepoints=(2705,): must be a tuple of quoted names",
        ),
        (dict(loss=dict(style_mixing=1.5)), 1, "loss.style_mixing=1.5: must be in [0, 1]"),
        (dict(augment=dict(p_init=0.9)), 1, "augment.p_init=0.9 is above augment.p_max=0.8"),
        (dict(optim=dict(g_lr=float("nan"))), 1, "optim.g_lr=nan"),
        (dict(total_kimg=5e6), 1, "total_kimg=5000000.0"),
        (dict(checkpoint=dict(keep=0)), 1, "checkpoint.keep=0: must be at least 1"),
    ],
)
def test_resolve_refuses(fields, devices, message):
    with pytest.raises(UserError) as e:
        methods.resolve(config_with(**fields), devices)
    assert message in str(e.value) and "\n" not in str(e.value)


def test_diff_survives_json():
    a = methods.resolve(default.get_config(), 1)
    assert config_lib.diff(a, json.loads(json.dumps(a.to_dict()))) == {}
    b = config_dict.ConfigDict(a.to_dict())
    b.model.z_dim, b.extra = 7, (1, 2)
    assert config_lib.diff(a, b) == {"model.z_dim": (512, 7), "extra": ("absent", [1, 2])}


def test_the_shipped_model_keeps_its_older_name():
    shipped, older = (config_lib.load(f"configs/flow.py:{v}") for v in ("shipped", "box"))
    assert config_lib.diff(shipped, older) == {}
    assert shipped.data.conditions == ("group", "style", "text")
