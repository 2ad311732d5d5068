"""The verbs of the daemon: run it, look at it, send it one request.

The rule this package keeps: a module per verb, each with `run`, and nothing is imported before it
is needed. What the verbs take is in `options`.
"""
