"""Shows a whole campaign: a fixed brief, and customers who are simulated by a known truth."""
