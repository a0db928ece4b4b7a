"""Fuzzes the reader of a checkpoint's seal, the manifest with the hashes of its files."""

import contextlib
import hashlib
import json
import pathlib

from hypothesis import strategies as st

from emoji_gan.runtime import seal
from tests.fuzz.fuzz_runner import Reader
from tests.fuzz.random_values import NUMBERS, TEXT, damaged, json_values

_FILES = {"a/b": b"content", "c": b""}  # of a checkpoint
_GOOD_SEAL = {
    "step": "7",
    "files": {name: [len(d), hashlib.sha256(d).hexdigest()] for name, d in _FILES.items()},
}
_KEYS = (
    st.sampled_from(["step", "files", "a/b", "c", "../x", "/etc/passwd", "seal.json", ".", "\0"])
    | TEXT
)
_WELL_FORMED = st.one_of(
    st.just(_GOOD_SEAL),
    json_values(_KEYS, _KEYS),
    st.fixed_dictionaries({"step": st.just("7"), "files": json_values(_KEYS, _KEYS)}),
    st.dictionaries(
        _KEYS,
        st.tuples(st.integers(0, 9) | NUMBERS, st.just("0" * 64) | TEXT),
        max_size=4,
    ).map(lambda files: {"step": "7", "files": files}),
).map(lambda value: json.dumps(value).encode())
_MALFORMED = st.one_of(
    damaged(json.dumps(_GOOD_SEAL).encode()),
    st.integers(1, 100_000).map(lambda n: b"[" * n),
)


def _read_seal(case: tuple[bytes, bool], folder: pathlib.Path) -> None:
    body, own_hash = case
    step = folder / "7"
    (step / "a").mkdir(parents=True)
    for name, data in _FILES.items():
        (step / name).write_bytes(data)
    second = hashlib.sha256(body).hexdigest().encode() if own_hash else b"0"
    (step / seal.NAME).write_bytes(body + b"\n" + second + b"\n")
    problem = seal.problem_of(step)
    same = False
    with contextlib.suppress(ValueError, RecursionError):
        same = json.loads(body.decode()) == _GOOD_SEAL
    assert (problem is None) == (own_hash and same and b"\n" not in body), problem
    assert problem is None or "\n" not in problem


CHECKPOINT_MANIFEST = Reader(
    st.tuples(_WELL_FORMED | _MALFORMED, st.booleans()), _read_seal, (), reads_outside=False
)
