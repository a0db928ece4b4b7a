"""Makes closed loops of the emoji of a campaign."""
