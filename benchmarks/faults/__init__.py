"""Measures robustness: random faults, flipped bits, restarts."""
