"""Writes trained models for use elsewhere."""
