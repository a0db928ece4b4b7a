"""Damages a checkpoint as disks and people do; for the programs that show that it is found out."""

import os
import pathlib
import random

from emoji_gan.runtime import seal


def files_of(step: pathlib.Path) -> list[pathlib.Path]:
    """The files of a step with something in them, the seal included, sorted."""
    return sorted(p for p in step.rglob("*") if p.is_file() and p.stat().st_size)


def flip_bit(step: pathlib.Path, rng: random.Random) -> tuple[pathlib.Path, int]:
    """Flips a bit of the whole step, each as likely; returns its file and place, in bits."""
    files = files_of(step)
    (file,) = rng.choices(files, weights=[p.stat().st_size for p in files])
    place = rng.randrange(8 * file.stat().st_size)
    flip(file, place)
    return file, place


def flip(file: pathlib.Path, place: int) -> None:
    """Flips the bit at this place; twice is not at all."""
    with open(file, "r+b") as f:
        f.seek(place // 8)
        (byte,) = f.read(1)
        f.seek(place // 8)
        f.write(bytes([byte ^ 1 << place % 8]))


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
