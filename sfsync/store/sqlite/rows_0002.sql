-- unix seconds up to which changes of the object may have gone unseen
ALTER TABLE object ADD COLUMN unseen INTEGER NOT NULL DEFAULT 0;
