-- The keys database, step 4: the life of keys.

-- How many keys of persons a branch keyset has wrapped.
ALTER TABLE keyset ADD COLUMN wraps INTEGER NOT NULL DEFAULT 0;
