"""Measures how far the metrics here are from pytorch-fid, torch-fidelity and prdc.

    python -m tests.parity.metrics_parity

Prints a line for each case of fixtures/metrics.json and metrics_2048.json: the value, the
reference's and the relative deviation (absolute where the reference is 0 up to rounding); exits 1
beyond the limits.
"""

import sys

from eval.metrics import density_coverage, frechet, inception_score, kid, precision_recall
from tests.support.seeded_features import REFERENCE, REFERENCE_2048, make_features, make_logits

LIMIT = 1e-9
# torch-fidelity's and pytorch-fid's own noise in the null space of singular covariances (n <= d).
SINGULAR_LIMIT = 1e-7


def deviations() -> dict[str, tuple[float, float, float]]:
    """Computes the value, the reference and the limit of every case, by name."""
    cases = {}
    for case in REFERENCE["fid"]:
        a, b = make_features(**case["a"]), make_features(**case["b"])
        limit = SINGULAR_LIMIT if max(len(a), len(b)) <= a.shape[1] else LIMIT
        name = f"FD {_sizes(a, b)} seeds {case['a']['seed']}, {case['b']['seed']}"
        cases[name] = frechet.fd(a, b), case["torch_fidelity"], limit
    for case in REFERENCE_2048:
        a, b = make_features(**case["a"]), make_features(**case["b"])
        cases[f"FD {_sizes(a, b)}"] = frechet.fd(a, b), case["results"]["svd"]["fid"], LIMIT
    for case in REFERENCE["kid"]:
        a, b = make_features(**case["a"]), make_features(**case["b"])
        value = kid.kid(a, b, case["kid_subsets"], case["kid_subset_size"], case["rng_seed"])
        expected = case["float64"]["kernel_inception_distance_mean"]
        name = f"KID {_sizes(a, b)} seeds {case['a']['seed']}, {case['b']['seed']}"
        cases[name] = value.mean, expected, LIMIT
    for case in REFERENCE["isc"]:
        logits = make_logits(case["n"], case["c"], case["seed"], case["scale"])
        value, _ = inception_score.inception_score(logits, case["splits"], case["shuffle"])
        shuffled = "shuffled" if case["shuffle"] else "in order"
        size = f"{case['n']}x{case['c']}"
        name = f"IS {size}, {case['splits']} splits, {shuffled}, seed {case['seed']}"
        cases[name] = (value, case["inception_score_mean"], LIMIT)
    for case in REFERENCE["prdc"]:
        real, fake, k = make_features(**case["real"]), make_features(**case["fake"]), case["k"]
        of_fake, of_real = precision_recall.inside(real, fake, k)
        counts, covered = density_coverage.reach(real, fake, k)
        ours = {
            "precision": of_fake.mean(),
            "recall": of_real.mean(),
            "density": counts.mean() / k,
            "coverage": covered.mean(),
        }
        for name, value in ours.items():
            cases[f"{name} {_sizes(real, fake)}, k {k}"] = value, case["prdc"][name], LIMIT
    return cases


def deviation(value: float, reference: float) -> float:
    """Computes the relative deviation, or the absolute where the reference is 0 up to rounding."""
    return abs(value - reference) / (abs(reference) if abs(reference) > 1e-9 else 1.0)


def _sizes(a, b):
    return f"{len(a)} and {len(b)} x {a.shape[1]}"


def main() -> int:
    """Prints every case; returns 1 if any is beyond its limit."""
    failed = False
    for name, (value, reference, limit) in deviations().items():
        d = deviation(value, reference)
        failed |= d > limit
        mark = "  BEYOND" if d > limit else ""
        print(f"{name:50s} {value:22.15g} {reference:22.15g}  {d:.1e}{mark}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
