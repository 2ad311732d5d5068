-- The journal, append-only, in one total order; and what is folded from it. Texts compare by their
-- code points, as Python's do.
CREATE TABLE journal (
    seq        bigint PRIMARY KEY,             -- place in the total order, from 1
    event_id   text     COLLATE "C" NOT NULL,
    task_id    text     COLLATE "C" NOT NULL,
    version    bigint   NOT NULL,              -- place in the task's own stream, from 1 without gaps
    node_id    text     COLLATE "C",
    kind       text     COLLATE "C" NOT NULL,  -- the event's name
    schema     bigint   NOT NULL,              -- the version of the event's fields
    at         bigint   NOT NULL,              -- Unix milliseconds
    data       bytea    NOT NULL,              -- the event's own fields, JSON
    payload    bytea,                          -- the user's JSON as it came in
    hash       bytea    NOT NULL,              -- BLAKE2b over this record and the hash before it
    visibility smallint NOT NULL GENERATED ALWAYS AS (
        CASE kind
            WHEN 'LeaseExtended' THEN 0
            WHEN 'NodeDue' THEN 0
            WHEN 'LockExtended' THEN 0
            WHEN 'EventCommitted' THEN 2
            WHEN 'NodeCompleted' THEN 2
            WHEN 'NodeFailed' THEN 2
            ELSE 1
        END
    ) STORED
);
CREATE UNIQUE INDEX journal_version ON journal (task_id, version);
CREATE INDEX journal_stream ON journal (task_id, visibility, version);
CREATE INDEX journal_notes ON journal (node_id, version)
WHERE kind IN ('EventCommitted', 'NodeFailed');
CREATE INDEX journal_locks ON journal (seq) WHERE kind >= 'Lock' AND kind < 'Locl';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only';
END $$;
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal
FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The journal's last record. Whoever writes locks this row first: so all writers go one after the
-- other, and the order of their commits is the order of `seq`.
CREATE TABLE journal_end (
    one    smallint PRIMARY KEY CHECK (one = 1),
    seq    bigint NOT NULL,
    at     bigint NOT NULL,
    slots  bigint NOT NULL,             -- how often slots of `changes` were filled
    folds  bigint NOT NULL,             -- how often the other tables were folded anew; below 0 while
                                        -- all is brought here from another database
    schema bigint NOT NULL              -- the last migration: every writer looks at it
) WITH (fillfactor = 10);
INSERT INTO journal_end VALUES (1, 0, 0, 0, 0, 0);

-- What transactions changed, in a ring of slots, for the memory of other daemons: never the truth.
CREATE UNLOGGED TABLE changes (
    slot  bigint PRIMARY KEY,
    place bigint NOT NULL,              -- which filling of a slot it is
    after bigint NOT NULL,              -- the journal's last seq before the transaction
    seq   bigint NOT NULL,              -- and after it
    piece bytea  NOT NULL
) WITH (fillfactor = 50);
ALTER TABLE changes ALTER COLUMN piece SET STORAGE PLAIN;

CREATE TABLE tasks (
    task_id        text COLLATE "C" PRIMARY KEY,
    registered_seq bigint NOT NULL,
    created_at     bigint NOT NULL,
    parent_task_id text COLLATE "C",
    timeout_at     bigint
);
CREATE INDEX tasks_order ON tasks (registered_seq);
CREATE INDEX tasks_children ON tasks (parent_task_id, registered_seq)
WHERE parent_task_id IS NOT NULL;
CREATE INDEX tasks_timeout ON tasks (timeout_at) WHERE timeout_at IS NOT NULL;

