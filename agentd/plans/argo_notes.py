"""Why fields of a workflow of Argo are not taken over, by the names of the fields.

The rule this file keeps: a reason says what to do instead, where there is something.
"""

from agentd.plans.instead import LIMIT, LOCKS, NO_TIMEOUT, WATCH, WORKER

SPEC_NOTES = {
    "onExit": WATCH,
    "hooks": WATCH,
    "parallelism": LIMIT,
    "synchronization": LOCKS,
    "activeDeadlineSeconds": NO_TIMEOUT,
    "nodeSelector": WORKER,
    "suspend": "`--paused` holds it",
}
TEMPLATE_NOTES = {
    "synchronization": LOCKS,
    "parallelism": LIMIT,
    "nodeSelector": WORKER,
    "daemon": "nothing goes on beside its node: it ends when that does",
    "memoize": "results are not kept for other tasks",
}
TASK_NOTES = {
    "onExit": WATCH,
    "hooks": WATCH,
}
NO_NODE = "it is no node of its own: say it of the templates that it calls"
CALLING_NOTES = {
    **TEMPLATE_NOTES,
    "retryStrategy": NO_NODE,
    "activeDeadlineSeconds": NO_NODE,
    "timeout": NO_NODE,
    "outputs": "what a template leaves are the results of its nodes",
}
