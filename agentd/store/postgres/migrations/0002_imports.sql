-- Which task was made of which source, by the digest of its name: a repeat of an import finds it.
CREATE TABLE imports (
    source  text COLLATE "C" PRIMARY KEY,
    task_id text COLLATE "C" NOT NULL
);
