-- The greatest root.writes of the keys database when a batch was committed.
ALTER TABLE meta ADD COLUMN keys INTEGER NOT NULL DEFAULT 0;
