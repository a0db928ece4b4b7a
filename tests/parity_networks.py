"""Opens `tests.parity.networks_parity`: how far the networks are from the official ones."""

import sys

from tests.parity import networks_parity

if __name__ == "__main__":
    sys.exit(networks_parity.main(sys.argv))
