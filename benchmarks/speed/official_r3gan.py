"""The official R3GAN in PyTorch, from a checkout, on a CPU."""

import sys
import types

from torch.torch_version import TorchVersion


def load(checkout: str):
    """Its networks and its trainer, two modules; their CUDA kernels have plain forms for tensors on a CPU."""
    sys.path.insert(0, checkout)
    # A module of setuptools that newer releases are without; only this of it is used, to compare
    # versions.
    sys.modules.setdefault(
        "pkg_resources", types.ModuleType("pkg_resources")
    ).parse_version = TorchVersion
    from R3GAN import Networks, Trainer

    return Networks, Trainer
