"""The verbs of the database: replay, back up, restore; of one on a server init, check and others.

The rule this package keeps: a module per verb, each with `run`, and nothing is imported before it
is needed. What the verbs take is in `options`.
"""
