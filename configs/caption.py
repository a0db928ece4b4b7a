"""Trains a captioner: an emoji becomes a name, keywords or a text in context, English or French.

    python main.py --config=configs/caption.py --workdir=runs/caption
    python -m emoji_gan.describe PICTURES --lang=fr --kind=name --model=runs/caption

The pictures are read once by the second encoder, so that a step is as cheap as its texts. First by
likelihood alone, then, from there, with a critic's opinion as well:

    python main.py --config=configs/caption.py:adversarial --workdir=runs/caption_gan \
      --init_from=runs/caption

`nll/validation` is the negative log-likelihood of held-out emoji's texts in nats a piece, beside
`nll/blind_validation`, that of a writer who sees no picture.
"""

import ml_collections

from configs import default, flow


def get_config(variant: str = "") -> ml_collections.ConfigDict:
    """Returns the experiment; variants: '', 'adversarial' (a second leg with a critic)."""
    c = default.get_config()
    c.method = "caption"
    c.total_kimg = 70.0  # held-out texts cost least from about 60 on
    c.batch_size = 64
    c.data.resolution = 32  # the encoder takes 48 px and sees hardly less of it
    c.data.common_box = True  # pictures of any margins look alike
    c.data.domains = ("full", "line")
    c.data.groups = flow.get_config("shipped").data.groups  # Unicode's: the others have no names
    c.data.captions = ml_collections.ConfigDict(
        {
            "length": 26,  # pieces of a text with its end; longer ones are left out
            "words": 48,  # of each emoji in a language that the texts of others may take
        }
    )
    c.condition.drop_all = 0.5  # fraction of texts that are written by recalled words alone
    c.model = ml_collections.ConfigDict(
        {
            "width": 192,  # of the hidden state
            "embedding": 128,  # of a piece of text
            "critic_width": 128,  # of the critic's hidden state
            # Emoji like the picture's whose words its text may take. Without them each of 1,800
            # emoji is soon known by heart, and of a new one there is nothing to say.
            "recalled": 8,
        }
    )
    c.loss = ml_collections.ConfigDict(
        {
            "adversarial": 0.0,  # weight of the critic, beside the likelihood in nats a piece
            "gamma": 0.1,  # of the critic's penalties on the slope
            "gumbel": 1.0,  # temperature of the soft choice that the critic's gradient is of
            "noise": 0.3,  # added to the vectors of pictures, of their root mean square
            "own": 0.3,  # fraction of texts that may take words of the picture's own emoji
        }
    )
    c.optim = ml_collections.ConfigDict(
        {
            "g_lr": 0.003,  # learning rate of the writer
            "d_lr": 0.0005,  # learning rate of the critic
            "beta1": 0.9,
            "beta2": 0.99,
            "eps": 1e-8,
            "max_bad_steps": 10,  # non-finite steps in a row before rolling back; once more: stop
        }
    )
    c.optim.update(default.schedule(warmup_kimg=2.0))
    c.optim.decay = "cosine"
    c.ema.half_life_kimg = 3.0
    c.log.images_kimg, c.log.grid = 100.0, 8
    c.log.scalars_kimg = 5.0
    if variant == "adversarial":
        c.total_kimg = 20.0
        c.loss.adversarial, c.loss.gamma = 0.1, 0.01
        c.optim.g_lr, c.optim.d_lr = 0.0003, 0.004  # the critic has read nothing yet
        c.ema.half_life_kimg = 2.0
        c.log.scalars_kimg = 1.0
    elif variant:
        raise ValueError(f"variant {variant!r}: the variants are '' and 'adversarial'")
    return c
