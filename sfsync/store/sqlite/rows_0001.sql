-- The rows database. Each object has a table of its own beside these, named
-- sf_ and the object in lower case; see Table in catalogue.go.

CREATE TABLE meta (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    org    TEXT    NOT NULL,            -- 18-character id, '' before the first Prepare
    policy INTEGER NOT NULL,            -- version of the policy that the tables fit
    hash   TEXT    NOT NULL,            -- of that policy's content
    epoch  INTEGER NOT NULL,            -- of the last writer
    wipe   INTEGER NOT NULL             -- 1: deleted bytes may still be in the log
) STRICT;
INSERT INTO meta VALUES (1, '', 0, '', 0, 0);

CREATE TABLE topic (
    name     TEXT PRIMARY KEY,
    position BLOB    NOT NULL,          -- replay id up to which all is applied
    as_of    INTEGER NOT NULL,          -- unix seconds when it last moved
    instance TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE object (
    name   TEXT PRIMARY KEY,
    topic  TEXT    NOT NULL,            -- '' if it is polled
    rules  TEXT    NOT NULL,            -- JSON: the person rules
    n      INTEGER NOT NULL,            -- batches and reads so far
    floor  INTEGER NOT NULL,            -- reads begun before it pay nothing
    caught INTEGER NOT NULL             -- unix seconds up to which it was polled
) STRICT, WITHOUT ROWID;

CREATE TABLE field (
    object TEXT    NOT NULL REFERENCES object ON DELETE CASCADE,
    name   TEXT    NOT NULL,
    place  INTEGER NOT NULL,            -- order of the cells in a row
    sealed INTEGER NOT NULL,
    rule   INTEGER NOT NULL,            -- index into the object's rules
    small  INTEGER NOT NULL,
    type   INTEGER NOT NULL,
    PRIMARY KEY (object, name)
) STRICT, WITHOUT ROWID;

-- Ids in (lo, hi] of which something must be read; '' is an open end.
CREATE TABLE owed (
    object TEXT NOT NULL REFERENCES object ON DELETE CASCADE,
    lo     TEXT NOT NULL,
    hi     TEXT NOT NULL,
    kind   TEXT NOT NULL CHECK (kind IN ('full', 'stamp')),
    PRIMARY KEY (object, lo, hi)
) STRICT, WITHOUT ROWID;

CREATE TABLE read (
    object  TEXT    NOT NULL REFERENCES object ON DELETE CASCADE,
    id      INTEGER NOT NULL,
    lo      TEXT    NOT NULL,
    hi      TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    n0      INTEGER NOT NULL,           -- the object's n when it began
    job     TEXT    NOT NULL,
    locator TEXT    NOT NULL,           -- of the page being committed
    page    INTEGER NOT NULL,           -- rows of that page already committed
    done    INTEGER NOT NULL,           -- rows of all pages committed
    PRIMARY KEY (object, id)
) STRICT, WITHOUT ROWID;

-- Forgotten persons: no row of theirs is written again.
CREATE TABLE tombstone (
    person BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE ledger (
    seq   INTEGER PRIMARY KEY,
    entry TEXT NOT NULL,                -- canonical JSON
    hash  BLOB NOT NULL                 -- of this entry and all before it
) STRICT;
CREATE TRIGGER ledger_kept BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is kept'); END;
CREATE TRIGGER ledger_fixed BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is kept'); END;
