"""One picture of a set that is known to be an emoji, and what reading it may raise."""

import dataclasses
import zipfile
import zlib
from collections.abc import Callable

# Name in the set -> reads the first bytes, at most so many.
Files = dict[str, Callable[[int], bytes]]
MAX_JSON_BYTES = 256 << 20
NOT_IN_LIST = "no emoji of the Unicode list has this name"
# What a file or a member of a zip raises: RuntimeError on a password or a method that Python lacks,
# UnicodeDecodeError on a member's own header whose name is not the UTF-8 it claims to be.
READ_ERRORS = (OSError, RuntimeError, EOFError, UnicodeDecodeError, zipfile.BadZipFile, zlib.error)


@dataclasses.dataclass(frozen=True)
class Picture:
    """One drawing that is known to be an emoji, not yet decoded."""

    file: str
    codepoints: str
    domain: str  # full or line
    is_svg: bool
    get: Callable[[int], bytes]  # its first bytes, at most so many
