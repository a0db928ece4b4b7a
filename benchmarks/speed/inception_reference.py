"""Computes features by pytorch-fid, a peer of `benchmarks.speed.inception_speed`.

Needs torch, torchvision and a checkout of pytorch-fid; started by
`benchmarks.speed.inception_speed`, not by hand. For every line on stdin it prints the time of a
batch. The network is the checkout's own, with its download replaced by the weights of a file.
"""

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def main() -> None:
    """Reads the settings from the command line and serves until stdin ends."""
    checkout, weights, layout, pixels, batch, batches = sys.argv[1:7]
    pixels, batch, batches = (int(v) for v in (pixels, batch, batches))
    sys.path[:0] = [checkout, f"{checkout}/src"]
    import numpy as np
    import torch
    from pytorch_fid import inception

    tensors = {k: torch.from_numpy(v) for k, v in np.load(weights, allow_pickle=False).items()}
    tensors |= {
        k.replace("running_mean", "num_batches_tracked"): torch.tensor(0)
        for k in tensors
        if k.endswith("running_mean")
    }
    inception.load_state_dict_from_url = lambda *args, **kwargs: tensors
    network = inception.InceptionV3([inception.InceptionV3.DEFAULT_BLOCK_INDEX]).eval()
    memory_format = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    network = network.to(memory_format=memory_format)
    images = np.random.default_rng(0).integers(0, 256, (batch, 3, pixels, pixels), np.uint8)

    def cycle() -> "np.ndarray":
        for _ in range(batches):
            with torch.inference_mode():
                x = torch.from_numpy(images).to(memory_format=memory_format).float() / 255
                features = network(x)[0][:, :, 0, 0].numpy()
        return features

    features = cycle()
    print(f"check {float(features.mean())!r} {float(features.std())!r}", flush=True)
    print("ms 0", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        cycle()
        print(f"ms {(time.perf_counter() - start) / batches * 1e3:.1f}", flush=True)


if __name__ == "__main__":
    main()
