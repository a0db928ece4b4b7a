"""Reads the weights of the 2015 Inception network, or converts them to safetensors.

    python -m eval.extractors.inception_weights IN OUT.safetensors

IN is one of the published files. This project does not ship the weights: the user has them, or asks
for the download.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import urllib.request

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from emoji_gan.errors import UserError, run
from emoji_gan.runtime import paths, workdir
from emoji_gan.trained import official_weights
from eval.extractors import inception, legacy_pth

VARIABLE = "EMOJI_GAN_INCEPTION"
PTH = "pt_inception-2015-12-05-6726825d.pth"
PB = "classify_image_graph_def.pb"
SAFETENSORS = "inception-2015-12-05.safetensors"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{PTH}"
# Hashes of the files with the weights that define FID. Of the frozen graph only an MD5 has been
# published.
OFFICIAL = {
    PTH: "sha256:6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    PB: "md5:e6bb154e85f5d4331c22abcddb5dcf31",
}
_MAX_BYTES = 1 << 30


def is_official(weights_hash: str) -> bool:
    """Tests whether figures with these weights (the hash from `load`) may be called FID."""
    return weights_hash in OFFICIAL.values()


def cache_directory() -> pathlib.Path:
    """Returns the folder of downloaded weights: ~/.cache/emoji_gan, or that in XDG_CACHE_HOME."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "emoji_gan"


def load(
    path: str | None = None, *, download: bool = False, any_weights: bool = False
) -> tuple[inception.Params, str]:
    """Reads the network's parameters from the user's file.

    Args:
      path: a .pth, .safetensors or .pb file; None: what EMOJI_GAN_INCEPTION names, or else a
        published file in the cache directory or among PyTorch's downloads.
      download: fetch the .pth into the cache directory if there is no file.
      any_weights: take weights of another hash too.

    Returns:
      Parameters for `inception.apply`; and the weights' hash ('sha256:...' or 'md5:...'), the same
      for a converted file as for its source.

    Raises:
      UserError: no file, a damaged one, another hash, weights of another network, a failed
        download.
    """
    file = find(path, download=download)
    tensors, weights_hash = read(file)
    if not is_official(weights_hash) and not any_weights:
        expected = OFFICIAL[PB] if file.suffix == ".pb" else OFFICIAL[PTH]
        raise UserError(
            f"{file} has the hash {weights_hash}, not {expected} of the 2015 Inception weights: "
            f"damaged, or other weights, whose distances would not be FID; get {URL}"
        )
    return inception.prepare(tensors), weights_hash


def find(path: str | None = None, *, download: bool = False) -> pathlib.Path:
    """Finds the file that `load` reads.

    Raises:
      UserError: there is none, or it cannot be downloaded.
    """
    for source, named in (("", path), (f" (from {VARIABLE})", os.environ.get(VARIABLE))):
        if named:
            file = pathlib.Path(named).expanduser()
            if not file.is_file():
                raise UserError(f"no Inception weights at {file}{source}; wanted: {_published()}")
            return file
    torch_home = os.environ.get("TORCH_HOME") or cache_directory().parent / "torch"
    folders = {
        cache_directory(): (SAFETENSORS, PTH, PB),
        pathlib.Path(torch_home, "hub/checkpoints"): (PTH,),
    }
    for folder, names in folders.items():
        for name in names:
            if (folder / name).is_file():
                return folder / name
    if download:
        return _download(cache_directory() / PTH)
    raise UserError(
        f"the weights of the 2015 Inception network are missing: put {_published()} into "
        f"{cache_directory()}, name its path by --weights or {VARIABLE}, or ask for "
        "--download_weights"
    )


def _published() -> str:
    """Describes the published file: its name, hash and address."""
    return f"{PTH} ({OFFICIAL[PTH].replace(':', ' ')}, from {URL})"


def _download(to: pathlib.Path) -> pathlib.Path:
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(URL, timeout=60) as response:
            data = response.read(_MAX_BYTES)
    except OSError as e:  # URLError is one
        raise UserError(f"cannot download {_published()} into {to.parent}: {e}") from e
    if (actual := _hash(data, OFFICIAL[PTH])) != OFFICIAL[PTH]:
        raise UserError(
            f"what {URL} gave has the hash {actual}, not {OFFICIAL[PTH]}; nothing was kept"
        )
    workdir.write_atomic(to, data)
    return to


def _hash(data: bytes, like: str) -> str:
    """Hashes data by the algorithm of a hash 'ALGORITHM:...'."""
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def read(path: str | os.PathLike) -> tuple[dict[str, np.ndarray], str]:
    """Reads the state dict in a file, and the file's hash; nothing in the file is executed.

    Raises:
      UserError: a file that cannot be read or holds another network.
    """
    path = pathlib.Path(path)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UserError(
                f"{path} is larger than {_MAX_BYTES >> 30} GiB: not the 2015 Inception weights"
            )
        data = path.read_bytes()
        weights_hash = _hash(data, OFFICIAL[PTH])
        if path.suffix == ".pb":
            if _hash(data, OFFICIAL[PB]) == OFFICIAL[PB]:
                weights_hash = OFFICIAL[PB]
            tensors = _read_graph(data)
        elif path.suffix in (".pth", ".pt") and legacy_pth.is_legacy(data):
            tensors = legacy_pth.read(data)
        else:
            tensors = official_weights.read(str(path))
        tensors = _only_ours(tensors)
        if path.suffix == ".safetensors":
            with safe_open(path, "numpy") as f:
                notes = f.metadata() or {}
            notes = json.loads(notes.get("emoji_gan", "null")) or notes  # older files had two keys
            if notes.get("content") == content_hash(tensors):
                weights_hash = notes.get("source", weights_hash)
    except UserError as e:
        raise e if str(path) in str(e) else UserError(f"{path}: {e}") from e
    except Exception as e:  # any reader may fail in its own way on a damaged file
        raise UserError(f"cannot read weights from {path}: {type(e).__name__}: {e}") from e
    return tensors, weights_hash


