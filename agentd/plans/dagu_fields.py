"""The fields of Dagu: which have no counterpart, and which need no word.

The rule this file keeps: what is in none of these tables is new, and is listed where it stands.
"""

from agentd.plans.instead import LIMIT, NO_TIMEOUT, WORKER

_RUNS_ELSEWHERE = "agentd starts nothing at a time of day, and sends no mail: use what calls it"
_OF_ITS_OWN = "agentd has no such handlers: watch for the event with `agentd watch`"
ROOT_NOTES = {
    "schedule": _RUNS_ELSEWHERE,
    "catchup_window": _RUNS_ELSEWHERE,
    "overlap_policy": _RUNS_ELSEWHERE,
    "restart_wait_sec": _RUNS_ELSEWHERE,
    "mail_on": _RUNS_ELSEWHERE,
    "handler_on": _OF_ITS_OWN,
    "max_active_steps": LIMIT,
    "max_active_runs": LIMIT,
    "queue": LIMIT,
    "worker_selector": WORKER,
    "timeout_sec": NO_TIMEOUT,
    "delay_sec": "it begins at once; `--paused` holds it",
    "retry_policy": "a task is not tried again as a whole: `agentd task retry` does that",
    "loop": "its steps run once: another `--source` imports them for another round",
    "skip_if_successful": "it is imported once, whatever became of it",
}
STEP_NOTES = {
    "repeat_policy": "a node that has completed is not run again",
    "worker_selector": WORKER,
    "mail_on": _RUNS_ELSEWHERE,
    "mail_on_error": _RUNS_ELSEWHERE,
}
IN_CONTEXT = (
    *("defaults", "name", "description", "group", "labels", "tags", "type"),
    *("steps", "preconditions"),
    *("actions", "artifacts", "consts", "container", "dotenv", "env", "error_mail", "functions"),
    *("harness", "harnesses", "hist_retention_days", "hist_retention_runs", "info_mail"),
    *("kubernetes", "llm", "log_dir", "log_output", "max_clean_up_time_sec", "max_output_size"),
    *("otel", "params", "redis", "registry_auths", "run_config", "s3", "secrets", "shell"),
    *("shell_args", "smtp", "ssh", "step_types", "tools", "wait_mail", "webhook", "working_dir"),
)
"""Fields that the context has, and that need no word: they are for those who run the commands."""

IN_PAYLOAD = (
    *("action", "agent", "approval", "args", "call", "command", "config", "container"),
    *("continue_on", "depends", "description", "dir", "env", "exec", "executor", "foreach", "id"),
    *("inputs", "llm", "log_output", "messages", "name", "output", "output_schema", "outputs"),
    *("parallel", "params", "pass_env", "preconditions", "retry_policy", "routes", "run", "script"),
    *("shell", "shell_args", "shell_packages", "signal_on_stop", "stderr", "stdout"),
    *("timeout_sec", "type", "value", "with", "working_dir"),
)
"""Fields of steps that are read here, or are for the one who runs the step."""
