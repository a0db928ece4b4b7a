#!/usr/bin/env bash
# statsmodels 0.15.0: `multipletests` takes a p-value of NaN, which the z-test of an arm without
# events gives, and by Holm's method rejects its null hypothesis: the arm without data is proved.
# By Hommel's nothing is proved any more, and by Benjamini-Hochberg's the adjusted p-values are all
# NaN, though two arms are proved. No error, no warning.
# Seen 2026-11-30: "holm: [True, True, True], adjusted [0.003, 0.04, nan]";
# "hommel: [False, False, False], adjusted [nan, nan, nan]";
# "fdr_bh: [True, True, False], adjusted [nan, nan, nan]".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet statsmodels==0.15.0 scipy==1.17.1 pandas==2.3.3 numpy==2.4.6
cat > "$folder/arms.py" <<'PYTHON'
"""Adjusts the p-values of three arms, of which the last had no clicks and nor had its control."""

import warnings

from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportions_ztest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    _, without = proportions_ztest([0, 0], [1000, 1000])
print(f"p of an arm without clicks: {without}")
warnings.simplefilter("error")
for method in ("holm", "hommel", "fdr_bh"):
    rejected, adjusted, *_ = multipletests([0.001, 0.02, without], method=method)
    print(f"{method}: {rejected.tolist()}, adjusted {adjusted.round(4).tolist()}")
PYTHON
seen=$("$folder/venv/bin/python" "$folder/arms.py")
echo "$seen"
[[ $seen == *"p of an arm without clicks: nan"* ]]
[[ $seen == *"holm: [True, True, True], adjusted [0.003, 0.04, nan]"* ]]
[[ $seen == *"hommel: [False, False, False], adjusted [nan, nan, nan]"* ]]
[[ $seen == *"fdr_bh: [True, True, False], adjusted [nan, nan, nan]"* ]]
