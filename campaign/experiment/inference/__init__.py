"""Estimates effects and their errors from sums; reads no file and speaks no language."""
