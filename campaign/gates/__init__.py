"""Checks proposals, a gate a file: what fails does not leave the house."""
