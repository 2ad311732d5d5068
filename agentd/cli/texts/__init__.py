"""The verbs that print a text: the skill, and the completion of command lines.

The rule this package keeps: a module per verb, each with `run`, and nothing is imported before it
is needed. What the verbs take is in `options`.
"""
