-- Resource locks that are held, and the locks that nodes wish for, each with its place among paths.
-- Both have rowids: so an index that has all that is asked is walked without a look at the rows.
CREATE TABLE locks (
    lease_id      TEXT    PRIMARY KEY,
    resource_key  TEXT    NOT NULL,
    prefix        TEXT    NOT NULL,
    reach         TEXT    NOT NULL,
    mode          TEXT    NOT NULL,
    owner         TEXT    NOT NULL,
    provider      TEXT,
    task_id       TEXT,
    node_id       TEXT,
    bound_node    TEXT,
    node_lease_id TEXT,
    acquired_seq  INTEGER NOT NULL,
    acquired_at   INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    expires_at    INTEGER
) STRICT;

-- With all that tells whether a key may be meant: only what is meant is looked up.
CREATE INDEX locks_prefix ON locks (prefix, reach, resource_key);
CREATE INDEX locks_key ON locks (resource_key, acquired_seq);
CREATE INDEX locks_of_lease ON locks (node_lease_id) WHERE node_lease_id IS NOT NULL;
CREATE INDEX locks_expiry ON locks (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE wishes (
    node_id      TEXT    NOT NULL,
    resource_key TEXT    NOT NULL,
    task_id      TEXT    NOT NULL,
    prefix       TEXT    NOT NULL,
    reach        TEXT    NOT NULL,
    mode         TEXT    NOT NULL,
    waits        INTEGER NOT NULL,
    PRIMARY KEY (node_id, resource_key)
) STRICT;

CREATE INDEX wishes_prefix ON wishes (prefix, reach, resource_key) WHERE waits;
CREATE INDEX wishes_task ON wishes (task_id);

-- Locks that lived as long as they might, as long as nobody has taken the key since.
CREATE TABLE expired_locks (
    resource_key TEXT PRIMARY KEY,
    lease_id     TEXT NOT NULL,
    owner        TEXT NOT NULL,
    task_id      TEXT
) STRICT, WITHOUT ROWID;

ALTER TABLE nodes ADD COLUMN has_locks INTEGER NOT NULL DEFAULT 0;

-- That a lock lasts longer is shown as little as a heartbeat.
DROP INDEX journal_stream;
ALTER TABLE journal DROP COLUMN visibility;
ALTER TABLE journal ADD COLUMN visibility INTEGER NOT NULL AS (
    CASE kind
        WHEN 'LeaseExtended' THEN 0
        WHEN 'NodeDue' THEN 0
        WHEN 'LockExtended' THEN 0
        WHEN 'EventCommitted' THEN 2
        WHEN 'NodeCompleted' THEN 2
        WHEN 'NodeFailed' THEN 2
        ELSE 1
    END
) VIRTUAL;
CREATE INDEX journal_stream ON journal (task_id, visibility, version);
