"""Decodes untrusted SVGs and PNGs to RGBA arrays.

Child processes draw the SVGs, as a hostile one can abort the process that draws it.
"""

import collections
import io
import itertools
import json
import multiprocessing.connection
import pathlib
import re
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from input_pipeline import DataError
from input_pipeline.art import svg_text

_CHUNKS_OF_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_OTHER_FORMATS = (  # start of a file, its format's name
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"GIF8", "GIF"),
    (rb"RIFF....WEBP", "WebP"),
    (rb"II[*+]\0|MM\0[*+]", "TIFF"),
    (rb"BM", "BMP"),
    (rb"....ftypavi[fs]", "AVIF"),
    (rb"....ftyp(hei[cx]|mif1)", "HEIC"),
    (rb"\s*(<\?xml|<svg)", "SVG"),
)
_CHILD = pathlib.Path(__file__).with_name("_svg_child.py")
_BATCH = 32  # SVGs a message
_MAX_SVG_CHARS = 8_000_000
_START_S = 60.0  # for a child to start, on a busy machine


class BadImage(Exception):
    """Says in a few words what is wrong with one image."""


class Rasteriser:
    """Draws SVGs into squares of `size_px`, centred, aspect kept, in guarded child processes.

    Only what is inside an SVG is drawn: references to files and addresses are removed, system fonts
    are not read. Use as a context manager.

    Args:
      size_px: side of the result, 1 to 4096.
      memory_mb: address space of a child (not enforced on macOS).
      timeout_s: for one SVG.
      processes: children that draw at once.
    """

    def __init__(
        self, size_px: int, *, memory_mb: int = 1024, timeout_s: float = 10.0, processes: int = 1
    ) -> None:
        if not 1 <= size_px <= 4096:
            raise ValueError(f"size_px={size_px} is not in 1 to 4096")
        self._size_px = size_px
        self._timeout_s = timeout_s
        arguments = [str(size_px), str(memory_mb), str(timeout_s)]
        self._children = [_Child(arguments) for _ in range(processes)]

    def __enter__(self) -> "Rasteriser":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the children."""
        for child in self._children:
            child.stop()

    def render(self, svg: str) -> np.ndarray:
        """Draws one SVG.

        Returns:
          size_px size_px 4 uint8, straight alpha, RGB = 0 where alpha = 0.

        Raises:
          BadImage: it is malformed, too large, too slow, takes too much memory or crashes the
            renderer.
        """
        (png,) = self.render_pngs([svg])
        if isinstance(png, BadImage):
            raise png
        return read_png(png)

    def render_pngs(self, svgs: Iterable[str]) -> Iterator[bytes | BadImage]:
        """Draws many SVGs, faster than one by one.

        Yields:
          For each SVG a PNG of the array that `render` returns, or what is wrong with it.
        """
        svgs = iter(svgs)
        idle = collections.deque(self._children)
        busy: collections.deque[tuple[_Child, list[str | BadImage]]] = collections.deque()
        try:
            while True:
                while idle and (batch := [_plain(s) for s in itertools.islice(svgs, _BATCH)]):
                    child = idle.popleft()
                    busy.append((child, batch))
                    child.send([s for s in batch if isinstance(s, str)])
                if not busy:
                    return
                child, batch = busy[0]
                yield from self._answers(child, batch)
                idle.append(busy.popleft()[0])
        finally:
            for child, _ in busy:  # the caller stopped early: nobody will read these answers
                child.stop()

    def _answers(self, child: "_Child", batch: list[str | BadImage]) -> Iterator[bytes | BadImage]:
        """Yields a child's answers to a batch; what is a BadImage already was not sent to it."""
        for i, svg in enumerate(batch):
            if isinstance(svg, BadImage):
                yield svg
                continue
            try:
                answer = child.receive(self._timeout_s)
                if answer[:1] != b"\0":
                    raise BadImage(answer[1:].decode(errors="replace"))
                yield _squared(answer[1:], self._size_px)
            except _Gone as e:
                child.stop()
                child.send([s for s in batch[i + 1 :] if isinstance(s, str)])
                yield BadImage(str(e))
            except BadImage as e:
                yield e


def _plain(svg: str) -> str | BadImage:
    """Returns what the child is sent, or why it is not."""
    try:
        if "<!ENTITY" in svg:
            svg = svg_text.without_entities(svg, _MAX_SVG_CHARS)
    except ValueError as e:
        return BadImage(str(e))
    if len(svg) > _MAX_SVG_CHARS:
        return BadImage(f"longer than {_MAX_SVG_CHARS:,} characters")
    return svg


def read_png(data: bytes, max_px: int = 4096) -> np.ndarray:
    """Decodes a PNG, unless its header says that it is larger than `max_px` a side.

    420 kB can decode to 432 MB, so the header is read first.

    Returns:
      h w 4 uint8, straight alpha, RGB = 0 where alpha = 0.

    Raises:
      BadImage: it is not a PNG, too large or damaged.
    """
    if len(data) < 33 or data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR":
        raise BadImage(_not_a_png(data))
    width, height = struct.unpack(">II", data[16:24])
    if not (1 <= width <= max_px and 1 <= height <= max_px):
        raise BadImage(f"{width} x {height} px is out of 1 to {max_px} px a side")
    try:
        with Image.open(io.BytesIO(_without_ancillary(data)), formats=("PNG",)) as image:
            rgba = _rgba(image, depth=data[24])
    except BadImage:
        raise
    except Exception as e:  # Pillow raises many kinds on damaged files
        raise BadImage(f"damaged PNG: {e}") from e
    rgba[rgba[..., 3] == 0] = 0
    return rgba


