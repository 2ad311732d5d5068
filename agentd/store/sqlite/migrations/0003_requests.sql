-- Requests that were answered under a request_id, in the order of the answers. Not a projection: the
-- journal does not know them, so a replay leaves them as they are.
CREATE TABLE requests (
    number     INTEGER PRIMARY KEY,
    request_id TEXT    NOT NULL UNIQUE,
    digest     BLOB    NOT NULL,      -- stands for the method and the params
    seq        INTEGER NOT NULL,      -- the journal's record that the answer shows, 0 for none
    event_limit INTEGER NOT NULL,     -- how many events an acquired context shows
    at         INTEGER NOT NULL       -- Unix milliseconds
) STRICT;
