"""Judges generated emoji: `python -m eval --workdir=runs/...` (docs/eval.md)."""
