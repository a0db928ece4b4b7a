"""Feeds random input to the readers of files that others made."""
