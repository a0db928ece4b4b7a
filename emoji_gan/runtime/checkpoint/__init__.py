"""Keeps sealed checkpoints: a step counts only if every byte of it is what was written.

    workdir/checkpoints/<step>/            what orbax wrote: `state` and `meta` (config, data hash)
    workdir/checkpoints/<step>/seal.json   size and SHA-256 of each file above, written after the
                                           commit
    workdir/checkpoints/saving             the step that is being written, while it is
    workdir/checkpoints/damaged-<step>-<n> set aside by `restore`; safe to delete
    workdir/checkpoints/deleted-<step>-<n> being deleted
    workdir/checkpoints/pins/<step>        an empty file: this step is never deleted
    workdir/checkpoints/best               names the step of the best evaluation, which stays too

Orbax survives a kill at any moment, but it restores a flipped byte silently and fails obscurely on
a missing or truncated file. The seal turns all of these into "use the step before".

`checkpointer` saves and restores for the trainer, `stored_state` reads for every other program,
`retention` says which steps there are and which stay.
"""

from emoji_gan.runtime.checkpoint.checkpointer import Checkpointer
from emoji_gan.runtime.checkpoint.retention import pin, sealed_steps, unpin
from emoji_gan.runtime.checkpoint.stored_state import Stored, load_for_inference

__all__ = [
    "Checkpointer",
    "Stored",
    "load_for_inference",
    "pin",
    "sealed_steps",
    "unpin",
]