def frames(png: bytes) -> int:
    """Counts the frames of a PNG: more than one only in an animated one."""
    for kind, chunk in _chunks(png):
        if kind == b"acTL" and len(chunk) == 20:
            return max(1, struct.unpack(">I", chunk[8:12])[0])
        if kind == b"IDAT":  # what says that it is animated stands before the pixels
            break
    return 1


def _not_a_png(data: bytes) -> str:
    for start, name in _OTHER_FORMATS:
        if re.match(start, data, re.DOTALL):
            article = "an" if name in ("AVIF", "SVG") else "a"
            return f"{article} {name}, not a PNG: save it, or one frame of it, as a PNG"
    return "not a PNG"


def _rgba(image: Image.Image, depth: int) -> np.ndarray:
    """Converts a PNG that Pillow opened, of 1 to 16 bits a channel, to uint8 [h w 4].

    A PNG may name one colour as transparent, which Pillow compares with pixels that it has brought
    to 8 bits already.
    """
    key = image.info.get("transparency")
    if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip it, not scale it
        grey = np.asarray(image)
        alpha = np.where(grey == key, 0, 255).astype(np.uint8)  # all 255 without a key
        return np.dstack([(grey >> 8).astype(np.uint8)] * 3 + [alpha])
    if depth == 16 and key is not None:
        raise BadImage("16-bit colours, one of them transparent: save it with 8 bits a channel")
    if image.mode == "L" and isinstance(key, int):
        image.info["transparency"] = key * (255 // (2**depth - 1))
    return np.array(image.convert("RGBA"))


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the kind and the bytes of each whole chunk, and (b"", the rest) at the end."""
    at = 8
    while at + 12 <= len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        end = at + 12 + length
        if end > len(png):
            break
        yield png[at + 4 : at + 8], png[at:end]
        at = end
    yield b"", png[at:]


def _without_ancillary(png: bytes) -> bytes:
    """Drops the chunks that say nothing of the pixels: Pillow refuses large texts and profiles."""
    # Pillow reports a chunk that is cut off.
    return png[:8] + b"".join(c for kind, c in _chunks(png) if kind in (*_CHUNKS_OF_PIXELS, b""))


def _squared(png: bytes, size_px: int) -> bytes:
    """Centres a drawing in a square of `size_px`, which it fills along its longer side."""
    width, height = struct.unpack(">II", png[16:24])
    if width == height == size_px:
        return png
    image = read_png(png, size_px)
    square = np.zeros((size_px, size_px, 4), np.uint8)
    top, left = (size_px - image.shape[0]) // 2, (size_px - image.shape[1]) // 2
    square[top : top + image.shape[0], left : left + image.shape[1]] = image
    out = io.BytesIO()
    Image.fromarray(square).save(out, "PNG")
    return out.getvalue()


class _Gone(Exception):
    """Says why a child does not answer: it is too slow, or it crashed."""


class _Child:
    """One process, started when first needed and again after `stop`."""

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen | None = None
        self._connection: multiprocessing.connection.Connection | None = None

    def send(self, svgs: list[str]) -> None:
        if not svgs:
            return
        message = json.dumps(svgs).encode()
        if self._process is None:
            self._start()
        try:
            self._connection.send_bytes(message)
        except OSError:  # it died while idle
            self.stop()
            self._start()
            self._connection.send_bytes(message)

    def receive(self, timeout_s: float) -> bytes:
        try:
            if not self._connection.poll(timeout_s):
                raise _Gone(f"not drawn within {timeout_s:g} s")
            return self._connection.recv_bytes()
        except (EOFError, OSError):
            raise _Gone(f"crashed the renderer ({self._exit_status()})") from None

    def stop(self) -> None:
        if self._process is not None:
            self._connection.close()
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        # Not multiprocessing's spawn, which would import the caller's main module (and jax) again.
        self._connection, child_end = multiprocessing.Pipe()
        with child_end:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_CHILD), str(child_end.fileno()), *self._arguments],
                pass_fds=(child_end.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # the parent handles Ctrl-C
            )
        try:
            if not self._connection.poll(_START_S):
                raise EOFError
            self._connection.recv_bytes()  # it says that it is ready
        except (EOFError, OSError):
            status = self._exit_status()
            self.stop()
            raise DataError(
                f"the SVG renderer {_CHILD} does not start ({status}); is resvg-py installed?"
            ) from None

    def _exit_status(self) -> str:
        try:
            status = self._process.wait(5)
        except subprocess.TimeoutExpired:
            return "it hangs"
        return f"signal {-status}" if status < 0 else f"exit status {status}"
