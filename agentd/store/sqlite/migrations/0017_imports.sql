-- Which task was made of which source, by the digest of its name: a repeat of an import finds it.
CREATE TABLE imports (
    source  TEXT PRIMARY KEY,
    task_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
