"""The document that describes a task, in JSON or YAML, and the request that it becomes.

The rule this package keeps: what is wrong is told with its place, all of it at once, and the user's
own JSON goes on as it was written.
"""
