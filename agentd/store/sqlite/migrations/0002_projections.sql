-- Folded from the journal; `agentd replay` rebuilds them. Columns are the fields of the row Structs.
CREATE TABLE tasks (
    task_id        TEXT    PRIMARY KEY,
    registered_seq INTEGER NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE nodes (
    node_id          TEXT    PRIMARY KEY,
    task_id          TEXT    NOT NULL,
    position         INTEGER NOT NULL,
    added_seq        INTEGER NOT NULL,
    status           TEXT    NOT NULL,
    waiting_on       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    acquired_at      INTEGER,
    lease_id         TEXT,
    lease_owner      TEXT,
    lease_expires_at INTEGER,
    last_lease       TEXT,
    result_seq       INTEGER
) STRICT;

CREATE INDEX nodes_order ON nodes (task_id, position);

-- Runnable is an indexed question: the first entry of a task is the node to hand out.
CREATE INDEX nodes_runnable ON nodes (task_id, position) WHERE status = 'PENDING' AND waiting_on = 0;

-- Only leased nodes are in here, so the sweeper's question costs the same on any database.
CREATE INDEX nodes_leased ON nodes (lease_expires_at) WHERE lease_expires_at IS NOT NULL;

CREATE TABLE edges (
    dependency_id TEXT NOT NULL,
    node_id       TEXT NOT NULL,
    PRIMARY KEY (dependency_id, node_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE totals (
    scope     TEXT    PRIMARY KEY,
    events    INTEGER NOT NULL,
    tasks     INTEGER NOT NULL,
    pending   INTEGER NOT NULL,
    running   INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    failed    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
