"""Lists every option of an experiment once: its default, its unit, its meaning.

Experiments are deltas on this. `None` means auto: `emoji_gan.methods.resolve` fills it from the
resolution and the batch, and refuses values that cannot work.
"""

from ml_collections import ConfigDict, config_dict


def get_config() -> ConfigDict:
    """Returns the defaults, with the auto options still unresolved."""
    c = ConfigDict()
    c.method = "stylegan2"  # a module of emoji_gan.methods
    c.seed = 0  # of initial weights, batches and all that a step draws
    c.total_kimg = 25000.0  # kimg; thousands of real images that D sees until training ends
    # Global, images; auto: 4096 / resolution, between 32 and 64.
    c.batch_size = config_dict.placeholder(int)
    c.dtype = "float32"  # of activations: float32 or bfloat16
    c.init_from = ""  # a workdir or model file whose networks the run starts from
    c.data = data()
    c.condition = condition()
    c.model = model()
    c.loss = loss()
    c.optim = optim()
    c.ema = ema()
    c.augment = augment()
    c.log = log()
    c.eval = evaluation()
    c.checkpoint = checkpoint()
    return c


def data() -> ConfigDict:
    """Returns which emoji a run is trained on, and what they look like."""
    c = ConfigDict()
    c.dir = ""  # where TFDS keeps its data; empty: TFDS_DATA_DIR, else ~/tensorflow_datasets
    c.sources = ("openmoji",)  # 'openmoji' or STYLE=PATH of a folder, zip or icon JSON
    # auto: a tenth is held out, near-duplicates together; all: everything is trained on.
    c.split = "auto"
    c.resolution = 64  # px, a power of two
    c.common_box = False  # crop every emoji and scale it to the size that all styles share
    c.max_bad_share = 0.01  # fraction of unreadable files above which a build is refused
    # What the model is conditioned on: any of group, subgroup, codepoint, style, tone, text.
    c.conditions = ()
    # Filters; an empty tuple keeps everything.
    c.domains = ("full",)  # full, line (its line art), fill (the colour under it)
    c.groups = ()  # Unicode's, e.g. ('Smileys & Emotion',)
    c.subgroups = ()  # Unicode's, e.g. ('food-fruit',)
    c.codepoints = ()  # e.g. ('1F600', '1F468-200D-1F4BB')
    c.styles = ()  # as `sources` names them
    c.tones = "none"  # none: without skin-tone variants; all: with them; only: nothing else
    return c


def condition() -> ConfigDict:
    """Returns how often the condition of a training image is dropped."""
    c = ConfigDict()
    # Fraction of images whose condition is dropped whole, so that samples can be guided.
    c.drop_all = 0.1
    # Probability that each part is dropped by itself, so that any subset may be given.
    c.drop_each = 0.1
    # kimg; all conditions are dropped before the first, none for this reason from the second on.
    c.blend_kimg = (0.0, 0.0)
    return c


def model() -> ConfigDict:
    """Returns the sizes of StyleGAN2's networks; other methods replace this section."""
    c = ConfigDict()
    c.z_dim = 512  # of a latent
    c.w_dim = 512  # of a latent behind the mapping network
    c.mapping_layers = 2  # fully connected ones, from z to w
    # Feature maps at a resolution: min(channel_base / resolution, channel_max).
    c.channel_base = config_dict.placeholder(int)  # auto: 16384
    c.channel_max = 512
    c.noise = True  # per-pixel noise inputs of G
    c.d_architecture = "resnet"  # orig, skip or resnet
    c.mbstd_group = 4  # samples that have one minibatch-stddev statistic in common; 0: off
    c.composite = True  # D also sees the image over a random background
    return c


def loss() -> ConfigDict:
    """Returns StyleGAN2's regularisers; other methods replace this section."""
    c = ConfigDict()
    # The penalty: r1_gamma / 2 * r1_every * |slope|^2; 0: none; auto: 0.0002 resolution^2 / batch.
    c.r1_gamma = config_dict.placeholder(float)
    c.r1_every = 16  # steps between R1 penalties
    # How the penalty is differentiated: exact: by a double backward pass; finite: by differences of
    # first-order passes, the same value and nearly the same derivative (docs/methods.md).
    c.penalty = "exact"
    c.pl_weight = 2.0  # of the path-length penalty; 0: none
    c.pl_every = 4  # steps between path-length penalties
    c.pl_decay = 0.01  # by which the running mean of path lengths moves to a new one
    c.pl_batch_shrink = 2  # the path-length batch is the batch divided by this
    c.style_mixing = 0.9  # probability
    return c


