"""Lists the shapes of the 2015 Inception network's convolutions, by their names in the state dict.

A shape is `co ci kh kw`: output channels, input channels, height and width of the kernel.
"""

Shapes = dict[str, tuple[int, int, int, int]]


def convolutions() -> Shapes:
    """Returns the shape of every convolution, in the order of the state dict."""
    stem = {
        "Conv2d_1a_3x3": (32, 3, 3, 3),
        "Conv2d_2a_3x3": (32, 32, 3, 3),
        "Conv2d_2b_3x3": (64, 32, 3, 3),
        "Conv2d_3b_1x1": (80, 64, 1, 1),
        "Conv2d_4a_3x3": (192, 80, 3, 3),
    }
    blocks = {
        "Mixed_5b": _block_a(192, 32),
        "Mixed_5c": _block_a(256, 64),
        "Mixed_5d": _block_a(288, 64),
        "Mixed_6a": _block_b(288),
        "Mixed_6b": _block_c(768, 128),
        "Mixed_6c": _block_c(768, 160),
        "Mixed_6d": _block_c(768, 160),
        "Mixed_6e": _block_c(768, 192),
        "Mixed_7a": _block_d(768),
        "Mixed_7b": _block_e(1280),
        "Mixed_7c": _block_e(2048),
    }
    return stem | {f"{block}.{k}": v for block, shapes in blocks.items() for k, v in shapes.items()}


def _block_a(ci: int, pool: int) -> Shapes:
    return {
        "branch1x1": (64, ci, 1, 1),
        "branch5x5_1": (48, ci, 1, 1),
        "branch5x5_2": (64, 48, 5, 5),
        "branch3x3dbl_1": (64, ci, 1, 1),
        "branch3x3dbl_2": (96, 64, 3, 3),
        "branch3x3dbl_3": (96, 96, 3, 3),
        "branch_pool": (pool, ci, 1, 1),
    }


def _block_b(ci: int) -> Shapes:
    return {
        "branch3x3": (384, ci, 3, 3),
        "branch3x3dbl_1": (64, ci, 1, 1),
        "branch3x3dbl_2": (96, 64, 3, 3),
        "branch3x3dbl_3": (96, 96, 3, 3),
    }


def _block_c(ci: int, c: int) -> Shapes:
    return {
        "branch1x1": (192, ci, 1, 1),
        "branch7x7_1": (c, ci, 1, 1),
        "branch7x7_2": (c, c, 1, 7),
        "branch7x7_3": (192, c, 7, 1),
        "branch7x7dbl_1": (c, ci, 1, 1),
        "branch7x7dbl_2": (c, c, 7, 1),
        "branch7x7dbl_3": (c, c, 1, 7),
        "branch7x7dbl_4": (c, c, 7, 1),
        "branch7x7dbl_5": (192, c, 1, 7),
        "branch_pool": (192, ci, 1, 1),
    }


def _block_d(ci: int) -> Shapes:
    return {
        "branch3x3_1": (192, ci, 1, 1),
        "branch3x3_2": (320, 192, 3, 3),
        "branch7x7x3_1": (192, ci, 1, 1),
        "branch7x7x3_2": (192, 192, 1, 7),
        "branch7x7x3_3": (192, 192, 7, 1),
        "branch7x7x3_4": (192, 192, 3, 3),
    }


def _block_e(ci: int) -> Shapes:
    return {
        "branch1x1": (320, ci, 1, 1),
        "branch3x3_1": (384, ci, 1, 1),
        "branch3x3_2a": (384, 384, 1, 3),
        "branch3x3_2b": (384, 384, 3, 1),
        "branch3x3dbl_1": (448, ci, 1, 1),
        "branch3x3dbl_2": (384, 448, 3, 3),
        "branch3x3dbl_3a": (384, 384, 1, 3),
        "branch3x3dbl_3b": (384, 384, 3, 1),
        "branch_pool": (192, ci, 1, 1),
    }
