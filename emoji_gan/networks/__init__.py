"""Networks, one file each: modules only."""
