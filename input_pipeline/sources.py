"""Opens `input_pipeline.art.sources`: what is read of a set of emoji, and what is not."""

import signal
import sys

from input_pipeline import DataError
from input_pipeline.art import sources

if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
    try:
        sources.main()
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
