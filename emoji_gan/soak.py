"""Opens `benchmarks.faults.random_faults`: training under random faults, held against one without."""

from absl import app

from benchmarks.faults import random_faults

if __name__ == "__main__":
    app.run(random_faults.main)
