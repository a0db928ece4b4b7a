"""Encodes frames with alpha as animations.

What each format does with transparency and time differs; the reasons stand beside the options.
"""

import fractions
import io
import struct
from collections.abc import Mapping

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import scipy.ndimage
from PIL import features

from emoji_gan import images
from explore.messages import Refused

FORMATS = ("gif", "apng", "webp", "avif", "webm")
MEDIA_TYPES = {
    "gif": "image/gif",
    "apng": "image/apng",
    "webp": "image/webp",
    "avif": "image/avif",
    "webm": "video/webm",
}


def encode(form: str, frames: np.ndarray, frame_ms: int, texts: Mapping[str, str]) -> bytes:
    """Encodes a loop that plays for ever.

    Args:
      form: of `FORMATS`.
      frames: uint8 [n h w 4], straight alpha, RGB = 0 where alpha = 0.
      frame_ms: of a frame, a multiple of 10; browsers play less than 20 as 100.
      texts: provenance, where the format has room for it.

    Raises:
      Refused: what encodes this format is not installed.
    """
    if form == "webm":
        return _webm(frames, frame_ms, texts)
    if form == "avif" and not features.check("avif"):
        raise Refused("no_avif")
    stored = _thresholded(frames) if form == "gif" else frames
    pictures = [PIL.Image.fromarray(np.ascontiguousarray(frame)) for frame in stored]
    file = io.BytesIO()
    pictures[0].save(
        file,
        save_all=True,
        append_images=pictures[1:],
        duration=frame_ms,
        loop=0,
        **_options(form, texts),
    )
    return _without_times(file.getvalue()) if form == "avif" else file.getvalue()


def _options(form: str, texts: Mapping[str, str]) -> dict[str, object]:
    """Returns what Pillow is asked for."""
    if form == "gif":
        comment = "; ".join(f"{key}: {value}" for key, value in texts.items())
        # 2 clears each frame: transparent pixels would else show the frame before.
        return {"format": "GIF", "disposal": 2, "comment": comment.encode()[:2000]}
    if form == "apng":
        info = PIL.PngImagePlugin.PngInfo()
        for key, value in texts.items():
            info.add_text(key, value)
        return {"format": "PNG", "pnginfo": info}
    if form == "webp":  # of flat art smaller than lossy, which also merges similar frames
        return {"format": "WEBP", "lossless": True, "quality": 100, "xmp": images.xmp(texts)}
    return {"format": "AVIF", "quality": 90, "subsampling": "4:4:4", "speed": 6}


def _thresholded(frames: np.ndarray) -> np.ndarray:
    """Makes each pixel opaque or transparent: any alpha above 0 would become opaque."""
    opaque = frames[..., 3:] >= 128
    return np.where(opaque, frames | np.array([0, 0, 0, 255], np.uint8), 0).astype(np.uint8)


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


def _webm(frames: np.ndarray, frame_ms: int, texts: Mapping[str, str]) -> bytes:
    try:
        import av
    except ImportError as e:
        raise Refused("no_webm") from e
    side = frames.shape[1] + frames.shape[1] % 2  # halved for the colours
    file = io.BytesIO()
    # Else the file has random identifiers, and is another one each time.
    with av.open(file, "w", format="webm", options={"fflags": "+bitexact"}) as container:
        container.metadata["comment"] = "; ".join(f"{k}: {v}" for k, v in texts.items())[:2000]
        stream = container.add_stream("libvpx-vp9", rate=fractions.Fraction(1000, frame_ms))
        stream.width = stream.height = side
        stream.pix_fmt = "yuva420p"
        stream.codec_context.thread_count = 1
        stream.options = {"crf": "10", "b": "0", "auto-alt-ref": "0"}
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
    empty = frame[..., 3] == 0
    if empty.all():
        return frame
    _, (rows, columns) = scipy.ndimage.distance_transform_edt(empty, return_indices=True)
    return np.concatenate([frame[rows, columns, :3], frame[..., 3:]], -1)
