-- Lists of tasks: in the order of their registration, and with their nodes counted.
CREATE INDEX tasks_order ON tasks (registered_seq);

-- The runnable nodes of all tasks in the order of their registration. The nodes of a task are recorded
-- together, so its own follow each other, and the first of them is the one to hand out.
DROP INDEX nodes_runnable;
CREATE INDEX nodes_runnable ON nodes (added_seq) WHERE status = 'PENDING' AND waiting_on = 0;

CREATE TABLE counts (
    task_id   TEXT    PRIMARY KEY,
    pending   INTEGER NOT NULL,
    running   INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    failed    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counts
SELECT
    task_id,
    coalesce(sum(status = 'PENDING'), 0),
    coalesce(sum(status = 'RUNNING'), 0),
    coalesce(sum(status = 'COMPLETED'), 0),
    coalesce(sum(status = 'FAILED'), 0)
FROM tasks LEFT JOIN nodes USING (task_id) GROUP BY task_id;

-- A request that found nothing to do is no longer remembered: its repeat is a new try.
DELETE FROM requests WHERE seq = 0;
