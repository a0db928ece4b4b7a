"""Packs the emoji of a campaign for where they are used: a target a file."""
