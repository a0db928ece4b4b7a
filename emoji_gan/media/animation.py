"""Encodes frames with alpha as animations.

What each format does with transparency and time differs; the reasons stand beside the options.
"""

import fractions
import importlib.util
import io
import itertools
import struct
from collections.abc import Mapping

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
from PIL import features

from emoji_gan import images
from emoji_gan.errors import UserError
from emoji_gan.media.indexed import Colours, Indexed

FORMATS = ("gif", "apng", "webp", "avif", "webm")
MEDIA_TYPES = {
    "gif": "image/gif",
    "apng": "image/apng",
    "webp": "image/webp",
    "avif": "image/avif",
    "webm": "video/webm",
}
AVIF_QUALITY = 90
WEBM_CRF = 10
_LEAST_ENTRIES = 17  # of an APNG's palette: FFmpeg shifts cropped frames of less than 8 bits
_WEBP_ALPHA = 0x10  # of the flags in VP8X
# Of lossless WebP. Pillow makes the least effort for loops, which costs a quarter of the bytes and
# more; from method 3 on the time doubles for a few percent. The quality is effort, too: none is
# lost.
_LOOP_EFFORT = {"method": 2, "quality": 75}
_STILL_EFFORT = {"method": 4, "quality": 100}
_COMMENT_BYTES = 2000  # of provenance, where it is a comment


def missing() -> set[str]:
    """Returns the formats whose encoders are not installed."""
    without = set() if features.check("avif") else {"avif"}
    return without | (set() if importlib.util.find_spec("av") else {"webm"})


def encode(
    form: str,
    frames: np.ndarray,
    frame_ms: int,
    texts: Mapping[str, str],
    *,
    quality: int | None = None,
) -> bytes:
    """Encodes a loop that plays for ever.

    Args:
      form: of `FORMATS`.
      frames: uint8 [n h w 4], straight alpha, RGB = 0 where alpha = 0.
      frame_ms: of a frame, a multiple of 10; browsers play less than 20 as 100.
      texts: provenance, where the format has room for it.
      quality: AVIF: 0 to 100, WebM: the rate factor, 0 (best) to 63, WebP: 0 to 100; None: as good
        as the encoder is by itself, which is lossless of WebP. GIF and APNG have none.

    Raises:
      UserError: what encodes this format is not installed.
    """
    if form in missing():
        raise UserError(f"{form}: its encoder is not installed (docs/export.md)")
    if form == "webm":
        return _webm(frames, frame_ms, texts, quality)
    if form == "gif":
        # One palette of our own: Pillow's merges colours up to 31 levels apart, and of frames of
        # which some are opaque throughout, it gives these no transparent colour to clear to.
        return encode_indexed(form, Colours.of(thresholded(frames)).reduced(256), frame_ms, texts)
    pictures = [PIL.Image.fromarray(np.ascontiguousarray(frame)) for frame in frames]
    options = _options(form, texts, quality)
    if form == "webp" and quality is None:
        options |= _LOOP_EFFORT if len(pictures) > 1 else _STILL_EFFORT
    data = _saved(pictures, frame_ms, options)
    if form == "webp" and frames[..., 3].min() < 255:
        return _with_alpha(data)
    return _without_times(data) if form == "avif" else data


def encode_indexed(
    form: str, picture: Indexed, frame_ms: int, texts: Mapping[str, str], *, loops: int = 0
) -> bytes:
    """Encodes a loop, or a still where it has one frame, by one palette that all frames share.

    Args:
      form: gif or apng.
      picture: of GIF, alpha is 0 or 255 throughout.
      frame_ms: of a frame, a multiple of 10.
      texts: provenance.
      loops: how often APNG plays; 0: for ever. GIF always plays for ever.

    Returns:
      The file's bytes: alpha and opaque colours exactly as `picture.rgba()` has them, others of
      equal RGB moved apart by a few levels.
    """
    options = _options(form, texts, None)
    palette = picture.palette
    if form == "apng" and len(palette) < _LEAST_ENTRIES:
        more = np.full((_LEAST_ENTRIES - len(palette), 4), 255, np.uint8)
        palette = np.concatenate([palette, more])
    alpha, palette = palette[:, 3], _distinct(palette)
    if form == "apng":
        options["transparency"] = alpha.tobytes()
    else:
        options["palette"] = palette.tobytes()  # else each frame has a palette of its own
        if len(clear := np.flatnonzero(picture.palette[:, 3] == 0)):
            options |= {"transparency": int(clear[0]), "background": int(clear[0])}
    frames = []
    for indices in picture.indices:
        frame = PIL.Image.fromarray(indices)
        frame.putpalette(palette.tobytes(), "RGB")
        frames.append(frame)
    if len(frames) == 1:
        options.pop("disposal", None)
        options["optimize"] = form == "apng"
    data = _saved(frames, frame_ms, options, loops)
    return _with_one_header(data) if form == "gif" and len(frames) > 1 else data


def _with_one_header(gif: bytes) -> bytes:
    """Removes the headers that the encoder writes again before each blank frame but the first.

    Browsers and most decoders end there.
    """
    palette_end = 13 + 3 * (2 << (gif[10] & 7))
    head = gif[: gif.index(b"!\xf9", palette_end)]  # to the first frame; no UTF-8 has an F9
    return head + gif[len(head) :].replace(head, b"")


