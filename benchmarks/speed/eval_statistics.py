"""Measures time and peak memory of every metric, on features that exist already.

    python -m benchmarks.speed.eval_statistics
    python -m benchmarks.speed.eval_statistics --dimensions=256

Each metric runs in a process of its own; its memory is the peak above what the features and images
take. Features, logits and images are random. `legibility` is left out: its time is that of the
extractor.
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


def measure(args: argparse.Namespace) -> dict[str, float | str]:
    """Measures the first metric of the command line in this process.

    Returns:
      wall_s, cpu_s, peak_mib, and the estimates as text.
    """
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(args.dimensions, args.dimensions)).astype(np.float32)
    mixing *= (np.arange(1, args.dimensions + 1) ** -0.5 / np.sqrt(args.dimensions)).astype(
        np.float32
    )[:, None]
    real, fake = (
        random_side(rng, mixing, n=n, resolution=args.resolution) for n in (args.real, args.fake)
    )
    del mixing
    metric = importlib.import_module(f"eval.metrics.{args.metrics[0]}")
    before, wall, cpu = peak_mib(), time.perf_counter(), time.process_time()
    estimates = metric.evaluate(real, fake, np.random.default_rng(1))
    return {
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_mib": peak_mib() - before,
        "estimates": " ".join(f"{name}={e.value:.4g}" for name, e in estimates.items()),
    }


def random_side(
    rng: np.random.Generator, mixing: np.ndarray, *, n: int, resolution: int
) -> SampleSet:
    """Draws features whose variances fall as those of images do, logits, classes and images.

    Args:
      rng: of all of them.
      mixing: f32 [d d], which makes features of unit normal numbers.
      n: images.
      resolution: px.
    """
    features = np.empty((n, len(mixing)), np.float32)
    steps = rng.standard_normal(features.shape, np.float32)
    np.matmul(steps, mixing, out=features)
    steps *= 1e-4  # in place: the memory of copies would hide what a metric takes
    steps += features
    labels = rng.integers(0, CLASSES, n).astype(np.int32)
    logits = rng.standard_normal((n, CODEPOINTS), np.float32)
    logits[np.arange(n), labels * (CODEPOINTS // CLASSES) + rng.integers(0, 200, n)] += 6
    shape = (n, resolution, resolution, 4)
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
    """Returns the peak resident memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def main() -> None:
    """Runs the command line: a process for each metric."""
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
        f"{args.real} real, {args.fake} generated, {args.dimensions} dimensions; "
        f"{os.cpu_count()} cores"
    )
    sizes = [f"--{k}={getattr(args, k)}" for k in ("real", "fake", "dimensions", "resolution")]
    module = [sys.executable, "-m", "benchmarks.speed.eval_statistics", "--here"]
    for name in args.metrics:
        command = [*module, f"--metrics={name}", *sizes]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        figures = json.loads(done.stdout)
        print(
            f"{name:17s} {figures['wall_s']:7.2f} s  {figures['cpu_s']:7.2f} cpu-s  "
            f"{figures['peak_mib']:6.0f} MiB  {figures['estimates']}",
            flush=True,
        )


if __name__ == "__main__":
    main()
