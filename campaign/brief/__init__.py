"""Reads and writes what a campaign is about."""
