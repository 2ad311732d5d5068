"""`agentd events`: what happens, in all tasks.

The rule this package keeps: one module per verb; what the verbs take is in `options`.
"""
