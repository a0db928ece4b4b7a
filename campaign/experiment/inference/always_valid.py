"""Gives intervals that hold at every moment, for campaigns whose size is not known before.

The score S = estimate / se^2 is, at information V = 1 / se^2, a Brownian motion with drift the
effect; a normal mixture over that drift bounds it at all V at once (Robbins, 1970; Howard et al.,
2021). That is asymptotic: an interval watched from the first customer covers a rate of 1 % far too
rarely, so there is none before `FIRST_EVENTS` events an arm.
"""

import math

FIRST_EVENTS = 50  # of a yes or no outcome, in each arm
FIRST_BUYERS = 100  # customers with a value other than 0, of an amount


def half_width(se: float, planned_se: float, alpha: float) -> float:
    """Returns the half width of the interval about an estimate.

    Args:
      se: standard error now.
      planned_se: standard error at which the interval shall be narrowest.
      alpha: error at all moments together, two-sided.
    """
    v, best = se**-2, planned_se**-2
    log = -2 * math.log(alpha)
    rho = best / (log + math.log1p(log))
    return math.sqrt((v + rho) * math.log((v + rho) / (rho * alpha**2))) / v
