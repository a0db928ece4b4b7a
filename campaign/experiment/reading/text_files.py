"""Finds out how a text file of a table is written: encoding, separator, headings."""

import codecs
import csv
import dataclasses
import gzip
import io
import pathlib
import re
import shutil
import unicodedata

from campaign.language import Language
from emoji_gan.errors import UserError

_SEPARATORS = (";", "\t", ",", "|")
COPY = ".utf8"  # ends the name of a copy
_NO_SEPARATOR = "\x1f"
_HEAD_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 22
# First bytes of what is no text, and what it is.
_NOT_TEXT = ((b"PK\x03\x04", "Excel / zip"), (b"\xd0\xcf\x11\xe0", "Excel 97"), (b"%PDF", "PDF"))
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Describes a text file of a table.

    Attributes:
      path: a UTF-8 file to read: the user's own, or a copy where that has another encoding or
        lines that end in several ways.
      encoding: of the user's file.
      separator: between fields.
      headings: as written.
      skipped: lines before the rows: the headings and a `sep=` line.
    """

    path: pathlib.Path
    encoding: str
    separator: str
    headings: list[str]
    skipped: int


def fold(heading: str) -> str:
    """Folds a heading to small letters and underscores, without accents: "N° Client" n_client."""
    text = heading.replace("œ", "oe").replace("æ", "ae").replace("Œ", "oe").replace("Æ", "ae")
    text = unicodedata.normalize("NFKD", text)
    text = "".join(c for c in text if not unicodedata.combining(c)).casefold()
    return re.sub(r"[^0-9a-z]+", "_", text).strip("_")


def layout(
    path: pathlib.Path, wanted: frozenset[str], scratch: pathlib.Path, language: Language
) -> Layout:
    """Determines the layout of a file, and writes a UTF-8 copy where DuckDB cannot read it.

    Args:
      path: text, also gzip-compressed.
      wanted: folded headings of which the file should have some.
      scratch: folder for the copy.
      language: of errors.

    Raises:
      UserError: no text, empty, or none of the headings is there.
    """
    with _opened(path) as stream:
        head = stream.read(_HEAD_BYTES)
    for magic, kind in _NOT_TEXT:
        if head.startswith(magic):
            raise UserError(
                language.pick(
                    f"{path.name} is {kind}: save it as CSV (UTF-8) and give that",
                    f"{path.name} est un fichier {kind} : enregistrez-le en CSV (UTF-8)",
                )
            )
    if b"\0" in head and not head.startswith(_UTF16):
        raise UserError(
            language.pick(
                f"{path.name} is no text: give a CSV or Parquet file",
                f"{path.name} n'est pas du texte : donnez un fichier CSV ou Parquet",
            )
        )
    name, encoding = path.name, _encoding(path, head)
    if encoding != "utf-8" or _ends_lines_in_several_ways(path):
        path = _utf8_copy(path, encoding, scratch)
    with _opened(path) as stream:
        text = stream.read(_HEAD_BYTES).decode("utf-8", "ignore").removeprefix("\ufeff")
    if not text.strip():
        raise UserError(language.pick(f"{name} is empty", f"{name} est vide"))
    separator, headings, skipped = _first_line(text, wanted)
    if not wanted & {fold(h) for h in headings}:
        seen = ", ".join(headings[:8])
        raise UserError(
            language.pick(
                f"{name} has none of the headings looked for; it has: {seen}. The first line must "
                "be the headings; say which is which by --columns=customer=HEADING,...",
                f"{name} n'a aucun des intitulés attendus ; il a : {seen}. La première ligne doit "
                "être celle des intitulés ; précisez par --columns=client=INTITULÉ,...",
            )
        )
    return Layout(path, encoding, separator, headings, skipped)


def peek(path: pathlib.Path, wanted: frozenset[str]) -> list[str]:
    """Returns the headings of a file by its first bytes alone; [] of what is no table.

    Args:
      path: text, also gzip-compressed.
      wanted: folded headings of which the file may have some.
    """
    with _opened(path) as stream:
        head = stream.read(_HEAD_BYTES)
    if head.startswith(_UTF16):
        text = head.decode("utf-16", "ignore")
    elif b"\0" in head:
        return []
    else:
        try:
            text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
        except UnicodeDecodeError:
            text = head.decode("cp1252", "replace")
    return _first_line(text, wanted)[1]


def _first_line(text: str, wanted: frozenset[str]) -> tuple[str, list[str], int]:
    """Returns the separator, the headings, and how many lines stand before the rows."""
    declared = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    if declared:
        text = text[declared.end() :]
    separators = [declared[1]] if declared else _SEPARATORS
    rows = {s: next(csv.reader(io.StringIO(text), delimiter=s), []) for s in separators}
    separator = max(rows, key=lambda s: (len(wanted & {fold(h) for h in rows[s]}), len(rows[s])))
    headings = [h.strip() for h in rows[separator]]
    if len(headings) == 1 and not declared:
        separator = _NO_SEPARATOR  # one column, whose cells may have commas and semicolons
    return separator, headings, 2 if declared else 1


def _opened(path: pathlib.Path) -> io.BufferedIOBase:
    with path.open("rb") as stream:
        is_gzip = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if is_gzip else path.open("rb")


def _encoding(path: pathlib.Path, head: bytes) -> str:
    if head.startswith(_UTF16):
        return "utf-16"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with _opened(path) as stream:
            while block := stream.read(_BLOCK_BYTES):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _ends_lines_in_several_ways(path: pathlib.Path) -> bool:
    """Tells whether a file in UTF-8 has CRLF, LF and CR mixed, also inside of cells."""
    both = feeds = returns = 0
    with _opened(path) as stream:
        while block := stream.read(_BLOCK_BYTES):
            if block.endswith(b"\r"):
                block += stream.read(1)  # may be the other half
            both += block.count(b"\r\n")
            feeds += block.count(b"\n")
            returns += block.count(b"\r")
    kinds = (both, feeds - both, returns - both)
    return sum(count > 0 for count in kinds) > 1


def _utf8_copy(path: pathlib.Path, encoding: str, scratch: pathlib.Path) -> pathlib.Path:
    copy = scratch / f"{path.name.removesuffix('.gz')}{COPY}"
    # All lines of the copy end in LF.
    # cp1252 leaves five bytes undefined: they become U+FFFD and are counted with their rows.
    with (
        _opened(path) as raw,
        io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline=None) as source,
        copy.open("w", encoding="utf-8", newline="") as target,
    ):
        shutil.copyfileobj(source, target, _BLOCK_BYTES)
    return copy
