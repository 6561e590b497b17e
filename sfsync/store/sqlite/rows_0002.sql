-- What is known of how complete the copy of an object is.

-- unix seconds up to which changes of the object may have gone unseen
ALTER TABLE object ADD COLUMN unseen INTEGER NOT NULL DEFAULT 0;

-- when it was last compared with the org, and what a comparison under way has
-- found to agree
ALTER TABLE object ADD COLUMN reconciled INTEGER NOT NULL DEFAULT 0; -- unix seconds, 0: never
ALTER TABLE object ADD COLUMN refreshed  INTEGER NOT NULL DEFAULT 0; -- the same of the last full read

-- several pages of a read may be under way, so that it begins again
DELETE FROM read;
ALTER TABLE read DROP COLUMN locator;
ALTER TABLE read DROP COLUMN page;
ALTER TABLE read ADD COLUMN pages TEXT NOT NULL DEFAULT '[]'; -- JSON: store.Page of each that was begun

ALTER TABLE object ADD COLUMN lost       INTEGER NOT NULL DEFAULT 0; -- rows found gone without an event
ALTER TABLE object ADD COLUMN lost_since INTEGER NOT NULL DEFAULT 0; -- unix seconds

ALTER TABLE object ADD COLUMN heard      INTEGER NOT NULL DEFAULT 0; -- unix seconds of the newest event

CREATE TABLE seen (
    object TEXT    NOT NULL,
    read   INTEGER NOT NULL,
    id     TEXT    NOT NULL,            -- of a row that the read need not write
    PRIMARY KEY (object, read, id),
    FOREIGN KEY (object, read) REFERENCES read ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- email, phone or exact: how values of the field are found, '' where they are not
ALTER TABLE field ADD COLUMN find TEXT NOT NULL DEFAULT '';