def optim() -> ConfigDict:
    """Returns the options of Adam for both networks, and when to give up."""
    c = ConfigDict()
    c.g_lr = 0.0025  # learning rate of G
    c.d_lr = 0.0025  # learning rate of D
    c.beta1 = 0.0
    c.beta2 = 0.99
    c.eps = 1e-8
    c.freeze_d = 0  # maps of D, from the image on, that stay as they are: for few images
    c.max_bad_steps = 10  # non-finite steps in a row before rolling back; once more: stop
    c.update(schedule())
    return c


def schedule(warmup_kimg: float = 0.0) -> ConfigDict:
    """Returns how all learning rates move during a run (emoji_gan/runtime/learning_rate.py).

    Every method's `optim` has these fields.
    """
    c = ConfigDict()
    c.warmup_kimg = warmup_kimg  # kimg until they are reached
    c.decay = "constant"  # or cosine, linear, sqrt, which end with the run
    # kimg of the decay, the last of the run; auto: cosine all of it, linear and sqrt a fifth.
    c.decay_kimg = config_dict.placeholder(float)
    c.decay_floor = 0.0  # fraction of the learning rates that is left at the end
    return c


def ema() -> ConfigDict:
    """Returns the options of the averages of parameters, which samples are drawn from."""
    c = ConfigDict()
    c.half_life_kimg = config_dict.placeholder(float)  # kimg; auto: batch * 10 / 32
    c.rampup = 0.05  # the half-life is at most this fraction of the kimg so far; 0: no ramp
    c.w_decay = 0.995  # of the running mean of w, per step
    return c


def augment() -> ConfigDict:
    """Returns the options of adaptive discriminator augmentation."""
    c = ConfigDict()
    c.target = 0.6  # of E[sign D(real)]; 0: p stays at p_init
    c.kimg = 500.0  # kimg for p to move by 1
    c.every = 4  # steps between adjustments of p
    c.p_init = 0.0  # p at the start
    c.p_max = 0.8  # upstream has no bound and leaks
    # Weights: each transform is applied with p times its weight. Off (0) are those that change
    # what an emoji means.
    c.flip = 0.0
    c.rotate90 = 0.0
    c.translate_int = 1.0
    c.scale = 1.0
    c.rotate = 1.0
    c.anisotropic = 1.0
    c.translate_frac = 1.0
    c.brightness = 1.0
    c.contrast = 1.0
    c.luma_flip = 0.0
    c.hue = 0.0
    c.saturation = 1.0
    return c


def log() -> ConfigDict:
    """Returns how often curves and pictures are written."""
    c = ConfigDict()
    c.scalars_kimg = 1.0  # kimg between the points of a curve
    c.images_kimg = 50.0  # kimg between grids of samples
    c.grid = 8  # rows and columns of such a grid
    c.jsonl = True  # also write the curves to metrics.jsonl
    return c


def evaluation() -> ConfigDict:
    """Returns the options of the small evaluation during training, by the emoji encoder.

    Training waits for it: about 8 s on two cores at 1,000 images of 32 px. `python -m eval` is the
    thorough one.
    """
    c = ConfigDict()
    c.every_kimg = 0.0  # kimg between evaluations; 0: never
    c.samples = 1000  # images
    # Evaluations without a lower figure, after which training ends; 0: never. The figure is
    # fd_emoji, or where nothing is judged the held-out loss at every `checkpoint.every_kimg`.
    c.patience = 0
    return c


def checkpoint() -> ConfigDict:
    """Returns how often the state is saved: whichever of the two intervals is over first."""
    c = ConfigDict()
    c.every_kimg = 100.0  # kimg
    c.every_minutes = 10.0  # minutes
    c.keep = 3  # newest checkpoints that stay
    return c


def on_a_laptop(c: ConfigDict) -> None:
    """Sets what the `:cpu` variants have in common, in place: 32 px, an hour or a few."""
    c.total_kimg = 1000.0
    c.data.resolution = 32
    # One family of pictures: what a laptop can learn within an hour. () trains on everything.
    c.data.groups = ("Smileys & Emotion",)
    c.log.images_kimg = 5.0
    c.checkpoint.every_minutes = 5.0
