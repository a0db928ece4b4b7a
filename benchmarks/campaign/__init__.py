"""Figures of the campaign tool, each a command."""
