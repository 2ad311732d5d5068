"""Why fields of a workflow of Argo are not taken over, by the names of the fields.

The rule this file keeps: a reason says what to do instead, where there is something.
"""

_HANDLER = "watch for the event with `agentd watch`"
_LIMIT = "set a limit with `agentd limit set`, and name it in `limits`"
_WORKER = "which worker takes it is not asked: name labels in `requires`"
SPEC_NOTES = {
    "onExit": _HANDLER,
    "hooks": _HANDLER,
    "parallelism": _LIMIT,
    "synchronization": "use `locks` of a node, or a limit (`agentd limit set`)",
    "activeDeadlineSeconds": "a task that was imported has no time-out of its own",
    "nodeSelector": _WORKER,
    "suspend": "`--paused` holds it",
    "templateDefaults": "what it says of its templates is in the context alone",
    "retryStrategy": "what it says of its templates is in the context alone",
}
TEMPLATE_NOTES = {
    "synchronization": "use `locks` of a node, or a limit (`agentd limit set`)",
    "parallelism": _LIMIT,
    "nodeSelector": _WORKER,
    "daemon": "nothing goes on beside its node: it ends when that does",
    "memoize": "results are not kept for other tasks",
}
TASK_NOTES = {
    "onExit": _HANDLER,
    "hooks": _HANDLER,
}
NO_NODE = "it is no node of its own: say it of the templates that it calls"
CALLING_NOTES = {
    **TEMPLATE_NOTES,
    "retryStrategy": NO_NODE,
    "activeDeadlineSeconds": NO_NODE,
    "timeout": NO_NODE,
    "outputs": "what a template leaves are the results of its nodes",
}
