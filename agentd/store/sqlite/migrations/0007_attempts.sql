-- Nodes with a name, an order of their own, and attempts that are numbered and end one by one.
ALTER TABLE nodes ADD COLUMN name TEXT;
ALTER TABLE nodes ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN strikes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN not_before INTEGER;
ALTER TABLE nodes ADD COLUMN deadline_at INTEGER;
ALTER TABLE nodes ADD COLUMN lease_ms INTEGER;
ALTER TABLE nodes ADD COLUMN last_end_seq INTEGER;
ALTER TABLE nodes ADD COLUMN settings_seq INTEGER;

-- What the reducers make of the journal of old.
UPDATE nodes SET
    attempt = history.acquired,
    counted = history.failed,
    strikes = iif(status IN ('PENDING', 'RUNNING'), history.expired, 0),
    rank = iif(status IN ('PENDING', 'RUNNING'), max(history.expired - 2, 0), 0),
    last_end_seq = history.last_end
FROM (
    SELECT
        node_id,
        sum(kind = 'NodeAcquired') AS acquired,
        sum(kind = 'NodeFailed') AS failed,
        sum(kind = 'LeaseExpired') AS expired,
        max(iif(kind = 'NodeAcquired', NULL, seq)) AS last_end
    FROM journal
    WHERE kind IN ('NodeAcquired', 'LeaseExpired', 'NodeCompleted', 'NodeFailed')
    GROUP BY node_id
) AS history
WHERE history.node_id = nodes.node_id;

-- The runnable nodes in the order in which they are handed out; and as they were registered, for the
-- list of tasks that have any.
DROP INDEX nodes_runnable;
CREATE INDEX nodes_runnable ON nodes (added_seq)
WHERE status = 'PENDING' AND waiting_on = 0 AND not_before IS NULL;
CREATE INDEX nodes_queue ON nodes (task_id, rank, added_seq)
WHERE status = 'PENDING' AND waiting_on = 0 AND not_before IS NULL;

-- Few nodes are in each of these: they wait for a moment, have a name, have failed.
CREATE INDEX nodes_due ON nodes (not_before, added_seq) WHERE not_before IS NOT NULL;
CREATE INDEX nodes_name ON nodes (task_id, name) WHERE name IS NOT NULL;
CREATE INDEX nodes_failed ON nodes (task_id, position) WHERE status = 'FAILED';

-- That a moment has come is shown as little as a heartbeat.
DROP INDEX journal_stream;
ALTER TABLE journal DROP COLUMN visibility;
ALTER TABLE journal ADD COLUMN visibility INTEGER NOT NULL AS (
    CASE kind
        WHEN 'LeaseExtended' THEN 0
        WHEN 'NodeDue' THEN 0
        WHEN 'EventCommitted' THEN 2
        WHEN 'NodeCompleted' THEN 2
        WHEN 'NodeFailed' THEN 2
        ELSE 1
    END
) VIRTUAL;
CREATE INDEX journal_stream ON journal (task_id, visibility, version);
