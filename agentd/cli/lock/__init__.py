"""The verbs of resource locks.

The rule this package keeps: a path is meant from where it is typed.
"""
