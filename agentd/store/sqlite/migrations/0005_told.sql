-- What a node's context shows of its task's journal: what agents committed and how nodes ended. The
-- query has the same condition, word for word; else SQLite does not use the index.
CREATE INDEX journal_told ON journal (task_id, version)
WHERE kind IN ('EventCommitted', 'NodeCompleted', 'NodeFailed');
