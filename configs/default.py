"""Every field of an experiment, once, with its unit. Experiments are deltas on this.

`None` means auto: `emoji_gan.methods.resolve` fills it from the resolution and the batch.
"""

import ml_collections
from ml_collections import config_dict


def get_config() -> ml_collections.ConfigDict:
    """Returns the defaults, with the auto fields still unresolved."""
    c = ml_collections.ConfigDict()
    c.method = "stylegan2"  # a module of emoji_gan.methods
    c.seed = 0
    c.total_kimg = 25000.0  # kimg: thousands of real images shown to D
    c.batch_size = config_dict.placeholder(
        int
    )  # global, images; auto: 4096 / resolution in [32, 64]
    c.dtype = "float32"  # of activations: float32 or bfloat16
    c.init_from = ""  # a workdir or model file whose networks the run starts from

    c.data = ml_collections.ConfigDict()
    c.data.dir = ""  # where TFDS keeps its data; empty: TFDS_DATA_DIR, else ~/tensorflow_datasets
    c.data.sources = ("openmoji",)  # 'openmoji' or STYLE=PATH of a folder, zip or icon JSON
    # auto: near-duplicates together, a tenth is held out; all: everything is trained on.
    c.data.split = "auto"
    c.data.resolution = 64  # px, a power of two
    c.data.common_box = False  # crop every emoji and scale it into the same box
    c.data.max_bad_share = 0.01  # of unreadable files before a build is refused
    # What emoji may be asked for by: any of group, subgroup, codepoint, style, tone, text.
    c.data.conditions = ()
    # Filters; an empty tuple keeps everything.
    c.data.domains = ("full",)  # full, line, fill
    c.data.groups = ()
    c.data.subgroups = ()
    c.data.codepoints = ()  # e.g. ('1F600', '1F468-200D-1F4BB')
    c.data.styles = ()
    c.data.tones = "none"  # none: without skin-tone variants; all; only

    c.condition = ml_collections.ConfigDict()
    c.condition.drop_all = 0.1  # share of images that come without any condition
    c.condition.drop_each = (
        0.1  # share that comes without one or the other, so that any subset may be given
    )
    c.condition.blend_kimg = (0.0, 0.0)  # none is told before the first, all from the second on

    c.model = ml_collections.ConfigDict()
    c.model.z_dim = 512
    c.model.w_dim = 512
    c.model.mapping_layers = 2
    # Feature maps at a resolution: min(channel_base / resolution, channel_max).
    c.model.channel_base = config_dict.placeholder(int)  # auto: 16384
    c.model.channel_max = 512
    c.model.noise = True  # per-pixel noise inputs of G
    c.model.d_architecture = "resnet"  # orig, skip or resnet
    c.model.mbstd_group = 4  # consecutive samples that share one minibatch-stddev statistic; 0: off
    c.model.composite = True  # D also sees the image over a random background

    c.loss = ml_collections.ConfigDict()
    c.loss.r1_gamma = config_dict.placeholder(float)  # auto: 0.0002 res^2 / batch
    c.loss.r1_every = 16  # steps
    c.loss.pl_weight = 2.0  # 0: no path-length regularisation
    c.loss.pl_every = 4  # steps
    c.loss.pl_decay = 0.01
    c.loss.pl_batch_shrink = 2  # the path-length batch is the batch divided by this
    c.loss.style_mixing = 0.9  # probability

    c.optim = ml_collections.ConfigDict()
    c.optim.g_lr = 0.0025
    c.optim.d_lr = 0.0025
    c.optim.beta1 = 0.0
    c.optim.beta2 = 0.99
    c.optim.eps = 1e-8
    c.optim.freeze_d = 0  # maps of D, from the image on, that stay as they are: for few images
    c.optim.max_bad_steps = 10  # non-finite steps in a row before rolling back; once more: stop

    c.ema = ml_collections.ConfigDict()
    c.ema.half_life_kimg = config_dict.placeholder(float)  # auto: batch * 10 / 32
    c.ema.rampup = 0.05  # half-life is at most this share of the kimg so far; 0: no ramp
    c.ema.w_decay = 0.995  # of the running mean of w

    c.augment = ml_collections.ConfigDict()
    c.augment.target = 0.6  # of E[sign D(real)]; 0: p stays at p_init
    c.augment.kimg = 500.0  # kimg for p to move by 1
    c.augment.every = 4  # steps between adjustments
    c.augment.p_init = 0.0
    c.augment.p_max = 0.8  # upstream has no bound and leaks
    # Each transform is applied with p times its weight; 0: off, as are those that change an emoji's
    # meaning.
    c.augment.flip = 0.0
    c.augment.rotate90 = 0.0
    c.augment.translate_int = 1.0
    c.augment.scale = 1.0
    c.augment.rotate = 1.0
    c.augment.anisotropic = 1.0
    c.augment.translate_frac = 1.0
    c.augment.brightness = 1.0
    c.augment.contrast = 1.0
    c.augment.luma_flip = 0.0
    c.augment.hue = 0.0
    c.augment.saturation = 1.0

    c.log = ml_collections.ConfigDict()
    c.log.scalars_kimg = 1.0
    c.log.images_kimg = 50.0
    c.log.grid = 8  # rows and columns of a sample grid
    c.log.jsonl = True

    # A small evaluation by the emoji encoder, for which training waits: about 8 s on two cores at
    # 1,000 images of 32 px. `python -m eval` is the thorough one.
    c.eval = ml_collections.ConfigDict()
    c.eval.every_kimg = 0.0  # 0: never
    c.eval.samples = 1000  # images

    c.checkpoint = ml_collections.ConfigDict()
    c.checkpoint.every_kimg = 100.0
    c.checkpoint.every_minutes = 10.0
    c.checkpoint.keep = 3
    return c


def on_a_laptop(c: ml_collections.ConfigDict) -> None:
    """What the `:cpu` variants share, in place: 32 px, one family of pictures, an hour or a few."""
    c.total_kimg = 1000.0
    c.data.resolution = 32
    # One family of pictures: what a laptop can learn within an hour. () trains on everything.
    c.data.groups = ("Smileys & Emotion",)
    c.log.images_kimg = 5.0
    c.checkpoint.every_minutes = 5.0
