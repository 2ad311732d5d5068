-- Nodes that are decided, and which of them are open.
CREATE TABLE gates (
    task_id     TEXT    NOT NULL,
    node_id     TEXT    NOT NULL,
    stage       TEXT    NOT NULL,
    since       INTEGER,
    opened_seq  INTEGER,
    timeout_at  INTEGER,
    decided_seq INTEGER,
    PRIMARY KEY (task_id, node_id)
) STRICT, WITHOUT ROWID;

-- In the order in which they are listed, of all tasks and of one.
CREATE INDEX gates_listed ON gates (stage, since, opened_seq);
CREATE INDEX gates_of_task ON gates (task_id, stage, since, opened_seq);
CREATE INDEX gates_timeout ON gates (timeout_at) WHERE stage = 'open' AND timeout_at IS NOT NULL;

ALTER TABLE task_states ADD COLUMN gates_to_open INTEGER NOT NULL DEFAULT 0;
