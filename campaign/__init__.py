"""Runs a campaign with emoji: what to test, on whom, and what the answer is."""
