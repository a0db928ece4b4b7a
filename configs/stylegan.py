"""StyleGAN2-ADA on OpenMoji, 64 px, RGBA.

    python main.py --config=configs/stylegan.py --workdir=runs/stylegan
    python main.py --config=configs/stylegan.py:cpu --workdir=runs/demo     # a laptop, 32 px

The full run wants an accelerator: 25,000 kimg of a 30 M-parameter network. `:cpu` is about 80 images/s on two cores;
shapes in OpenMoji's manner appear after some 100 kimg (docs/results.md).
"""

from configs import default


def get_config(variant: str = ""):
    """Returns the experiment; variants: '' and 'cpu'."""
    c = default.get_config()
    if variant == "cpu":
        c.total_kimg = 2000.0
        c.batch_size = 32
        c.data.resolution = 32
        c.model.channel_base, c.model.channel_max = 2048, 64
        c.model.z_dim = c.model.w_dim = 128
        c.loss.r1_gamma = 0.01
        c.augment.kimg = 100.0  # a short run: p must find its level within it
        c.log.images_kimg = 5.0
        c.checkpoint.every_minutes = 5.0
    elif variant:
        raise ValueError(f"variant {variant!r}: the variants are '' and 'cpu'")
    return c
