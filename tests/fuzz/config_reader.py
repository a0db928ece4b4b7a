"""Fuzzes the reader of an experiment's overrides on the command line."""

import pathlib

from hypothesis import strategies as st

from emoji_gan import methods
from emoji_gan.errors import UserError
from emoji_gan.runtime import config
from tests.fuzz.fuzz_runner import Reader
from tests.fuzz.random_values import NUMBERS, TEXT, words

_FIELDS = sorted(config.flatten(config.load("configs/stylegan.py")))
_GOOD_OVERRIDES = (
    "seed=3",
    "model.z_dim=64",
    "data.groups=('Smileys & Emotion',)",
    "batch_size=32",
    "dtype=bfloat16",
    "data.resolution=16",
    "model.noise=False",
    "loss.r1_gamma=1",
    "method=dcgan",
    "total_kimg=1e3",
)
_VALUES = st.sampled_from(
    [
        "('a',)",
        "(1, 2)",
        "()",
        "(",
        "[]",
        "None",
        "True",
        "9" * 5000,
        "(" * 3000,
        "__import__('os')",
        "1e999",
    ]
)
_OVERRIDES = st.lists(
    st.sampled_from(_GOOD_OVERRIDES)
    | st.tuples(
        st.sampled_from(_FIELDS) | words("model data x.y seed.z __class__") | TEXT,
        st.sampled_from(["=", "=", "=", "", "==", " = "]),
        NUMBERS.map(str) | _VALUES | TEXT,
    ).map("".join),
    max_size=3,
)
_VARIANTS = st.sampled_from(["", ":cpu", ":x"]) | TEXT.map(":".__add__)

# The modules of the methods that the cases name: else the time of importing them would count as
# that of the first case.
for _method in ("stylegan2", "dcgan"):
    methods.load(_method)


def _read_overrides(case: tuple[str, list[str]], folder: pathlib.Path) -> None:
    variant, overrides = case
    methods.resolve(config.load(f"configs/stylegan.py{variant}", overrides), 1)


CONFIG_OVERRIDES = Reader(st.tuples(_VARIANTS, _OVERRIDES), _read_overrides, (UserError,))
