"""agentd: a local-first state machine daemon for AI agents."""

__version__ = "0.1.0"
