-- The keys database, step 5: what is not finished yet.

-- Records whose link points to another person than it did, until their rows have
-- followed.
CREATE TABLE moved (
  object TEXT    NOT NULL,
  record TEXT    NOT NULL,
  times  INTEGER NOT NULL,      -- how often it moved since
  PRIMARY KEY (object, record)
) STRICT, WITHOUT ROWID;

-- How often something was written that rows rest on: keys, links, index entries.
ALTER TABLE root ADD COLUMN writes INTEGER NOT NULL DEFAULT 0;

-- Whether bytes of what was deleted may still be in the log.
ALTER TABLE root ADD COLUMN wipe INTEGER NOT NULL DEFAULT 0;
