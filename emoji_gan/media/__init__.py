"""Encodes pictures and loops with alpha as files that other programs show."""
