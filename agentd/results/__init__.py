"""Files that attempts leave: what they wrote, and results that no line has room for.

The rule this package keeps: a file's name says whose it is, by ids alone. They are for their owner
only (files 0600 in folders of 0700), and nothing here asks the daemon anything.
"""
