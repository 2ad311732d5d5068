"""`agentd hook`: what agents' programs run at their hooks, to keep leases and respect locks.

The rule this package keeps: a hook never breaks the agent that runs it. It is silent unless it has
to say no, it ends by itself within a second or two whatever hangs, and its exit code is 0.
"""
