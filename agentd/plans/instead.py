"""What there is instead of what other tools have and agentd has not.

The rule this file keeps: what several forms have no counterpart for is told in the same words.
"""

CLOCK = "agentd starts nothing at a time of day"
LIMIT = "set a limit with `agentd limit set`, and name it in `limits`"
LOCKS = "use `locks` of a node, or a limit (`agentd limit set`)"
NO_TIMEOUT = "an imported task has no time-out of its own: `agentd task cancel` ends it"
WATCH = "watch for the event with `agentd watch`"
WORKER = "which worker takes it is not asked: name labels in `requires`"

UNKNOWN_IN_CONTEXT = "it is not known here: kept in the context"
UNKNOWN_IN_PAYLOAD = "it is not known here: kept in the payload"
