-- The keys database, step 2: the blind index, whose table in step 1 was never
-- written.
DROP TABLE blind_index;

-- How many times entries were put: the last mark.
ALTER TABLE root ADD COLUMN marks INTEGER NOT NULL DEFAULT 0;

-- Keyed digests of values, by which a person is found, and the places where the
-- values stand.
CREATE TABLE index_entry (
  id         INTEGER PRIMARY KEY,
  type       TEXT    NOT NULL,   -- email, phone or exact; or held, of a record that is
  version    INTEGER NOT NULL,   -- of the index keyset
  normaliser INTEGER NOT NULL,
  digest     BLOB    NOT NULL,
  object     TEXT    NOT NULL,
  record     TEXT    NOT NULL,
  field      TEXT    NOT NULL,
  person     BLOB    NOT NULL,
  mark       INTEGER NOT NULL,   -- root.marks when it was put last
  address    BLOB,               -- of an e-mail address: what its tombstone would be
  UNIQUE (digest, type, version, normaliser, record, field)
) STRICT;
CREATE INDEX index_entry_place ON index_entry (record, field);
CREATE INDEX index_entry_person ON index_entry (person);

-- The fields that have entries.
CREATE TABLE index_field (
  object TEXT NOT NULL,
  field  TEXT NOT NULL,
  type   TEXT NOT NULL,
  PRIMARY KEY (object, field, type)
) STRICT, WITHOUT ROWID;
