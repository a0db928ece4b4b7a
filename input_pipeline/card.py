"""Writes the card of the OpenMoji data set: what it has, by which rule it is split, its licence."""

import collections
from collections.abc import Mapping, Sequence
from typing import Any

from input_pipeline import splits as splits_lib

LICENCE = "CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/)"
ATTRIBUTION = (
    "All emojis designed by OpenMoji - the open-source emoji and icon project "
    "(https://openmoji.org). License: CC BY-SA 4.0"
)
_LARGEST = 10  # clusters that are listed

Record = Mapping[str, Any]  # a record's fields by their names


def markdown(
    records: Sequence[Record],
    clusters: splits_lib.Clusters,
    *,
    size_px: int,
    skipped: Sequence[tuple[str, str]],
    blank: Sequence[str],
    content_hash: str,
    num_files: int,
) -> str:
    """Renders the card.

    Args:
      records: all records of the data set.
      clusters: near-duplicates among their emoji.
      size_px: side of the images.
      skipped: (file, why) of each file that is not used.
      blank: 'codepoints domain' of each picture that is left out because nothing is drawn in it.
      content_hash: SHA-256 over all fields and pixels.
      num_files: files that were read, the skipped ones included.

    Returns:
      Markdown. TFDS keeps it beside the records, and their content hash covers it.
    """
    emoji = {r["codepoints"]: r for r in records}
    sizes = collections.Counter(r["cluster"] for r in emoji.values())
    in_list = sum(r["group"] != "Extras" for r in emoji.values())
    shared = ", ".join(f"{n} in {d}" for d, n in clusters.shared.items() if n) or "none"
    parts = [
        f"# OpenMoji at {size_px} px",
        f"{len(emoji):,} emoji in {len(records):,} records: {in_list:,} of the Unicode 17 list and "
        f"{len(emoji) - in_list:,} extras. RGBA, uint8, straight alpha, RGB = 0 where alpha = 0.",
        f"Licence of the art: {LICENCE}. {ATTRIBUTION}. Models and images made from it: "
        "attribute, and share alike.",
        "Names, groups and keywords: Unicode 17 and CLDR 48, Unicode License v3.",
        f"Content, SHA-256 over all fields and pixels: `{content_hash}`",
        "## Splits",
        _split_table(records, emoji),
        splits_lib.RULE,
        f"{len(sizes):,} clusters, {sum(n > 1 for n in sizes.values()):,} of them of more than one "
        "emoji. The largest:",
        _cluster_table(emoji, sizes),
        f"Pictures that link nothing, as too many bases share them: {shared}.",
        "## Domains",
        _count_table(records, "domain"),
        f"Left out because nothing is drawn ({len(blank)}): {', '.join(blank) or 'none'}.",
        "## Groups",
        _count_table(records, "group"),
        f"## Skipped files ({len(skipped)} of {num_files:,})",
        "\n".join(f"- {file}: {why}" for file, why in sorted(skipped)) or "None.",
    ]
    return "\n\n".join(parts) + "\n"


def _split_table(records: Sequence[Record], emoji: Mapping[str, Record]) -> str:
    rows = ["| split | emoji | clusters | records |", "|---|---|---|---|"]
    for split in splits_lib.SPLITS:
        of_split = [r for r in emoji.values() if r["split"] == split]
        num_records = sum(r["split"] == split for r in records)
        num_clusters = len({r["cluster"] for r in of_split})
        rows.append(f"| {split} | {len(of_split):,} | {num_clusters:,} | {num_records:,} |")
    return "\n".join(rows)


def _cluster_table(emoji: Mapping[str, Record], sizes: collections.Counter[int]) -> str:
    rows = ["| emoji | split | first | group |", "|---|---|---|---|"]
    for cluster, size in sizes.most_common(_LARGEST):
        members = (r for r in emoji.values() if r["cluster"] == cluster)
        first = min(members, key=lambda r: r["codepoints"])
        name = f"{first['codepoints']} {first['name']}"
        rows.append(f"| {size} | {first['split']} | {name} | {first['group']} |")
    return "\n".join(rows)


def _count_table(records: Sequence[Record], field: str) -> str:
    counts = collections.Counter(r[field] for r in records)
    rows = sorted(counts.items(), key=lambda item: -item[1])
    return "\n".join(
        [f"| {field} | records |", "|---|---|", *(f"| {value} | {n:,} |" for value, n in rows)]
    )
