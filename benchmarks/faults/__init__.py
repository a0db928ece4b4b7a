"""How robust: random faults, flipped bits, restarts."""
