"""Measures the campaign tool."""
