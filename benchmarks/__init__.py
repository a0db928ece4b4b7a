"""Measures every performance figure, each by a command."""
