"""The verbs of the service: put it in place, take it away, look at it, read its log.

The rule this package keeps: a module per verb, each with `run`, and what it does is in
`agentd.service`.
"""
