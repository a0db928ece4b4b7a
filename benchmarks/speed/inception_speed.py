"""Times the 2015 Inception network against pytorch-fid and Keras, interleaved on this machine.

    python -m benchmarks.speed.inception_speed --batch=32 \
        --reference=CHECKOUT --reference_python=PYTHON

CHECKOUT is a copy of pytorch-fid and PYTHON an interpreter with torch, torchvision and numpy.
Without --reference only ours and Keras are timed; Keras only where tensorflow's is installed. A
batch is uint8 images of --resolution px in memory, and ends as features in memory; the weights are
the stand-in of the tests. The programs live side by side and take turns; images/s is the median
over turns, the ratio the median of each turn's better of theirs (NCHW, channels_last). `ratio_kept`
counts those that keep freed memory too, as ours does.
"""

import argparse
import importlib.util
import json
import pathlib
import statistics
import sys
import tempfile
from typing import Any

from benchmarks.speed.turns import KEEP_FREED, Peer, serve

_HERE = pathlib.Path(__file__).parent


def ours(args: argparse.Namespace) -> None:
    """Runs this project's network as a peer."""
    import jax
    import numpy as np

    from emoji_gan.runtime import host
    from emoji_gan.runtime import mesh as mesh_lib

    host.setup_host_memory()
    host.setup_host_devices(args.batch)
    host.setup_compilation_cache()
    from eval.extractors import inception
    from tests.support import inception_stand_in

    mesh = mesh_lib.make_mesh()
    params = inception.prepare(inception_stand_in.make_weights(0))
    params = jax.device_put(params, mesh_lib.replicated(mesh))

    def features(params: Any, images: jax.Array) -> jax.Array:
        return inception.apply(params, inception.preprocess(images, "pytorch-fid"))["pool3"]

    spec = jax.P(mesh_lib.AXIS)
    local = jax.shard_map(
        features, mesh=mesh, in_specs=(jax.P(), spec), out_specs=spec, check_vma=False
    )
    local = jax.jit(local)
    shape = (args.batch, args.resolution, args.resolution, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    def cycle() -> np.ndarray:
        out = None
        for _ in range(args.batches):
            out = local(params, mesh_lib.global_batch(mesh, {"x": images})["x"])
        return jax.device_get(out)

    serve(cycle, args.batches)


def keras(args: argparse.Namespace) -> None:
    """Runs Keras' Inception v3 in graph mode as a peer.

    It is untrained: the work is the same, the numbers are not.
    """
    import numpy as np
    import tensorflow as tf

    network = tf.keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg")
    shape = (args.batch, args.resolution, args.resolution, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    # Annotations in quotes: AutoGraph evaluates them where np and tf are not defined.
    @tf.function
    def features(images: "np.ndarray") -> "tf.Tensor":
        x = tf.image.resize(tf.cast(images, tf.float32), (299, 299))
        return network(x / 127.5 - 1.0, training=False)

    def cycle() -> np.ndarray:
        out = None
        for _ in range(args.batches):
            out = features(images)
        return out.numpy()

    serve(cycle, args.batches)


def main() -> None:
    """Runs the command line: lets the programs take turns, prints their speeds."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--reference", help="checkout of pytorch-fid; without it torch is not timed")
    p.add_argument(
        "--reference_python", default=sys.executable, help="interpreter with torch, torchvision"
    )
    p.add_argument("--resolution", type=int, default=64, help="px of the images")
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--batches", type=int, default=1, help="batches a turn")
    p.add_argument("--turns", type=int, default=7)
    p.add_argument("--peer", choices=("ours", "keras"), help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.peer:
        {"ours": ours, "keras": keras}[args.peer](args)
        return
    sizes = {k: getattr(args, k) for k in ("resolution", "batch", "batches")}
    command = [
        sys.executable,
        "-m",
        "benchmarks.speed.inception_speed",
        *(f"--{k}={v}" for k, v in sizes.items()),
    ]
    mine = Peer("ours", [*command, "--peer=ours"])
    peers, theirs, kept = [mine], [], []
    if importlib.util.find_spec("tensorflow") and importlib.util.find_spec("keras"):
        peers.append(
            Peer("keras, graph mode", [*command, "--peer=keras"], {"TF_CPP_MIN_LOG_LEVEL": "2"})
        )
    else:
        print("keras is not installed: not timed")
    with tempfile.TemporaryDirectory() as folder:
        if args.reference:
            theirs, kept = _torch_peers(args, folder)
        for _ in range(args.turns):
            for peer in [*peers, *theirs, *kept]:
                peer.turn()
    summary = sizes | {"turns": args.turns}
    for peer in [*peers, *theirs, *kept]:
        per_second = args.batch / statistics.median(peer.ms) * 1e3
        print(f"{peer.name:34s} {per_second:7.2f} images/s  {peer.ms}")
        summary[peer.name] = round(per_second, 2)
        peer.close()
    for name, group in {
        "ratio": theirs,
        "ratio_kept": [*theirs, *kept],
        "ratio_keras": peers[1:],
    }.items():
        if group:  # how many times as fast as the best of them
            turns = [min(peer.ms[i] for peer in group) / ms for i, ms in enumerate(mine.ms)]
            summary[name] = round(statistics.median(turns), 3)
    print(json.dumps(summary))


def _torch_peers(args: argparse.Namespace, folder: str) -> tuple[list[Peer], list[Peer]]:
    """Starts pytorch-fid in both layouts; returns it as it is, and set to keep freed memory."""
    import numpy as np

    from tests.support import inception_stand_in

    weights = f"{folder}/weights.npz"
    np.savez(weights, **inception_stand_in.make_weights(0))
    script = [args.reference_python, str(_HERE / "inception_reference.py"), args.reference, weights]
    sizes = [str(v) for v in (args.resolution, args.batch, args.batches)]
    layouts = ("nchw", "channels_last")
    theirs = [Peer(f"pytorch-fid {x}", [*script, x, *sizes]) for x in layouts]
    kept = [
        Peer(f"pytorch-fid {x}, kept memory", [*script, x, *sizes], KEEP_FREED) for x in layouts
    ]
    return theirs, kept


if __name__ == "__main__":
    # Not by `emoji_gan.errors.run`: importing it switches off what makes TensorFlow fast.
    main()
