"""Maps names in older checkpoints and model files to today's names."""

from typing import Any

# Fields at the top level of a training state -> their path today; a dot leads into a field.
RENAMED = {
    "step": "counters.step",
    "bad_in_a_row": "counters.bad_in_a_row",
    "bad_total": "counters.bad_total",
    "rollbacks": "counters.rollbacks",
    "moments": "batch_stats",
}

# Thousands of images that a model's networks had seen before its last run, by the content_sha256
# of the model file: for files from before the number was stored. models/README.md lists the runs.
KIMG_BEFORE = {
    "b04cd7b83e28acdf905ca9a87aa2bd8da60f4db3e16c22e4a5bee43a2305ff02": 711.6,  # openmoji_32
    "468102a581df6f8ef7a7a24c0656d7e36822b604d32a66979a6bfe13914d9859": 1182.6,  # openmoji_64
}


def renamed(fields: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields of a stored state under today's names; the arrays are not copied."""
    today: dict[str, Any] = {}
    for name, value in fields.items():
        *sections, last = RENAMED.get(name, name).split(".")
        parent = today
        for section in sections:
            parent = parent.setdefault(section, {})
        parent[last] = value
    return today
