"""Writes archives that are the same bytes for the same files: fixed dates, owners and order."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping

_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
_MODE = 0o644


def to_zip(files: Mapping[str, bytes]) -> bytes:
    """Returns a zip of files by path, in the order given."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in files.items():
            info = zipfile.ZipInfo(path, _DATE)
            info.external_attr = _MODE << 16
            info.create_system = 3  # Unix, wherever it is written
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return out.getvalue()


def to_tar_gz(files: Mapping[str, bytes]) -> bytes:
    """Returns a tar.gz of files by path, in the order given."""
    out = io.BytesIO()
    # The gzip header would hold the time and the name.
    with (
        gzip.GzipFile("", "wb", fileobj=out, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.mtime = len(data), _MODE, 0
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()
