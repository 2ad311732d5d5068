"""`agentd inbox`: what waits for a person.

The rule this package keeps: whatever is in it has a command beside it that takes it out.
"""
