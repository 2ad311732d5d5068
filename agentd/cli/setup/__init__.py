"""The verb that sets agents up: a diff, a question to nobody, and a second look.

The rule this package keeps: a module per verb, each with `run`, and nothing is imported before it
is needed.
"""
