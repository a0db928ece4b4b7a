"""Draws SVGs as PNGs within limits: the child process of rasterise.py.

    python _svg_child.py FD SIZE_PX MEMORY_MB TIMEOUT_S

It is a file of its own so that the process imports little. It sends b"ready" first. Each message
to it is a JSON list of SVGs; it answers each SVG with b"\\0" + PNG, or with b"\\1" + what is wrong.
"""

import contextlib
import json
import multiprocessing.connection
import os
import re
import resource
import sys
import time
from xml.etree import ElementTree

import resvg_py

_MAX_SIDE = 16384  # user units of width and height; resvg aborts far above it
_MAX_VIEW_BOX = 1e6  # user units of width and height
_LENGTH = re.compile(
    r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*(px|pt|pc|mm|cm|in|em|ex|%)?\s*", re.I
)
_RASTER = re.compile(r"\s*data:image/(png|jpe?g|gif|webp)[;,]", re.I)
_HREF = re.compile(r"href", re.I)


def checked(svg: str) -> str:
    """Returns `svg` without references to other files.

    Raises:
      ValueError: it declares entities, is no SVG, or has a size that no picture has.
      xml.etree.ElementTree.ParseError: it is not XML.
    """
    if "<!ENTITY" in svg:
        raise ValueError("declares XML entities")
    root = ElementTree.fromstring(svg)
    if root.tag.rpartition("}")[2] != "svg":
        raise ValueError(f"is <{root.tag.rpartition('}')[2][:40]}>, not <svg>")
    for side in ("width", "height"):
        length = root.get(side)
        match = _LENGTH.fullmatch(length or "100%")
        if not match:
            raise ValueError(f"{side}={length[:40]!r} is no length")
        if match[2] != "%" and not 0 < float(match[1]) <= _MAX_SIDE:
            raise ValueError(f"{side}={length[:40]!r} is out of (0, {_MAX_SIDE}]")
    if (view_box := root.get("viewBox")) is not None:
        try:
            _, _, *sides = (float(v) for v in view_box.replace(",", " ").split())
            good = len(sides) == 2 and all(0 < s <= _MAX_VIEW_BOX for s in sides)
        except ValueError:
            good = False
        if not good:
            raise ValueError(
                f"viewBox={view_box[:60]!r} is not four numbers "
                f"with sides in (0, {_MAX_VIEW_BOX:g}]"
            )
    if not _HREF.search(svg):
        return svg
    # An SVG may refer only to what is inside it: its own elements and embedded raster images.
    stripped = False
    for element in root.iter():
        for name in [n for n in element.attrib if n.rpartition("}")[2].lower() == "href"]:
            value = element.attrib[name]
            if not value.lstrip().startswith("#") and not _RASTER.match(value):
                del element.attrib[name]
                stripped = True
    return ElementTree.tostring(root, encoding="unicode") if stripped else svg


def _limit_cpu(seconds: float) -> None:
    # The parent kills a child that is late. This limit ends the child where the parent is gone.
    used = time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 2, resource.RLIM_INFINITY))


def main() -> None:
    """Serves the parent until it hangs up."""
    fd, size_px, memory_mb = (int(a) for a in sys.argv[1:4])
    timeout_s = float(sys.argv[4])
    connection = multiprocessing.connection.Connection(fd)
    with contextlib.suppress(ValueError, OSError):  # macOS does not know this limit
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.chdir("/")
    connection.send_bytes(b"ready")
    while True:
        try:
            svgs = json.loads(connection.recv_bytes())
        except EOFError:
            return
        for svg in svgs:
            _limit_cpu(timeout_s)
            try:
                png = resvg_py.svg_to_bytes(
                    svg_string=checked(svg), width=size_px, height=size_px, skip_system_fonts=True
                )
                answer = b"\0" + bytes(png)
            except BaseException as e:  # a Rust panic is no Exception
                answer = b"\1" + (" ".join(str(e).split())[:200] or type(e).__name__).encode()
            connection.send_bytes(answer)


if __name__ == "__main__":
    main()
