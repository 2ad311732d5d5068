"""The requests, one function per method of the API, in one file per noun.

The rule this package keeps: each of these requests may be sent twice. A query and a heartbeat have
no second effect, a completion or a failure is known by its lease, and the others carry a
`request_id`: the caller's, or a fresh one. Both clients take their methods from here.

Every call may raise `DaemonUnreachable` (no daemon, or no answer in time) and these refusals:
`InvalidParams`, `RequestTooLarge` (a line is at most 1 MiB), `StorageError`, `InternalError` and
`TooManyConnections`. Ids are UUIDs, as strings or `uuid.UUID`. A payload is any value that msgspec
encodes as JSON, or `msgspec.Raw`; one that JSON has no form for (NaN, say) raises `Unsendable` or
`TypeError` with its place before anything is sent. In results payloads are `msgspec.Raw`: what came
in, byte for byte, which `msgspec.json.decode` decodes.
"""
