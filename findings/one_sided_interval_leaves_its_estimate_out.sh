#!/usr/bin/env bash
# gbstats 0.8.0 (GrowthBook): the interval of `OneSidedTreatmentLesserTTest` ends a width below the
# estimate instead of above it. It does not contain the estimate, and says of 300 -> 250 clicks of
# 10,000 that the loss is at least 0.88 points, where 0.5 were measured and 0.12 are sure. The
# p-value is right, and so are the interval of the other side and the two-sided one.
# Seen 2026-11-30: "estimate -0.0050: two-sided -0.0095 to -0.0005, greater -0.0088 to inf, lesser
# -inf to -0.0088"; "without a difference: lesser -inf to -0.0040, p 0.50".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.17.1 pydantic==2.12.5 packaging==26.0
"$folder/venv/bin/pip" install --quiet --no-deps gbstats==0.8.0
cat > "$folder/sides.py" <<'PYTHON'
"""Compares the intervals of a loss of clicks on both sides and on each."""

from gbstats.frequentist import tests
from gbstats.models import statistics

CONFIG = tests.FrequentistConfig(difference_type="absolute")


def result(test, control, treated):
    arms = [statistics.ProportionStatistic(n=10_000, sum=x) for x in (control, treated)]
    return test(*arms, CONFIG).compute_result()


def interval(r):
    return "{:.4f} to {:.4f}".format(*r.ci)


two = result(tests.TwoSidedTTest, 300, 250)
greater = result(tests.OneSidedTreatmentGreaterTTest, 300, 250)
lesser = result(tests.OneSidedTreatmentLesserTTest, 300, 250)
print(
    f"estimate {lesser.expected:.4f}: two-sided {interval(two)}, greater {interval(greater)}, "
    f"lesser {interval(lesser)}"
)
same = result(tests.OneSidedTreatmentLesserTTest, 300, 300)
print(f"without a difference: lesser {interval(same)}, p {same.p_value:.2f}")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/sides.py")
echo "$seen"
[[ $seen == *"estimate -0.0050: two-sided -0.0095 to -0.0005, greater -0.0088 to inf, lesser"* ]]
[[ $seen == *"lesser -inf to -0.0088"* ]]
[[ $seen == *"without a difference: lesser -inf to -0.0040, p 0.50"* ]]
