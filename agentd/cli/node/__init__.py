"""The verbs of nodes: what a worker does, by hand or in a shell script.

The rule this package keeps: a module per verb, each with `run`, and nothing is imported before it
is needed. What the verbs take is in `options`.
"""
