"""The verbs of limits: how many nodes that name one may run, and how often one may begin.

The rule this package keeps: a module per verb, each with `run`, and nothing is imported before it
is needed. What the verbs take is in `options`.
"""