CREATE TABLE task_states (
    task_id       text COLLATE "C" PRIMARY KEY,
    pending       bigint  NOT NULL,
    running       bigint  NOT NULL,
    completed     bigint  NOT NULL,
    failed        bigint  NOT NULL,
    cancelled_seq bigint,
    paused_seq    bigint,
    budget_seq    bigint,
    spent         boolean NOT NULL,
    has_usage     boolean NOT NULL,
    dedupe_key    text COLLATE "C",
    gates_to_open bigint  NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX task_states_dedupe ON task_states (dedupe_key) WHERE dedupe_key IS NOT NULL;

CREATE TABLE nodes (
    node_id          text COLLATE "C" PRIMARY KEY,
    task_id          text COLLATE "C" NOT NULL,
    position         bigint  NOT NULL,
    added_seq        bigint  NOT NULL,
    status           text COLLATE "C" NOT NULL,
    waiting_on       bigint  NOT NULL,
    updated_at       bigint  NOT NULL,
    acquired_at      bigint,
    lease_id         text COLLATE "C",
    lease_owner      text COLLATE "C",
    lease_expires_at bigint,
    last_lease       text COLLATE "C",
    result_seq       bigint,
    name             text COLLATE "C",
    rank             bigint  NOT NULL,
    attempt          bigint  NOT NULL,
    counted          bigint  NOT NULL,
    strikes          bigint  NOT NULL,
    not_before       bigint,
    deadline_at      bigint,
    lease_ms         bigint,
    last_end_seq     bigint,
    settings_seq     bigint,
    demand           text COLLATE "C" NOT NULL,
    batch            bigint  NOT NULL,
    gate             boolean NOT NULL,
    checkpoint_seq   bigint,
    locks_in_way     bigint  NOT NULL,
    locks_held       bigint  NOT NULL,
    dependencies_seq bigint,
    has_locks        boolean NOT NULL
);
CREATE INDEX nodes_order ON nodes (task_id, position);
CREATE INDEX nodes_leased ON nodes (lease_expires_at) WHERE lease_expires_at IS NOT NULL;
CREATE INDEX nodes_due ON nodes (not_before, added_seq) WHERE not_before IS NOT NULL;
CREATE INDEX nodes_name ON nodes (task_id, name) WHERE name IS NOT NULL;
CREATE INDEX nodes_failed ON nodes (task_id, position) WHERE status = 'FAILED';
CREATE INDEX nodes_queue ON nodes (task_id, demand, rank, added_seq)
WHERE status = 'PENDING' AND waiting_on = 0 AND not_before IS NULL AND NOT gate
AND locks_in_way = 0;

CREATE TABLE edges (
    dependency_id text COLLATE "C" NOT NULL,
    node_id       text COLLATE "C" NOT NULL,
    PRIMARY KEY (dependency_id, node_id)
);

CREATE TABLE totals (
    scope     text COLLATE "C" PRIMARY KEY,
    events    bigint NOT NULL,
    tasks     bigint NOT NULL,
    pending   bigint NOT NULL,
    running   bigint NOT NULL,
    completed bigint NOT NULL,
    failed    bigint NOT NULL
) WITH (fillfactor = 10);

-- Requests that were answered under a request_id, in the order of the answers.
CREATE TABLE requests (
    number        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id    text COLLATE "C" NOT NULL UNIQUE,
    digest        bytea   NOT NULL,
    seq           bigint  NOT NULL,
    event_limit   bigint  NOT NULL,
    at            bigint  NOT NULL,
    found         boolean NOT NULL,
    first_seq     bigint  NOT NULL,
    context_bytes bigint
);

CREATE TABLE usage (
    scope  text COLLATE "C" NOT NULL,
    unit   text COLLATE "C" NOT NULL,
    amount json NOT NULL,           -- an integer or a real, as it was given
    PRIMARY KEY (scope, unit)
);

CREATE TABLE demands (
    demand   text COLLATE "C" PRIMARY KEY,
    requires text COLLATE "C" NOT NULL,
    limits   text COLLATE "C" NOT NULL
);

CREATE TABLE limits (
    name         text COLLATE "C" PRIMARY KEY,
    running      bigint  NOT NULL,
    is_known     boolean NOT NULL,
    max_running  bigint,
    rate_count   bigint,
    rate_ms      bigint,
    starts       bigint  NOT NULL,
    closed_until bigint,
    closed_seq   bigint
) WITH (fillfactor = 50);
CREATE INDEX limits_closed ON limits (closed_until) WHERE closed_until IS NOT NULL;
CREATE INDEX limits_rates ON limits (rate_ms) WHERE rate_ms IS NOT NULL;

CREATE TABLE starts (
    name text COLLATE "C" NOT NULL,
    slot bigint NOT NULL,
    at   bigint NOT NULL,
    PRIMARY KEY (name, slot)
);

CREATE TABLE queue (
    task_id        text COLLATE "C" NOT NULL,
    demand         text COLLATE "C" NOT NULL,
    rank           bigint  NOT NULL,
    batch          bigint  NOT NULL,
    ready          bigint  NOT NULL,
    runnable       bigint  NOT NULL,
    held           boolean NOT NULL,
    hands_out      boolean NOT NULL,
    registered_seq bigint  NOT NULL,
    PRIMARY KEY (task_id, demand, rank, batch)
) WITH (fillfactor = 50);
CREATE INDEX queue_of_all ON queue (demand, rank, batch) WHERE hands_out;
CREATE INDEX queue_tasks ON queue (registered_seq) WHERE hands_out;
CREATE INDEX queue_demands ON queue (demand) WHERE demand <> '';

CREATE TABLE gates (
    task_id     text COLLATE "C" NOT NULL,
    node_id     text COLLATE "C" NOT NULL,
    stage       text COLLATE "C" NOT NULL,
    since       bigint,
    opened_seq  bigint,
    timeout_at  bigint,
    decided_seq bigint,
    PRIMARY KEY (task_id, node_id)
);
CREATE INDEX gates_listed ON gates (stage, since, opened_seq);
CREATE INDEX gates_of_task ON gates (task_id, stage, since, opened_seq);
CREATE INDEX gates_timeout ON gates (timeout_at) WHERE stage = 'open' AND timeout_at IS NOT NULL;

CREATE TABLE locks (
    lease_id      text COLLATE "C" PRIMARY KEY,
    resource_key  text COLLATE "C" NOT NULL,
    prefix        text COLLATE "C" NOT NULL,
    reach         text COLLATE "C" NOT NULL,
    mode          text COLLATE "C" NOT NULL,
    owner         text COLLATE "C" NOT NULL,
    provider      text COLLATE "C",
    task_id       text COLLATE "C",
    node_id       text COLLATE "C",
    bound_node    text COLLATE "C",
    node_lease_id text COLLATE "C",
    acquired_seq  bigint NOT NULL,
    acquired_at   bigint NOT NULL,
    updated_at    bigint NOT NULL,
    expires_at    bigint
);
CREATE INDEX locks_prefix ON locks (prefix, reach, resource_key);
CREATE INDEX locks_key ON locks (resource_key, acquired_seq);
CREATE INDEX locks_of_lease ON locks (node_lease_id) WHERE node_lease_id IS NOT NULL;
CREATE INDEX locks_expiry ON locks (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE wishes (
    node_id      text COLLATE "C" NOT NULL,
    resource_key text COLLATE "C" NOT NULL,
    task_id      text COLLATE "C" NOT NULL,
    prefix       text COLLATE "C" NOT NULL,
    reach        text COLLATE "C" NOT NULL,
    mode         text COLLATE "C" NOT NULL,
    waits        boolean NOT NULL,
    PRIMARY KEY (node_id, resource_key)
);
CREATE INDEX wishes_prefix ON wishes (prefix, reach, resource_key) WHERE waits;
CREATE INDEX wishes_task ON wishes (task_id);

CREATE TABLE expired_locks (
    resource_key text COLLATE "C" PRIMARY KEY,
    lease_id     text COLLATE "C" NOT NULL,
    owner        text COLLATE "C" NOT NULL,
    task_id      text COLLATE "C"
);

-- A pattern of SQLite's GLOB as one of LIKE: `*` and `?` mean anything, `[*]` the character itself.
CREATE FUNCTION like_of_glob(glob text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT translate(
        translate(
            replace(replace(replace(
                replace(replace(replace(glob, '\', '\\'), '%', '\%'), '_', '\_'),
            '[*]', chr(1)), '[?]', chr(2)), '[[]', '['),
        '*?', '%_'),
    chr(1) || chr(2), '*?')
$$;
