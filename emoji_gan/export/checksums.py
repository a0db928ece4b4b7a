"""Lists files with their sizes and SHA-256, as `sha256sum -c` reads them."""

import hashlib
from collections.abc import Mapping

from emoji_gan.trained import hub_source

FILE = hub_source.SUMS


def with_sums(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Returns files by name, sorted, and the file of their SHA-256."""
    lines = [f"{_sha256(files[name])}  {name}\n" for name in sorted(files)]
    return dict(sorted({**files, FILE: "".join(lines).encode()}.items()))


def table(files: Mapping[str, bytes]) -> str:
    """Returns a line a file: its size in bytes, its SHA-256 and its name."""
    lines = [f"{len(data):>12,}  {_sha256(data)}  {name}" for name, data in files.items()]
    return "\n".join([*lines, f"{sum(map(len, files.values())):>12,}  bytes, {len(files)} files"])


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
