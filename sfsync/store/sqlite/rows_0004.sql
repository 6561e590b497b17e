-- What was forgotten and lifted, authenticated, in order: a copy of the log of
-- the keys database, as far as it has been done here.
CREATE TABLE forget_log (
    seq   INTEGER PRIMARY KEY,
    entry BLOB NOT NULL,                -- crypto.ForgetEntry.Body
    mac   BLOB NOT NULL                 -- of it and the one before
) STRICT;
