"""Opens `benchmarks.speed.stream`: images per second of the input pipeline."""

from benchmarks.speed import stream

if __name__ == "__main__":
    stream.main()
