"""The verbs of workers: a command, or agents that call a language model.

The rule this package keeps: a module per verb, each with `run`, and nothing is imported before it
is needed. What the verbs take is in `options`.
"""
