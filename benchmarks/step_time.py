"""Opens `benchmarks.speed.step_times`: a training iteration against PyTorch."""

from benchmarks.speed import step_times

if __name__ == "__main__":
    step_times.main()