def _only_ours(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the network's float tensors, without the counters that torch keeps beside them."""
    shapes = inception.state_dict_shapes()
    others = [k for k in tensors if k not in shapes and not k.endswith(".num_batches_tracked")]
    if others:
        raise UserError(
            f"it has {others[0]} (and {len(others) - 1} more), which the 2015 network has not"
        )
    inception.check(tensors)
    return {k: np.ascontiguousarray(tensors[k], np.float32) for k in shapes}


def content_hash(tensors: dict[str, np.ndarray]) -> str:
    """Computes the SHA-256 of the names and float32 values of a state dict, sorted by name."""
    h = hashlib.sha256()
    for name in sorted(tensors):
        h.update(name.encode())
        h.update(np.ascontiguousarray(tensors[name], "<f4"))
    return h.hexdigest()


def save_safetensors(
    path: str | os.PathLike, tensors: dict[str, np.ndarray], weights_hash: str
) -> None:
    """Writes a state dict so that `read` finds its source's hash in it, and any damage since."""
    notes = {"source": weights_hash, "content": content_hash(tensors)}
    laid_out = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    # One key: the order in which safetensors writes several is random.
    workdir.write_atomic(path, save(laid_out, {"emoji_gan": json.dumps(notes)}))


# ---- the frozen graph ----------------------------------------------------------------------------


def graph_names() -> dict[str, str]:
    """Maps each tensor of the state dict to the frozen graph's constant."""
    scopes, blocks = {}, {}
    for name in inception.CONVS:
        block, _, branch = name.partition(".")
        if branch:
            blocks.setdefault(block, []).append(branch)
        else:
            scopes[name] = _numbered("conv", len(scopes))
    for i, (block, branches) in enumerate(blocks.items()):
        towers = {}  # branches of several convolutions, in order
        for branch in branches:
            tower, _, position = branch.partition("_")
            if position == "pool":
                inner = "tower_2/conv"
            elif not position:
                inner = "conv"
            else:
                number = towers.setdefault(tower, len(towers))
                at, fork = re.fullmatch(r"(\d)([ab]?)", position).groups()
                last = _numbered("conv", "ab".index(fork) if fork else int(at) - 1)
                inner = f"{_numbered('tower', number)}/{'mixed/' if fork else ''}{last}"
            scopes[f"{block}.{branch}"] = f"{_numbered('mixed', i)}/{inner}"
    kinds = {
        "conv.weight": "conv2d_params",
        "bn.weight": "batchnorm/gamma",
        "bn.bias": "batchnorm/beta",
        "bn.running_mean": "batchnorm/moving_mean",
        "bn.running_var": "batchnorm/moving_variance",
    }
    names = {
        f"{name}.{k}": f"{scope}/{v}" for name, scope in scopes.items() for k, v in kinds.items()
    }
    return names | {"fc.weight": "softmax/weights", "fc.bias": "softmax/biases"}


def _numbered(name: str, i: int) -> str:
    return f"{name}_{i}" if i else name


def _read_graph(data: bytes) -> dict[str, np.ndarray]:
    """Reads the state dict from the bytes of a frozen TensorFlow graph."""
    import tensorflow as tf  # seconds to import, and only this format needs it

    graph = tf.compat.v1.GraphDef.FromString(data)
    constants = {n.name: n.attr["value"].tensor for n in graph.node if n.op == "Const"}
    shapes, tensors = inception.state_dict_shapes(), {}
    for ours, theirs in graph_names().items():
        if theirs not in constants:
            raise UserError(
                f"the graph has no constant {theirs}: it is not the 2015 Inception network"
            )
        order = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[len(shapes[ours])]  # from h w i o, or i o
        shape = tuple(d.size for d in constants[theirs].tensor_shape.dim)
        # The shape is checked before the array is made: a few bytes may declare any size.
        if len(shape) != len(order) or tuple(shape[i] for i in order) != shapes[ours]:
            raise UserError(
                f"{theirs} has shape {shape} in the graph: it is not the 2015 Inception network"
            )
        tensors[ours] = tf.make_ndarray(constants[theirs]).transpose(order)
    return tensors


def main() -> int:
    """Converts a file of weights to safetensors."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("source", type=paths.local, help=f"{PTH} or {PB}")
    p.add_argument("out", type=paths.local, help=f"e.g. {cache_directory() / SAFETENSORS}")
    a = p.parse_args()
    tensors, weights_hash = read(a.source)
    if not is_official(weights_hash):
        print(f"note: {weights_hash} is not a hash of the weights that define FID")
    save_safetensors(a.out, tensors, weights_hash)
    print(f"{a.out}: {len(tensors)} tensors, from {weights_hash}")
    return 0


if __name__ == "__main__":
    run(main)
