-- What holds a task joins the counts of its nodes, and what was used is added up.
ALTER TABLE counts RENAME TO task_states;
ALTER TABLE task_states ADD COLUMN cancelled_seq INTEGER;
ALTER TABLE task_states ADD COLUMN paused_seq INTEGER;
ALTER TABLE task_states ADD COLUMN budget_seq INTEGER;
ALTER TABLE task_states ADD COLUMN spent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task_states ADD COLUMN has_usage INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task_states ADD COLUMN dedupe_key TEXT;

-- Those that bear a key and may go on: however many of them have ended, few are looked at. The query
-- has the same condition, word for word.
CREATE INDEX task_states_dedupe ON task_states (dedupe_key)
WHERE dedupe_key IS NOT NULL AND cancelled_seq IS NULL
AND (pending + running > 0 OR completed + failed = 0);

CREATE TABLE usage (
    scope  TEXT NOT NULL,       -- a task or a node
    unit   TEXT NOT NULL,
    amount ANY  NOT NULL,       -- an integer or a real, as it was given
    PRIMARY KEY (scope, unit)
) STRICT, WITHOUT ROWID;

ALTER TABLE tasks ADD COLUMN parent_task_id TEXT;
ALTER TABLE tasks ADD COLUMN timeout_at INTEGER;
CREATE INDEX tasks_children ON tasks (parent_task_id, registered_seq)
WHERE parent_task_id IS NOT NULL;
CREATE INDEX tasks_timeout ON tasks (timeout_at) WHERE timeout_at IS NOT NULL;

-- A request may have found what it asked for done already: then its repeat is told so again.
ALTER TABLE requests ADD COLUMN found INTEGER NOT NULL DEFAULT 0;

-- Whether anything of a task is ready, though it waits for its moment.
CREATE INDEX nodes_waiting ON nodes (task_id) WHERE not_before IS NOT NULL;
