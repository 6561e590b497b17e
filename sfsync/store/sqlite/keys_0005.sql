-- The keys database, step 5: what is not finished yet.

-- Records whose link points to another person than it did, until their rows have
-- followed.
CREATE TABLE moved (
  object TEXT    NOT NULL,
  record TEXT    NOT NULL,
  times  INTEGER NOT NULL,      -- how often it moved since
  PRIMARY KEY (object, record)
) STRICT, WITHOUT ROWID;

-- Whether bytes of what was deleted may still be in the log.
ALTER TABLE root ADD COLUMN wipe INTEGER NOT NULL DEFAULT 0;
