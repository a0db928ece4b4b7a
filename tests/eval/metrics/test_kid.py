"""Kernel inception distance: the reference's values, no bias, and its standard error."""

import numpy as np
import pytest

from eval.metrics import kid
from tests.support.metric_inputs import normal
from tests.support.seeded_features import REFERENCE, make_features


@pytest.mark.parametrize("case", REFERENCE["kid"], ids=lambda c: f"{c['a']['n']}x{c['a']['d']}")
def test_kid_is_that_of_torch_fidelity(case):
    a, b = make_features(**case["a"]), make_features(**case["b"])
    result = kid.kid(a, b, case["kid_subsets"], case["kid_subset_size"], case["rng_seed"])
    mean, std = (case["float64"][f"kernel_inception_distance_{name}"] for name in ("mean", "std"))
    assert result.mean == pytest.approx(mean, rel=1e-9, abs=1e-13)
    assert result.std == pytest.approx(std, rel=1e-9)
    block = case["one_block_first_n"]
    value, _, _ = kid.mmd2(a[: block["n"]], b[: block["n"]])
    assert value == pytest.approx(block["mmd2_unbiased"], rel=1e-9, abs=1e-13)


def test_kid_standard_error_is_the_spread_over_repetitions():
    results = [
        kid.kid(normal(120, 6, 2 * s), normal(150, 6, 2 * s + 1, 0.2), 20, 60) for s in range(100)
    ]
    spread = np.std([r.mean for r in results])
    assert np.mean([r.standard_error for r in results]) == pytest.approx(spread, rel=0.3)


def test_kid_is_unbiased():
    values = [
        kid.kid(normal(60, 4, 2 * s), normal(60, 4, 2 * s + 1), 1, 60).mean for s in range(200)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
