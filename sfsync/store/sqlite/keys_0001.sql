-- The keys database, step 1. Times are unix seconds.

-- One row: the org, and how often somebody was forgotten or the forgetting lifted.
CREATE TABLE root (
  one     INTEGER PRIMARY KEY CHECK (one = 1),
  org     TEXT    NOT NULL,
  forgets INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Tink keysets, encrypted by the key-encryption key: use is branch,
-- suppression, or index: and a type.
CREATE TABLE keyset (
  use       TEXT    NOT NULL,
  version   INTEGER NOT NULL,
  state     TEXT    NOT NULL,  -- active, retired or destroyed
  sealed    BLOB    NOT NULL,
  proof     BLOB    NOT NULL,
  created   INTEGER NOT NULL,
  retired   INTEGER,
  destroyed INTEGER,
  PRIMARY KEY (use, version)
) STRICT, WITHOUT ROWID;

-- Every generation of every person's key. Persons begin with the time they were
-- made, so new ones go to the end of the table.
CREATE TABLE person_key (
  person     BLOB    NOT NULL,
  generation INTEGER NOT NULL,
  id         INTEGER NOT NULL,
  branch     INTEGER NOT NULL,
  wrapped    BLOB    NOT NULL,
  seals      INTEGER NOT NULL,
  created    INTEGER NOT NULL,
  record     TEXT,              -- the record whose own person it was made as
  PRIMARY KEY (person, generation)
) STRICT, WITHOUT ROWID;

-- Which person a record belongs to. own: it is the person's own record, which
-- person_key.record finds; the index is for the others and costs a new person
-- nothing.
CREATE TABLE link (
  record TEXT    NOT NULL PRIMARY KEY,
  object TEXT    NOT NULL,
  person BLOB    NOT NULL,
  own    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX link_person ON link (person) WHERE own = 0;

-- Persons that turned out to be another. No link points to an alias, and no
-- alias to an alias.
CREATE TABLE alias (
  alias  BLOB NOT NULL PRIMARY KEY,
  person BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_person ON alias (person);

-- Keyed digests of values, by which a person is found.
CREATE TABLE blind_index (
  type    TEXT    NOT NULL,     -- email, phone or exact
  version INTEGER NOT NULL,     -- of the index keyset
  digest  BLOB    NOT NULL,
  person  BLOB    NOT NULL,
  PRIMARY KEY (type, version, digest, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX blind_index_person ON blind_index (person);

-- Keyed digests of what was forgotten: of the records linked to a person, and
-- of the person and its aliases. Nothing here names either.
CREATE TABLE tombstone (
  digest BLOB    NOT NULL PRIMARY KEY,
  kind   INTEGER NOT NULL,      -- a character: r record, p person
  forget INTEGER NOT NULL       -- root.forgets as it was then
) STRICT, WITHOUT ROWID;

-- What was forgotten and lifted, signed, in order; the rows database has the same.
CREATE TABLE forget_log (
  seq       INTEGER PRIMARY KEY,
  time      INTEGER NOT NULL,
  entry     BLOB    NOT NULL,
  signature BLOB    NOT NULL
) STRICT;
