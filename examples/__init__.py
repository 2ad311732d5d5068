"""Runnable examples: `make demo` runs `examples.demo`; `release.json` is the graph it drains."""
