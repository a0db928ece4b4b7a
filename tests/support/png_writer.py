"""Writes PNGs of every colour type, depth and order of rows, as Pillow cannot."""

import struct
import zlib

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6  # colour types of the format
_ADAM7 = (  # first row and column, and their steps, of each pass
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    samples: np.ndarray,
    colour_type: int,
    depth: int,
    *,
    chunks: bytes = b"",
    interlaced: bool = False,
) -> bytes:
    """Encodes samples [h w c] of `depth` bits; `chunks` stand before the pixels."""
    h, w, _ = samples.shape
    passes = [samples]
    if interlaced:
        passes = [samples[y::dy, x::dx] for y, x, dy, dx in _ADAM7]
    rows = b"".join(b"\0" + _packed(row, depth) for each in passes if each.size for row in each)
    header = struct.pack(">IIBBBBB", w, h, depth, colour_type, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunks
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def key(*values: int) -> bytes:
    """Names one grey or colour as transparent."""
    return chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))


def _packed(row: np.ndarray, depth: int) -> bytes:
    if depth == 16:
        return row.astype(">u2").tobytes()
    bits = np.unpackbits(row.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - depth :]
    return np.packbits(bits.reshape(-1)).tobytes()
