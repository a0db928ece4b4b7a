"""Turns pictures into vector drawings of few shapes, and these into SVGs and fonts."""
