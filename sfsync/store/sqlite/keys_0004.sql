-- The keys database, step 4: the life of keys.

-- How many keys of persons a branch keyset has wrapped.
ALTER TABLE keyset ADD COLUMN wraps INTEGER NOT NULL DEFAULT 0;

-- The key-encryption key that a keyset is under, '' where nobody named it.
ALTER TABLE keyset ADD COLUMN uri TEXT NOT NULL DEFAULT '';

-- When another generation took over, and when the wrapped key was deleted, of
-- which branch is then 0.
ALTER TABLE person_key ADD COLUMN retired INTEGER;
ALTER TABLE person_key ADD COLUMN destroyed INTEGER;
CREATE INDEX person_key_retired ON person_key (retired) WHERE retired IS NOT NULL AND destroyed IS NULL;
