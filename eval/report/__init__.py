"""What one reads of an evaluation: report files, tables, pages, plots."""
