"""Draws proposals for a campaign, and records which of them a person picks."""
