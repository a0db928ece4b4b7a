"""Says what was measured: sentences, plots and pages, in English or French."""
