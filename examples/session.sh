#!/bin/sh
# A session with agentd from a shell with jq and one of nc, socat and ncat: the start of a client.
#
#     sh session.sh         register a task of two nodes, and work on it
#     sh session.sh TASK    work on a task that is there, until nothing of it is runnable
#
# The rule this file keeps: whatever it sends may be sent twice without harm, so a request whose
# answer got lost is sent again. Exit codes: 0 ok, 1 refused or failed, 3 daemon not reachable.
set -eu

owner=session.sh/$$
home=${AGENTD_HOME:-$HOME/.agentd}
socket=${AGENTD_SOCKET_PATH:-$home/agentd.sock} # unless the daemon's env file says otherwise
timeout=30                                      # seconds

complain() { printf 'session.sh: %s\n' "$1" >&2; }

# An id for a node, or for a request that would be recorded twice if it came twice.
new_id() { cat /proc/sys/kernel/random/uuid 2>/dev/null || uuidgen; }

# One connection for each request: the line from standard input, its answer to standard output.
# The daemon closes its side once we have closed ours and it has answered.
if nc -h 2>&1 | grep -q -e '-[A-Za-z]*N'; then # OpenBSD's, where -N closes our side
    connection() { nc -N -w "$timeout" -U "$socket"; }
elif command -v socat >/dev/null; then
    connection() { socat -t "$timeout" - "UNIX-CONNECT:$socket"; }
elif command -v ncat >/dev/null; then
    connection() { ncat -U "$socket"; } # its -i would wait even when the daemon has closed
else # macOS', which closes our side by itself
    connection() { nc -w "$timeout" -U "$socket"; }
fi

# Send a line and keep its answer; fails where that is no whole JSON object.
exchange() {
    answer=$(printf '%s\n' "$1" | connection | jq -c objects) && [ -n "$answer" ]
}

# ask METHOD: standard input is the params, standard output the result.
# Fails with 1 where it is refused, with 2 where the lease is lost, with 3 without an answer.
ask() {
    line=$(jq -c --arg method "$1" '{method: $method, params: .}') && [ -n "$line" ] || return 1
    if ! { exchange "$line" 2>/dev/null || exchange "$line"; }; then
        complain "no agentd at $socket: start it with \`agentd serve\`, or set AGENTD_SOCKET_PATH"
        return 3
    fi
    # Not echo: it may take the \n in a JSON string for the end of a line.
    case $(printf '%s\n' "$answer" | jq -r 'if .error then .error.data.kind else "" end') in
    '') printf '%s\n' "$answer" | jq -c .result ;;
    stale_lease) return 2 ;;
    *)
        complain "$(printf '%s\n' "$answer" | jq -r .error.message)"
        return 1
        ;;
    esac
}

# Register a task of two nodes, the second of which waits for the first.
register() {
    jq -n --arg hello "$(new_id)" --arg goodbye "$(new_id)" --arg request "$(new_id)" '{
        goal: "greet",
        initial_nodes: [
            {id: $hello, payload_schema: {say: "hello"}},
            {id: $goodbye, payload_schema: {say: "goodbye"}, dependencies: [$hello]}
        ],
        request_id: $request
    }' | ask RegisterTask
}

# A worker's life: acquire, work under heartbeats, complete or fail, until `null`.
work_through() { # TASK SECONDS_BETWEEN_HEARTBEATS
    while :; do
        # A request_id stands for one request for ever: so each poll takes a new one.
        node=$(jq -n --arg task "$1" --arg owner "$owner" --arg request "$(new_id)" \
            '{task_id: $task, lease_owner: $owner, request_id: $request}' |
            ask AcquireNextNode) || return
        [ "$node" != null ] || return 0
        lease=$(printf '%s\n' "$node" | jq -c '{task_id, node_id, lease_id}')
        heartbeats "$lease" "$2" &
        beating=$!
        finish "$lease" "$node" && ended=0 || ended=$?
        kill "$beating" 2>/dev/null || :
        case $ended in
        0) ;;
        2) echo "lost the lease, so another worker does the node: $lease" ;;
        *) return "$ended" ;;
        esac
    done
}

# Extend the lease every so often, until killed or until this script is gone.
heartbeats() { # LEASE SECONDS
    nap=
    trap 'kill "$nap"; exit' TERM
    while sleep "$2" & nap=$! && wait "$nap" && kill -0 $$; do
        # No answer, or a refusal: then the worker's next request is told so too.
        printf '%s\n' "$1" | ask HeartbeatNode || exit
    done
} >/dev/null 2>&1

# Do the work of one node and say how it ended.
finish() { # LEASE NODE
    printf '%s\n' "$1" | jq --arg owner "$owner" --arg request "$(new_id)" \
        '. + {action_type: "STARTED", payload: {worker: $owner}, request_id: $request}' |
        ask CommitEvent >/dev/null || return
    if result=$(printf '%s\n' "$2" | jq -c .context | work 2>"$errors"); then
        printf '%s\n' "$1" "$result" | jq -s '.[0] + {result_payload: .[1]}' |
            ask CompleteNode >/dev/null || return
        echo "completed: $1"
    else
        printf '%s\n' "$1" | jq --arg message "$(tail -c 4096 "$errors")" \
            '. + {error_payload: {message: $message}}' |
            ask FailNode >/dev/null || return
        echo "failed: $1"
    fi
}

# The work itself: put your own here. Standard input is the context, standard output the result as
# JSON; where it fails, standard error says why. It may be done twice, if a lease runs out over it.
work() {
    context=$(cat)
    sleep "$(printf '%s\n' "$context" | jq '.node.payload_schema.seconds? // 0')"
    printf '%s\n' "$context" | jq -c '
        (.node.payload_schema.say? // error("the payload has nothing to say")) as $say
        | {said: $say, after: [.completed_dependencies[].result_payload]}'
}

errors=$(mktemp)
beating=
trap 'rm -f "$errors"; kill "$beating" 2>/dev/null || :' EXIT
trap 'exit 130' INT TERM

health=$(echo '{}' | ask Health) || exit
if [ $# -gt 0 ]; then
    task=$1
else
    registered=$(register) || exit
    task=$(printf '%s\n' "$registered" | jq -r .task_id)
fi
work_through "$task" "$(printf '%s\n' "$health" | jq '[.running_timeout_secs / 3, 0.1] | max')" ||
    exit
status=$(jq -n --arg task "$task" '{task_id: $task}' | ask TaskStatus) || exit
printf '%s\n' "$status" | jq -r '"task \(.task.id): \(.counts)"'
printf '%s\n' "$status" | jq -e '.counts | has("FAILED") | not' >/dev/null
