-- The keys database, step 3: a record can be taken by several forgettings, and
-- lifting one leaves the others.
ALTER TABLE tombstone RENAME TO tombstone_1;

-- Keyed digests of what was forgotten: of the records linked to a person, and
-- of the person and its aliases. Nothing here names either.
CREATE TABLE tombstone (
  digest BLOB    NOT NULL,
  kind   INTEGER NOT NULL,      -- a character: r own record, a record about, p person, e address
  forget INTEGER NOT NULL,      -- the forgetting: a seq of forget_log, below 0 one from before it
  PRIMARY KEY (digest, forget)
) STRICT, WITHOUT ROWID;
INSERT INTO tombstone SELECT digest, kind, forget - forgets - 1 FROM tombstone_1, root;
DROP TABLE tombstone_1;

-- What was forgotten and lifted, authenticated, in order; the rows database has
-- the same. The table of step 1 was never written.
DROP TABLE forget_log;
CREATE TABLE forget_log (
  seq   INTEGER PRIMARY KEY,
  entry BLOB NOT NULL,          -- crypto.ForgetEntry.Body
  mac   BLOB NOT NULL           -- of it and the one before
) STRICT;
