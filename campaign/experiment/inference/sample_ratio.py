"""Checks that the arms have the sizes they were meant to have."""

import numpy as np
from scipy import stats

# Below, the split is broken; published practice, as the check runs on every campaign.
THRESHOLD = 0.001


def p_value(counts: np.ndarray, expected: np.ndarray) -> float:
    """Tests counts against expected ones of the same total by chi-square.

    Args:
      counts: customers in each arm.
      expected: meant for each arm; an arm that was meant to be empty must be empty.
    """
    counts, expected = np.asarray(counts, float), np.asarray(expected, float)
    meant = expected > 0
    if counts[~meant].any():
        return 0.0
    if meant.sum() < 2 or counts.sum() == 0:
        return 1.0
    expected = expected[meant] * counts.sum() / expected.sum()
    return float(stats.chisquare(counts[meant], expected).pvalue)
