"""The multi-agent loop as a script: `python examples/deepseek_loop.py`, as `agentd loop`.

The rule this file keeps: it is the verb and nothing else. How it is built is in agentd/loop/.
"""

import sys

from agentd.cli import main

if __name__ == "__main__":
    sys.exit(main(["loop", *sys.argv[1:]]))
