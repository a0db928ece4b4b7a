"""Counts the images per second that the input pipeline delivers to the host.

    python -m benchmarks.input_pipeline

prints a line for a person and a JSON line. Nothing is read: the images are random bytes, as many as
OpenMoji has.
"""

import argparse
import json
import time

import numpy as np

from input_pipeline import dataset, pipeline


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--resolution", type=int, default=64, help="px")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--images", type=int, default=4495, help="in the data set")
    parser.add_argument("--seconds", type=float, default=5.0, help="to measure")
    args = parser.parse_args()

    size = (args.images, args.resolution, args.resolution, 4)
    data = dataset.EmojiData(
        images=np.random.default_rng(0).integers(0, 256, size, np.uint8),
        classes={},
        class_names={},
        phrases=None,
        columns={},
        content_hash="",
    )
    began = time.perf_counter()
    # It starts late in a long run: resuming there must cost nothing.
    stream = pipeline.batches(
        data, seed=0, batch_size=args.batch_size, start_sample=args.batch_size * 10_000_000
    )
    next(stream)
    first_s = time.perf_counter() - began
    for _ in range(20):
        next(stream)
    count, checksum = 0, 0
    wall, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < args.seconds:
        image = next(stream)["image"]
        checksum += int(image[:, 0, 0, 0].sum())  # the bytes have arrived
        count += len(image)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    figures = {
        "images_per_s": round(count / wall),
        "cpu_us_per_image": round(1e6 * cpu / count, 2),
        "first_batch_s": round(first_s, 3),
        "resolution_px": args.resolution,
        "batch_size": args.batch_size,
        "images": args.images,
        "checksum": checksum,
    }
    print(
        f"{figures['images_per_s']:,} images/s at {args.resolution} px, batch {args.batch_size}; "
        f"{figures['cpu_us_per_image']} us of CPU an image; "
        f"first batch after {figures['first_batch_s']} s"
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
