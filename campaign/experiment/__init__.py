"""Plans, assigns and judges the experiment inside a campaign."""
