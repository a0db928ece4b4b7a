"""Opens `benchmarks.faults.random_faults`: a training under random faults, and one without."""

from absl import app

from benchmarks.faults import random_faults

if __name__ == "__main__":
    app.run(random_faults.main)
