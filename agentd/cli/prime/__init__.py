"""`agentd prime`: what an agent has to know when it begins, or goes on.

The rule this package keeps: it never stands in an agent's way. It is short, it is quick, it asks
the daemon bounded questions only, and where there is nothing to say it says nothing.
"""
