-- An answer may show several records: all from first_seq to seq; 0 where it shows the last one only.
-- context_bytes is the bound of the events that its contexts show; contexts of before had none.
ALTER TABLE requests ADD COLUMN first_seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE requests ADD COLUMN context_bytes INTEGER;

-- What agents committed about a node and how its attempts failed, for contexts that show only that.
-- A completion is not in it: a node has at most one, and its row points at it.
CREATE INDEX journal_notes ON journal (node_id, version)
WHERE kind IN ('EventCommitted', 'NodeFailed');

-- The runnable nodes of all tasks in the order in which they are handed out.
CREATE INDEX nodes_queue_of_all ON nodes (rank, added_seq)
WHERE status = 'PENDING' AND waiting_on = 0 AND not_before IS NULL;
