#!/usr/bin/env bash
# jax 0.10.2: `jax.scipy.stats.beta.cdf`, in float32 by default, takes differences of logarithms of
# the gamma function, which are as large as the counts. What is known of a click rate is right to
# two digits after 10,000 customers, half of what it is after a million, and after five million no
# probability at all: 2,272 for 2 % of clicks. The binomial's `pmf` goes the same way. JAX with
# `jax_enable_x64` agrees with SciPy to three digits. No NaN, no warning.
# Seen 2026-12-01 on CPU: "float32, rate below 2 %: 10,000 0.4847 (SciPy 0.4818); 1,000,000 0.2526
# (SciPy 0.4982); 5,000,000 2271.6873 (SciPy 0.4992)"; "of 99 rates, 5,000,000 customers: 65 are no
# probabilities"; "just 20,000 clicks of 1,000,000: 0.00081 (SciPy 0.00285)"; "float64 ... 0 are no
# probabilities".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 scipy==1.17.1
cat > "$folder/counts.py" <<'PYTHON'
"""Compares what is known of click rates after so many customers with SciPy, in two precisions."""

import warnings

import jax
import numpy as np
import scipy.stats
from jax.scipy import stats

warnings.simplefilter("error")
SIZES = (10_000, 1_000_000, 5_000_000)


def below(rate, customers):
    """Returns the probability that the rate is below what was seen, of a flat prior; SciPy's."""
    clicks = np.round(rate * customers)
    a, b = clicks + 1, customers - clicks + 1
    return np.asarray(stats.beta.cdf(rate, a, b)), scipy.stats.beta.cdf(rate, a, b)


for name in ("float32", "float64"):
    jax.config.update("jax_enable_x64", name == "float64")
    pairs = [tuple(map(float, below(0.02, n))) for n in SIZES]
    text = (f"{n:,} {p:.4f} (SciPy {q:.4f})" for n, (p, q) in zip(SIZES, pairs, strict=True))
    print(f"{name}, rate below 2 %: {'; '.join(text)}")
    got, right = below(np.arange(1, 100) / 100, SIZES[-1])
    outside = int((~((got >= 0) & (got <= 1))).sum())
    print(f"{name}, of 99 rates, {SIZES[-1]:,} customers: {outside} are no probabilities")
    p, q = (f.binom.pmf(20_000, 1_000_000, 0.02) for f in (stats, scipy.stats))
    print(f"{name}, just 20,000 clicks of 1,000,000: {p:.5f} (SciPy {q:.5f})")
    errors = [abs(p - q) for p, q in pairs]
    if name == "float32":
        assert errors[0] < 0.01 and errors[1] > 0.05 and errors[2] > 0.3 and outside > 10
        assert not 0.8 < p / q < 1.25
    else:
        assert max(errors) < 1e-3 and outside == 0 and 0.99 < p / q < 1.01
PYTHON
JAX_PLATFORMS=cpu "$folder/venv/bin/python" "$folder/counts.py" 2> "$folder/log" || {
  cat "$folder/log"
  exit 1
}
