"""Plans the experiment inside a campaign, assigns customers and judges."""
