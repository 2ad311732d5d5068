"""`agentd events`: what happened and what happens, in all tasks.

The rule this package keeps: the journal is read in pages, forwards; nothing that fits is left out
and nothing is shown twice. What the verb takes is in `options`.
"""