def _distinct(palette: np.ndarray) -> np.ndarray:
    """Returns RGB of a palette, none of them twice: uint8 [k 3].

    The encoder compares frames by RGB alone: of a background of transparent black, black outlines
    would be cropped away. Opaque colours stay; others move by a few levels where they must, the
    more the less they show.
    """
    rgb, used = palette[:, :3].copy(), set()
    steps = sorted(itertools.product(range(-6, 7), repeat=3), key=lambda s: sum(map(abs, s)))
    for i in np.argsort(-palette[:, 3].astype(int), kind="stable"):
        near = (tuple(int(c) + d for c, d in zip(rgb[i], step, strict=True)) for step in steps)
        rgb[i] = next(c for c in near if c not in used and min(c) >= 0 and max(c) <= 255)
        used.add(tuple(rgb[i].tolist()))
    return rgb


def _saved(
    pictures: list[PIL.Image.Image], frame_ms: int, options: dict[str, object], loops: int = 0
) -> bytes:
    file = io.BytesIO()
    moving = {"save_all": True, "append_images": pictures[1:], "duration": frame_ms, "loop": loops}
    pictures[0].save(file, **(moving if len(pictures) > 1 else {}), **options)
    return file.getvalue()


def _options(form: str, texts: Mapping[str, str], quality: int | None) -> dict[str, object]:
    """Returns what Pillow is asked for."""
    if form == "gif":
        comment = "; ".join(f"{key}: {value}" for key, value in texts.items())
        # 2 clears each frame: transparent pixels would else show the frame before.
        return {"format": "GIF", "disposal": 2, "comment": comment.encode()[:_COMMENT_BYTES]}
    if form == "apng":
        info = PIL.PngImagePlugin.PngInfo()
        for key, value in texts.items():
            info.add_text(key, value)
        # No disposal: cleared frames are compared as such, and blank ones left out.
        return {"format": "PNG", "pnginfo": info}
    if form == "webp":  # of flat art smaller than lossy, which also merges similar frames
        kind = {"lossless": True}
        if quality is not None:
            kind = {"quality": quality, "alpha_quality": 100, "method": 4, "kmin": 0}
        return {"format": "WEBP", "xmp": images.xmp(texts), **kind}
    avif_quality = AVIF_QUALITY if quality is None else quality
    return {"format": "AVIF", "quality": avif_quality, "subsampling": "4:4:4", "speed": 6}


def thresholded(frames: np.ndarray) -> np.ndarray:
    """Makes each pixel opaque or transparent: any alpha above 0 would become opaque in GIF.

    Args:
      frames: uint8 [... 4], straight alpha.

    Returns:
      The same, alpha 0 or 255, RGB = 0 where alpha = 0.
    """
    opaque = frames[..., 3:] >= 128
    return np.where(opaque, frames | np.array([0, 0, 0, 255], np.uint8), 0).astype(np.uint8)


def _with_alpha(webp: bytes) -> bytes:
    """Says in the head of an animated WebP that it has alpha.

    The encoder crops frames to what is drawn, and leaves the flag out where each crop is opaque, as
    of a moving square: readers then show the rest in black.
    """
    if webp[12:16] != b"VP8X":  # a still, which keeps its own
        return webp
    return webp[:20] + bytes([webp[20] | _WEBP_ALPHA]) + webp[21:]


def _without_times(avif: bytes) -> bytes:
    """Zeroes the times at which an animated AVIF was made: the same frames are the same bytes."""
    data = bytearray(avif)
    _zero_times(data, 0, len(data))
    return bytes(data)


def _zero_times(data: bytearray, start: int, end: int) -> None:
    """Zeroes the times in the boxes of ISO/IEC 14496-12 between two offsets."""
    while start + 8 <= end:
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        if size < 8:  # 0: until the end; 1: beyond 4 GiB. Neither holds times
            return
        if kind in (b"moov", b"trak", b"mdia"):
            _zero_times(data, start + 8, start + size)
        elif kind in (b"mvhd", b"tkhd", b"mdhd"):
            both = 16 if data[start + 8] == 1 else 8  # by the box's version
            data[start + 12 : start + 12 + both] = bytes(both)
        start += size


def _webm(
    frames: np.ndarray, frame_ms: int, texts: Mapping[str, str], quality: int | None
) -> bytes:
    import av  # an extra

    side = frames.shape[1] + frames.shape[1] % 2  # halved for the colours
    file = io.BytesIO()
    # Else the file has random identifiers, and is another one each time.
    with av.open(file, "w", format="webm", options={"fflags": "+bitexact"}) as container:
        comment = "; ".join(f"{k}: {v}" for k, v in texts.items())
        container.metadata["comment"] = comment[:_COMMENT_BYTES]
        stream = container.add_stream("libvpx-vp9", rate=fractions.Fraction(1000, frame_ms))
        stream.width = stream.height = side
        stream.pix_fmt = "yuva420p"
        stream.codec_context.thread_count = 1
        crf = WEBM_CRF if quality is None else quality
        stream.options = {"crf": str(crf), "b": "0", "auto-alt-ref": "0"}
        for frame in frames:
            pad = side - frame.shape[0]
            bled = np.pad(bleed(frame), [(0, pad), (0, pad), (0, 0)])
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(bled), format="rgba")
            for packet in stream.encode(picture.reformat(format="yuva420p")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return file.getvalue()


def bleed(frame: np.ndarray) -> np.ndarray:
    """Gives transparent pixels of uint8 [h w 4] the colour of the nearest drawn one.

    A codec halves the resolution of colours, so that black under alpha 0 would darken the edges.
    """
    import scipy.ndimage  # 0.1 s of a core, for WebM only

    empty = frame[..., 3] == 0
    if empty.all():
        return frame
    _, (rows, columns) = scipy.ndimage.distance_transform_edt(empty, return_indices=True)
    return np.concatenate([frame[rows, columns, :3], frame[..., 3:]], -1)
