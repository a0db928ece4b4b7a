"""Reads emoji art from any set: its layout, its SVG and PNG files, the common box of styles."""
