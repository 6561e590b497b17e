-- Whether everything of a forgotten person is gone: 0 until its keys and rows are.
ALTER TABLE tombstone ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
-- Whether a field holds ids of records that are or may be a person's.
ALTER TABLE field ADD COLUMN link INTEGER NOT NULL DEFAULT 1;
