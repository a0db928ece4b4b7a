"""Opens `benchmarks.speed.convolutions`: the CPU forms against plain lax."""

from benchmarks.speed import convolutions

if __name__ == "__main__":
    convolutions.main()
