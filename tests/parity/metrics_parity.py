"""How far the metrics here are from pytorch-fid, torch-fidelity and prdc on seeded features.

    python -m tests.parity.metrics_parity

Prints a line for each case of fixtures/metrics.json and metrics_2048.json: the value, the
reference's and the relative deviation (absolute where the reference is 0 up to rounding); exits 1
beyond the limits.
"""

import json
import pathlib
import sys

from eval.metrics import density_coverage, frechet, inception_score, kid, precision_recall
from tests.support.seeded_features import make_features, make_logits

_FIXTURES = pathlib.Path(__file__).parents[1] / "fixtures"
LIMIT = 1e-9
# torch-fidelity's and pytorch-fid's own noise in the null space of singular covariances (n <= d).
SINGULAR_LIMIT = 1e-7


def deviations() -> dict[str, tuple[float, float, float]]:
    """Value, reference and limit of every case, by name."""
    reference = json.loads((_FIXTURES / "metrics.json").read_text())
    large = json.loads((_FIXTURES / "metrics_2048.json").read_text())["cases"]
    found = {}
    for case in reference["fid"]:
        a, b = make_features(**case["a"]), make_features(**case["b"])
        limit = SINGULAR_LIMIT if max(len(a), len(b)) <= a.shape[1] else LIMIT
        found[f"FD {_sizes(a, b)} seeds {case['a']['seed']}, {case['b']['seed']}"] = (
            frechet.fd(a, b),
            case["torch_fidelity"],
            limit,
        )
    for case in large:
        a, b = make_features(**case["a"]), make_features(**case["b"])
        found[f"FD {_sizes(a, b)}"] = frechet.fd(a, b), case["results"]["svd"]["fid"], LIMIT
    for case in reference["kid"]:
        a, b = make_features(**case["a"]), make_features(**case["b"])
        value = kid.kid(a, b, case["kid_subsets"], case["kid_subset_size"], case["rng_seed"])
        expected = case["float64"]["kernel_inception_distance_mean"]
        found[f"KID {_sizes(a, b)} seeds {case['a']['seed']}, {case['b']['seed']}"] = (
            value.mean,
            expected,
            LIMIT,
        )
    for case in reference["isc"]:
        logits = make_logits(case["n"], case["c"], case["seed"], case["scale"])
        value, _ = inception_score.inception_score(logits, case["splits"], case["shuffle"])
        shuffled = "shuffled" if case["shuffle"] else "in order"
        found[
            f"IS {case['n']}x{case['c']}, {case['splits']} splits, {shuffled}, seed {case['seed']}"
        ] = (value, case["inception_score_mean"], LIMIT)
    for case in reference["prdc"]:
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
            found[f"{name} {_sizes(real, fake)}, k {k}"] = value, case["prdc"][name], LIMIT
    return found


def deviation(value: float, reference: float) -> float:
    """Relative, or absolute where the reference is 0 up to rounding."""
    return abs(value - reference) / (abs(reference) if abs(reference) > 1e-9 else 1.0)


def _sizes(a, b):
    return f"{len(a)} and {len(b)} x {a.shape[1]}"


def main() -> int:
    """Prints all; 1 if any is beyond its limit."""
    failed = False
    for name, (value, reference, limit) in deviations().items():
        d = deviation(value, reference)
        beyond = d > limit
        failed |= beyond
        print(
            f"{name:50s} {value:22.15g} {reference:22.15g}  {d:.1e}{'  BEYOND' if beyond else ''}"
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
