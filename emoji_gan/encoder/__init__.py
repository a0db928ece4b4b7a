"""Encodes emoji pictures and phrases as vectors of one space; with its training and weights."""
