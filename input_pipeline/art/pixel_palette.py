"""Fits a palette of few colours, alpha among them, to the emoji of a set.

    python -m input_pipeline.art.pixel_palette --source=openmoji --out=FILE

FILE gets a colour a line, `rrggbbaa`, straight alpha, the most frequent first. SOURCE is as in
`config.data.sources`.
"""

import argparse
import pathlib
import sys
from collections.abc import Sequence

import ml_collections

from input_pipeline import DataError, dataset
from input_pipeline.art import flat_colours


def _data_config(source: str, resolution: int, domains: Sequence[str]) -> ml_collections.ConfigDict:
    return ml_collections.ConfigDict(
        {
            "dir": "",
            "sources": (source,),
            "split": "auto",
            "resolution": resolution,
            "common_box": False,
            "max_bad_share": 0.01,
            "conditions": (),
            "domains": tuple(domains),
            **dict.fromkeys(("groups", "subgroups", "codepoints", "styles"), ()),
            "tones": "none",
        }
    )


def main() -> int:
    """Runs the command line."""
    p = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    p.add_argument("--source", default="openmoji", help="'openmoji' or STYLE=PATH")
    p.add_argument("--resolution", type=int, default=32, help="px")
    p.add_argument("--domains", default="full,line", help="of full, line, fill")
    p.add_argument("--colours", type=int, default=64)
    p.add_argument("--out", type=pathlib.Path, required=True, help="file")
    a = p.parse_args()
    if not 2 <= a.colours <= 1024:
        raise DataError(f"--colours={a.colours}: expected 2 to 1024")
    images = dataset.load(_data_config(a.source, a.resolution, a.domains.split(","))).images
    palette = flat_colours.fit(images, a.colours)
    a.out.parent.mkdir(parents=True, exist_ok=True)
    a.out.write_text("".join(f"{c}\n" for c in palette))
    error = flat_colours.error(images, palette)
    print(f"{len(palette)} colours in {a.out}, {error:.2f} of 255 from the images")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DataError as e:
        print(f"error: {e}", file=sys.stderr)
        sys.exit(2)
