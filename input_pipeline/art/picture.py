"""Describes one picture of a set that is an emoji, and what reading it may raise."""

import dataclasses
import zipfile
import zlib
from collections.abc import Callable

Reader = Callable[[int], bytes]  # reads the first bytes of a file, at most so many
Files = dict[str, Reader]  # by their names in the set, with / between folders
Skipped = list[tuple[str, str]]  # (file, why it is not read)

MAX_JSON_BYTES = 256 << 20
MAX_PICTURE_BYTES = 8 << 20
NOT_IN_LIST = "no emoji of the Unicode list has this name"
# What a file or a member of a zip raises: RuntimeError on a password or a method that Python lacks,
# UnicodeDecodeError on a member's own header whose name is not the UTF-8 it claims to be.
READ_ERRORS = (OSError, RuntimeError, EOFError, UnicodeDecodeError, zipfile.BadZipFile, zlib.error)


@dataclasses.dataclass(frozen=True)
class Picture:
    """Names the emoji that a file of a set draws; the file is not read yet.

    Attributes:
      file: its name in the set.
      codepoints: of the emoji, a key of the Unicode list.
      domain: full or line.
      is_svg: whether it is an SVG; else a PNG.
      get: reads its first bytes, at most so many.
    """

    file: str
    codepoints: str
    domain: str
    is_svg: bool
    get: Reader
