"""Where the boxes of a graph stand, worked out in a process of its own.

The rule this package keeps: it knows numbers only, and imports nothing besides the library and what
reads and writes lines: the process is there before anybody has waited for it.
"""
