-- What a node demands, the ready nodes by stretches of those that are alike, and the limits.
ALTER TABLE nodes ADD COLUMN demand TEXT NOT NULL DEFAULT '';

CREATE TABLE demands (
    demand   TEXT PRIMARY KEY,
    requires TEXT NOT NULL,
    limits   TEXT NOT NULL
) STRICT;

CREATE TABLE limits (
    name         TEXT    PRIMARY KEY,
    running      INTEGER NOT NULL,
    is_known     INTEGER NOT NULL,
    max_running  INTEGER,
    rate_count   INTEGER,
    rate_ms      INTEGER,
    starts       INTEGER NOT NULL,
    closed_until INTEGER,
    closed_seq   INTEGER
) STRICT;

-- Those that open at a moment: who looks for the next one looks at no others.
CREATE INDEX limits_closed ON limits (closed_until) WHERE closed_until IS NOT NULL;
CREATE INDEX limits_rates ON limits (rate_ms) WHERE rate_ms IS NOT NULL;

CREATE TABLE starts (
    name TEXT    NOT NULL,
    slot INTEGER NOT NULL,
    at   INTEGER NOT NULL,
    PRIMARY KEY (name, slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE queue (
    task_id   TEXT    NOT NULL,
    demand    TEXT    NOT NULL,
    rank      INTEGER NOT NULL,
    batch     INTEGER NOT NULL,
    ready     INTEGER NOT NULL,
    runnable  INTEGER NOT NULL,
    held      INTEGER NOT NULL,
    hands_out INTEGER NOT NULL,
    PRIMARY KEY (task_id, demand, rank, batch)
) STRICT, WITHOUT ROWID;

INSERT INTO queue
SELECT
    task_id,
    '',
    rank,
    added_seq - position,
    count(*),
    sum(not_before IS NULL),
    max(paused_seq IS NOT NULL OR spent <> 0),
    sum(not_before IS NULL) > 0 AND max(paused_seq IS NOT NULL OR spent <> 0) = 0
FROM nodes JOIN task_states USING (task_id)
WHERE status = 'PENDING' AND waiting_on = 0 AND cancelled_seq IS NULL
GROUP BY task_id, rank, added_seq - position;

-- The first stretch of a demand that hands out, and the tasks that have one, in their order. No index
-- has a number of nodes, so that a node more or less touches none.
CREATE INDEX queue_of_all ON queue (demand, rank, batch) WHERE hands_out;
CREATE INDEX queue_tasks ON queue (batch) WHERE hands_out;

-- Who waits for a limit.
CREATE INDEX queue_demands ON queue (demand) WHERE demand <> '';

-- The nodes of a stretch in their order. What led to them from all tasks, stretches do now.
DROP INDEX nodes_runnable;
DROP INDEX nodes_queue_of_all;
DROP INDEX nodes_queue;
DROP INDEX nodes_waiting;
CREATE INDEX nodes_queue ON nodes (task_id, demand, rank, added_seq)
WHERE status = 'PENDING' AND waiting_on = 0 AND not_before IS NULL;
