"""Rule: a peer's workers stand behind the same barrier as agentd's.

One worker process of a peer: `python -m benchmarks.peers.worker PEER ADDRESS NAME`.
"""

import sys

from benchmarks.barrier import drain_behind
from benchmarks.peers.peer import load


def main() -> None:
    """Connect and drain; see the module's rule."""
    peer, address, name = sys.argv[1:]
    with load(peer).connect(address, name) as drain:
        drain_behind(drain)


if __name__ == "__main__":
    main()
