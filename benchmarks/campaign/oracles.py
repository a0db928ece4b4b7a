"""Compares the campaign tool's statistics with libraries that do the same thing.

    python -m venv V && V/bin/pip install duckdb==2.0.1 numpy scipy absl-py \
      matplotlib pyarrow statsmodels==0.15.0 tea-tasting==1.14.0 spotify-confidence==4.1.0
    V/bin/python -m benchmarks.campaign.oracles

One table of figures: ours, theirs. spotify-confidence is left out of the boundaries: it
spends alpha t^2, which is another function.
"""

import argparse

import numpy as np
from scipy import stats

from benchmarks.campaign import false_alarms
from campaign.experiment.inference import effects, multiplicity, sample_ratio
from campaign.experiment.inference.effects import Moments, Sums
from emoji_gan import errors
from emoji_gan.errors import UserError


def customers(n: int, seed: int) -> dict[str, np.ndarray]:
    """Simulates customers of two arms with a covariate that explains half of the variance."""
    rng = np.random.default_rng(seed)
    x = rng.gamma(2.0, 10.0, n)
    arm = rng.integers(2, size=n)
    y = x + rng.normal(0, x.std(), n) + 0.5 * arm
    return {"arm": arm, "x": x, "y": y}


def moments(c: dict[str, np.ndarray]) -> Moments:
    """Sums customers of one segment."""
    x = c["x"] - c["x"].mean()

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(c["arm"], values, minlength=2)[None]

    n, y = total(np.ones(len(x))), c["y"]
    sums = Sums(total(y), total(y * y), total(x * y), 2 * total(y), 4 * total(y), 4 * total(y * y))
    return Moments(("-",), ("control", "new"), n, total(x), total(x * x), 2 * n, 4 * n, {"y": sums})


def rows() -> list[tuple[str, float, float, str]]:
    """Returns (what, ours, theirs, library)."""
    try:
        import pyarrow as pa
        import tea_tasting as tt
        from statsmodels.stats import multitest, proportion
    except ImportError as e:
        raise UserError(f"{e.name} is missing: see the top of the file") from None
    c = customers(20_000, 0)
    m = moments(c)
    table = pa.table({"variant": c["arm"], "y": c["y"], "x": c["x"]})
    experiment = tt.Experiment(plain=tt.Mean("y"), cuped=tt.Mean("y", "x"), ratio=tt.SampleRatio())
    theirs = experiment.analyze(table, control=0)
    out = []
    for name, adjust in (("plain", False), ("cuped", True)):
        e, t = effects.difference(m, "y", "new", control="control", adjust=adjust), theirs[name]
        out.append((f"difference, {name}", e.estimate, t.effect_size, "tea-tasting"))
        half = 1.959964 * e.se
        out.append((f"upper end, {name}", e.estimate + half, t.effect_size_ci_upper, "tea-tasting"))
    p = sample_ratio.p_value(m.n[0], np.ones(2))
    out.append(("sample ratio, p", p, theirs["ratio"].pvalue, "tea-tasting (exact or normal)"))
    ps = np.array([0.01, 0.04, 0.03, 0.005, 0.2])
    for i, (a, b) in enumerate(
        zip(multiplicity.holm(ps), multitest.multipletests(ps, method="holm")[1], strict=True)
    ):
        out.append((f"Holm, p {i}", a, b, "statsmodels"))
    counted = effects.from_counts([300, 360], [10_000, 10_000], ("control", "new"))
    e = effects.difference(counted, "rate", "new", control="control")
    z = proportion.test_proportions_2indep(360, 10_000, 300, 10_000, method="wald").statistic
    out.append(("two rates, Z (unpooled)", e.z, z, "statsmodels"))
    out += _by_spotify(counted)
    plan = false_alarms.plan_of(1, 2, 0.1)
    from statsmodels.stats.power import NormalIndPower

    effect = proportion.proportion_effectsize(0.033, 0.03)
    n = NormalIndPower().solve_power(effect, alpha=0.05, power=0.8)
    out.append(("n an arm, 3 % +10 %", plan.n_per_arm, n, "statsmodels (arcsine)"))
    return out


def _by_spotify(counted: Moments) -> list[tuple[str, float, float, str]]:
    """Compares rates: two by their interval, four by Holm."""
    import pandas as pd
    import spotify_confidence

    def test(names: str, clicks: list[int], **options: object) -> spotify_confidence.ZTest:
        table = pd.DataFrame({"arm": list(names), "clicks": clicks, "n": 10_000})
        columns = {f"numerator{x}_column": "clicks" for x in ("", "_sum_squares")}
        return spotify_confidence.ZTest(
            table, denominator_column="n", categorical_group_columns="arm", **columns, **options
        )

    library = "spotify-confidence"
    e = effects.difference(counted, "rate", "new", control="control")
    two = test("ab", [300, 360]).difference(level_1="a", level_2="b").iloc[0]
    out = [
        ("two rates, lower end", e.estimate - 1.959964 * e.se, two["ci_lower"], library),
        ("two rates, p", 2 * stats.norm.sf(abs(e.z)), two["p-value"], library),
    ]
    several = effects.from_counts([300, 360, 310, 345], [10_000] * 4, tuple("abcd"))
    ours = [effects.difference(several, "rate", arm, control="a").z for arm in "bcd"]
    theirs = test("abcd", [300, 360, 310, 345], correction_method="holm").multiple_difference(
        level="a", level_as_reference=True
    )
    adjusted = multiplicity.holm(2 * stats.norm.sf(np.abs(ours)))
    for arm, a, b in zip("bcd", adjusted, theirs["adjusted p-value"], strict=True):
        out.append((f"four rates, Holm, p of {arm}", a, b, library))
    return out


def main() -> int:
    """Runs the command line."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    print("| | ours | theirs | library |\n|---|---:|---:|---|")
    for what, ours, theirs, library in rows():
        print(f"| {what} | {ours:.6g} | {theirs:.6g} | {library} |")
    return errors.EXIT_OK


if __name__ == "__main__":
    errors.run(main)
