-- The journal: append-only, one total order, a hash chain per task.
CREATE TABLE journal (
    seq      INTEGER PRIMARY KEY,   -- place in the total order, from 1 without gaps
    event_id TEXT    NOT NULL,
    task_id  TEXT    NOT NULL,
    version  INTEGER NOT NULL,      -- place in the task's own stream, from 1 without gaps
    node_id  TEXT,
    kind     TEXT    NOT NULL,      -- the event's name
    schema   INTEGER NOT NULL,      -- the version of the event's fields
    at       INTEGER NOT NULL,      -- Unix milliseconds
    data     BLOB    NOT NULL,      -- the event's own fields, JSON
    payload  BLOB,                  -- the user's JSON as it came in
    hash     BLOB    NOT NULL,      -- BLAKE2b over this record and the hash before it in the task
    shown    INTEGER NOT NULL AS (kind <> 'LeaseExtended') VIRTUAL
) STRICT;

-- A task's stream, its heartbeats apart: the newest other events are found at once, however many
-- heartbeats there are between them.
CREATE INDEX journal_stream ON journal (task_id, shown, version);

-- INSERT OR REPLACE would delete without asking the trigger on DELETE.
CREATE TRIGGER journal_no_replace BEFORE INSERT ON journal
WHEN EXISTS (SELECT 1 FROM journal WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
