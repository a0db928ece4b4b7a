"""Maps names that stand in older checkpoints and model files to those of today."""

from typing import Any

# Of fields of a training state, at its top level; a dot leads into a field.
RENAMED = {
    "step": "counters.step",
    "bad_in_a_row": "counters.bad_in_a_row",
    "bad_total": "counters.bad_total",
    "rollbacks": "counters.rollbacks",
    "moments": "batch_stats",
}


def renamed(fields: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields of a stored state under today's names; the arrays are not copied."""
    today: dict[str, Any] = {}
    for name, value in fields.items():
        *sections, last = RENAMED.get(name, name).split(".")
        holder = today
        for section in sections:
            holder = holder.setdefault(section, {})
        holder[last] = value
    return today
