"""Enlarges the stills of a pack by the restorer, which keeps their edges sharp."""

import dataclasses

from campaign.pack.artwork import Artwork


def restored(artworks: list[Artwork], wanted_px: int) -> list[Artwork]:
    """Brings stills that are smaller than a size to 512 px, all at once; loops stay.

    Args:
      artworks: stay where they are large enough.
      wanted_px: by who uses them.
    """
    small = [i for i, a in enumerate(artworks) if not a.moves and a.px < wanted_px]
    if not small:
        return artworks
    from emoji_gan.trained import restorer, vectoriser  # brings jax, which most runs do without

    pictures = [artworks[i].frames()[0] for i in small]
    large = vectoriser.enlarged(pictures, restorer.Restorer())
    result = list(artworks)
    for i, picture in zip(small, large, strict=True):
        result[i] = dataclasses.replace(artworks[i], large=picture, px=len(picture))
    return result
