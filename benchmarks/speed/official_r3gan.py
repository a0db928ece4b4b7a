"""Loads the official R3GAN in PyTorch from a checkout, for a CPU."""

import sys
import types

from torch.torch_version import TorchVersion


def load(checkout: str) -> tuple[types.ModuleType, types.ModuleType]:
    """Imports the checkout's modules of networks and of training.

    Their CUDA kernels have plain forms for tensors on a CPU.
    """
    sys.path.insert(0, checkout)
    # A module that newer releases of setuptools lack. The checkout uses one function of it, to
    # compare versions.
    sys.modules.setdefault(
        "pkg_resources", types.ModuleType("pkg_resources")
    ).parse_version = TorchVersion
    from R3GAN import Networks, Trainer

    return Networks, Trainer
