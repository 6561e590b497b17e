-- The keys database, step 3: a record can be taken by several forgettings, and
-- lifting one leaves the others.
ALTER TABLE tombstone RENAME TO tombstone_1;

-- Keyed digests of what was forgotten: of the records linked to a person, and
-- of the person and its aliases. Nothing here names either.
CREATE TABLE tombstone (
  digest BLOB    NOT NULL,
  kind   INTEGER NOT NULL,      -- a character: r own record, a record about, p person
  forget INTEGER NOT NULL,      -- of which forgetting; a later one has a higher number
  PRIMARY KEY (digest, forget)
) STRICT, WITHOUT ROWID;
INSERT INTO tombstone SELECT digest, kind, forget FROM tombstone_1;
DROP TABLE tombstone_1;
