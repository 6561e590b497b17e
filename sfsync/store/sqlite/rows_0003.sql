-- Whether everything of a forgotten person is gone: 0 until its keys and rows are.
ALTER TABLE tombstone ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
