"""Ways of learning, a module each, all with the same functions and named by `config.method`.

  State                 a frozen dataclass of arrays; the loop reads step, bad_in_a_row, bad_total, rollbacks
  NETWORKS, SAMPLED     fields of the state: the parameters, with their names; what `sample` reads
  resolve(config, num_devices)           fills the method's auto fields and checks its own, in place
  init(config, spec, seed)               the state before the first step
  make_train_step(config, spec, mesh)    train_step(state, batch, step) -> state, metrics; its programs,
                                         the jitted functions (state, batch) -> state, metrics that
                                         it calls, and runs_per_step, how often on average, both by
                                         name
  make_sample(config, spec)              sample(fields, seeds, condition, truncation, toward) -> images
  make_summaries(config, spec)           summaries(state, batch) -> {'scalars', 'images'}: scalars are
                                         shown of held-out emoji, images of training ones

`spec` says which conditions there are, and a condition is a dict of arrays
(`emoji_gan.conditions`). `fields` is a dict of SAMPLED. Seeds u32 `b`; truncation f32: 1 is the
full variety; toward f32 in [0, 1]: how far on the way from the seed's latent to a second one of its
own. Images are f32 premultiplied [-1, 1] `b h w 4`; each depends on its own seed, condition,
truncation and toward only.
"""

import importlib
import types


def load(name: str) -> types.ModuleType:
    """The module of a method that `emoji_gan.runtime.config` has let through."""
    return importlib.import_module(f"emoji_gan.methods.{name}")
