"""Writes what one reads of an evaluation: report files, tables, pages, plots."""
