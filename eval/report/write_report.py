"""Writes a report: JSON, a table and a page of one file."""

import json
import os
import pathlib

import numpy as np

from emoji_gan.errors import UserError
from emoji_gan.runtime import workdir as workdir_lib
from eval.metrics.sets import SampleSet
from eval.report import report_page
from eval.report.report_file import NAME, Report, markdown, to_json


def save(
    report: Report,
    out_dir: str | os.PathLike,
    real: SampleSet,
    fake: SampleSet,
    memorised: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
    *,
    html: bool = True,
    train: SampleSet | None = None,
) -> pathlib.Path:
    """Writes report.md, report.html and, last, report.json, which marks a report as whole.

    Args:
      report: the figures.
      out_dir: made if need be; older files of these names are replaced.
      real: the real images of the page, and their features.
      fake: the generated images of the page, and their features.
      memorised: for each fake the row of its nearest training image, the distance and the
        percentile, as `eval.metrics.memorisation.neighbours` returns them; None: the page leaves
        this out.
      html: whether to write the page.
      train: the training images that `memorised` has rows of; None: `real`.

    Returns:
      Path of report.json.

    Raises:
      UserError: the folder cannot be written.
    """
    out_dir = pathlib.Path(out_dir)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"cannot write {out_dir}: {e.strerror}") from e
    workdir_lib.write_atomic(out_dir / "report.md", markdown(report).encode(errors="replace"))
    if html:
        page = report_page.report_page(report, real, fake, memorised=memorised, train=train)
        workdir_lib.write_atomic(out_dir / "report.html", page.encode(errors="replace"))
    elif (out_dir / NAME).exists():  # the page is that of an earlier report
        (out_dir / "report.html").unlink(missing_ok=True)
    text = json.dumps(to_json(report), indent=1, allow_nan=False)
    workdir_lib.write_atomic(out_dir / NAME, text.encode())
    return out_dir / NAME
