"""Reads files as marketing tools write them, and counts what is wrong in them."""
