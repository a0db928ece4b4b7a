"""Holds the networks, each in a file of its own, and the layers of several; exports nothing."""
