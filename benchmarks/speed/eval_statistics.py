"""Time and peak memory of every metric's statistics, on features that are already there.

    python -m benchmarks.speed.eval_statistics
    python -m benchmarks.speed.eval_statistics --dimensions=256

Each metric runs in a process of its own; its memory is the peak above what the features and images
take. Features, logits and images are random. Left out is `legibility`, whose time is the
extractor's.
"""

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np

from eval.metrics.sets import SampleSet

METRICS = (
    "frechet",
    "kid",
    "inception_score",
    "precision_recall",
    "density_coverage",
    "path_length",
    "intra_class",
    "memorisation",
    "alpha",
    "palette",
    "agreement",
)
CLASSES, CODEPOINTS = 9, 1914


def main() -> None:
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument(
        "--real", type=int, default=1914, help="real images: OpenMoji's without skin tones"
    )
    p.add_argument("--fake", type=int, default=10_000, help="generated images")
    p.add_argument(
        "--dimensions", type=int, default=2048, help="of the features; the 2015 network's: 2048"
    )
    p.add_argument("--resolution", type=int, default=32, help="px")
    p.add_argument("--metrics", nargs="*", default=METRICS, choices=METRICS)
    p.add_argument("--here", action="store_true", help="measure the one metric in this process")
    args = p.parse_args()
    if args.here:
        print(json.dumps(measure(args)))
        return
    print(
        f"{args.real} real, {args.fake} generated, {args.dimensions} dimensions; {os.cpu_count()} cores"
    )
    for name in args.metrics:
        command = [
            sys.executable,
            "-m",
            "benchmarks.speed.eval_statistics",
            "--here",
            f"--metrics={name}",
        ]
        command += [
            f"--{k}={getattr(args, k)}" for k in ("real", "fake", "dimensions", "resolution")
        ]
        found = json.loads(
            subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        )
        print(
            f"{name:17s} {found['wall_s']:7.2f} s  {found['cpu_s']:7.2f} cpu-s  "
            f"{found['peak_mib']:6.0f} MiB  {found['estimates']}",
            flush=True,
        )


def measure(args: argparse.Namespace) -> dict:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(args.dimensions, args.dimensions)).astype(np.float32)
    mixing *= (np.arange(1, args.dimensions + 1) ** -0.5 / np.sqrt(args.dimensions)).astype(
        np.float32
    )[:, None]
    real, fake = side(rng, args.real, args, mixing), side(rng, args.fake, args, mixing)
    del mixing
    metric = importlib.import_module(f"eval.{args.metrics[0]}")
    before, wall, cpu = peak_mib(), time.perf_counter(), time.process_time()
    found = metric.evaluate(real, fake, np.random.default_rng(1))
    return {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mib": peak_mib() - before,
        "estimates": " ".join(f"{name}={e.value:.4g}" for name, e in found.items()),
    }


def side(
    rng: np.random.Generator, n: int, args: argparse.Namespace, mixing: np.ndarray
) -> SampleSet:
    """Features whose variances fall as those of images do, with logits, classes and soft-edged images."""
    features = np.empty((n, args.dimensions), np.float32)
    steps = rng.standard_normal(features.shape, np.float32)
    np.matmul(steps, mixing, out=features)
    steps *= 1e-4  # no copies: what making them takes would hide what a metric takes
    steps += features
    labels = rng.integers(0, CLASSES, n).astype(np.int32)
    logits = rng.standard_normal((n, CODEPOINTS), np.float32)
    logits[np.arange(n), labels * (CODEPOINTS // CLASSES) + rng.integers(0, 200, n)] += 6
    shape = (n, args.resolution, args.resolution, 4)
    return SampleSet(
        images=rng.integers(0, 256, shape, np.uint8),
        features=features,
        logits=logits,
        labels=labels,
        clusters=np.arange(n),
        path_pairs=(features, steps),
        extract=None,
        names=("",) * n,
    )


def peak_mib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


if __name__ == "__main__":
    main()
