#!/usr/bin/env bash
# gbstats 0.8.0 (GrowthBook): the t-test of two arms is by default one of the relative difference,
# whose variance grows with the treated arm's own mean, so that a gain needs far more than a loss:
# 30 against 50 clicks of 1,000 has p = 0.078 or 0.003, by which arm is the control. Of equal arms
# with 1 % of clicks among 2,000 customers it calls no gain and 6.4 % losses, at a level of 5 %.
# With difference_type="absolute" both are near the 2.5 % that a two-sided test promises each.
# Seen 2026-11-30: "30 -> 50 clicks: p 0.078, 50 -> 30 clicks: p 0.003"; "absolute: p 0.022,
# 0.022"; "equal arms, 1% of 2000: relative 0.0% gains, 6.4% losses; absolute 2.4%, 2.4%"; "equal
# arms, 3% of 1000: relative 0.2% gains, 5.6% losses; absolute 2.5%, 2.5%".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.17.1 pydantic==2.12.5 packaging==26.0
"$folder/venv/bin/pip" install --quiet --no-deps gbstats==0.8.0
cat > "$folder/arms.py" <<'PYTHON'
"""Tests two arms of clicks in both directions, and all pairs that equal arms can have."""

import itertools
import warnings

import numpy as np
from gbstats.frequentist import tests
from gbstats.models import statistics
from scipy import stats

warnings.simplefilter("error")


def result(control, treated, customers, **options):
    arms = [statistics.ProportionStatistic(n=customers, sum=x) for x in (control, treated)]
    return tests.TwoSidedTTest(*arms, tests.FrequentistConfig(**options)).compute_result()


up, down = result(30, 50, 1000), result(50, 30, 1000)
print(f"30 -> 50 clicks: p {up.p_value:.3f}, 50 -> 30 clicks: p {down.p_value:.3f}")
both = [result(*clicks, 1000, difference_type="absolute") for clicks in ((30, 50), (50, 30))]
print(f"absolute: p {both[0].p_value:.3f}, {both[1].p_value:.3f}")
for rate, customers in ((0.01, 2000), (0.03, 1000)):
    clicks = np.arange(1, int(3 * rate * customers))  # what lies beyond is rarer than one in 10^6
    chances = stats.binom.pmf(clicks, customers, rate)
    called = np.zeros((2, 2))  # relative and absolute, gains and losses
    for (i, control), (j, treated) in itertools.product(enumerate(clicks.tolist()), repeat=2):
        for kind, options in enumerate(({}, {"difference_type": "absolute"})):
            r = result(control, treated, customers, **options)
            if r.p_value < 0.05:
                called[kind, int(r.expected < 0)] += chances[i] * chances[j]
    print(
        "equal arms, {:.0%} of {}: relative {:.1%} gains, {:.1%} losses; "
        "absolute {:.1%}, {:.1%}".format(rate, customers, *called.ravel())
    )
PYTHON
seen=$("$folder/venv/bin/python" "$folder/arms.py")
echo "$seen"
[[ $seen == *"30 -> 50 clicks: p 0.078, 50 -> 30 clicks: p 0.003"* ]]
[[ $seen == *"absolute: p 0.022, 0.022"* ]]
[[ $seen == *"1% of 2000: relative 0.0% gains, 6.4% losses; absolute 2.4%, 2.4%"* ]]
[[ $seen == *"3% of 1000: relative 0.2% gains, 5.6% losses; absolute 2.5%, 2.5%"* ]]
