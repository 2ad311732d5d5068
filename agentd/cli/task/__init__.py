"""The verbs of tasks: register one, and look at what became of it.

The rule this package keeps: a module per verb, each with `run`, and nothing is imported before it
is needed. What the verbs take is in `options`.
"""
