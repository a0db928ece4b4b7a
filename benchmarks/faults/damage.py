"""Damages a checkpoint as disks and people do, to test that its seal notices."""

import os
import pathlib
import random

from emoji_gan.runtime import seal


def files_of(step: pathlib.Path) -> list[pathlib.Path]:
    """Lists the files of a step that are not empty, the seal included, sorted."""
    return sorted(p for p in step.rglob("*") if p.is_file() and p.stat().st_size)


def flip_bit(step: pathlib.Path, rng: random.Random) -> tuple[pathlib.Path, int]:
    """Flips one bit of a step, each as likely; returns its file and its position in bits."""
    files = files_of(step)
    (file,) = rng.choices(files, weights=[p.stat().st_size for p in files])
    position = rng.randrange(8 * file.stat().st_size)
    flip(file, position)
    return file, position


def flip(file: pathlib.Path, position: int) -> None:
    """Flips the bit at a position; a second call restores the file."""
    with open(file, "r+b") as f:
        f.seek(position // 8)
        (byte,) = f.read(1)
        f.seek(position // 8)
        f.write(bytes([byte ^ 1 << position % 8]))


def truncate(step: pathlib.Path, rng: random.Random) -> None:
    """Cuts a file short, each as likely."""
    file = rng.choice(files_of(step))
    os.truncate(file, rng.randrange(file.stat().st_size))


def delete(step: pathlib.Path, rng: random.Random) -> None:
    """Deletes a file other than the seal."""
    rng.choice([p for p in files_of(step) if p.name != seal.NAME]).unlink()


def unseal(step: pathlib.Path, rng: random.Random) -> None:
    """Deletes the seal."""
    del rng
    (step / seal.NAME).unlink()


KINDS = {
    "flipped bit": flip_bit,
    "file cut short": truncate,
    "file deleted": delete,
    "seal deleted": unseal,
}
