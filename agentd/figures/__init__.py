"""Figures for the tools that people have: what a daemon did and holds, in numbers.

The rule this package keeps: they are asked for as any client asks, and each is a line of the table
in `table`. The package of the extra `metrics` is imported only where its format is written.
"""
