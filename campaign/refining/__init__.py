"""Fine-tunes a flow on what was picked, and says whether it helps."""
