-- One index for every view of a task's stream: all of it, what clients list (not the heartbeats),
-- and what contexts show (what agents committed and how nodes ended). A second index cost each
-- record 5 µs.
DROP INDEX journal_told;
DROP INDEX journal_stream;
ALTER TABLE journal ADD COLUMN visibility INTEGER NOT NULL AS (
    CASE kind
        WHEN 'LeaseExtended' THEN 0
        WHEN 'EventCommitted' THEN 2
        WHEN 'NodeCompleted' THEN 2
        WHEN 'NodeFailed' THEN 2
        ELSE 1
    END
) VIRTUAL;
ALTER TABLE journal DROP COLUMN shown;
CREATE INDEX journal_stream ON journal (task_id, visibility, version);
