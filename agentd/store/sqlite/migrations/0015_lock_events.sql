-- What happened to locks, in whichever stream it is recorded: who held what at a moment in the past.
-- The kinds are a range: a list of them would be a table that SQLite builds for every record.
CREATE INDEX journal_locks ON journal (seq) WHERE kind >= 'Lock' AND kind < 'Locl';
