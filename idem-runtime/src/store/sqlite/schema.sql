-- What SqliteStore keeps in a database: one row per key, with nothing of the client's key or of the caller in it, only
-- digests. Made when a store is opened; may be run again, and by hand.

CREATE TABLE IF NOT EXISTS idem_version (version INTEGER NOT NULL) STRICT;

CREATE TABLE IF NOT EXISTS idem_records (
    -- The digest of operation, scope and idempotency key.
    key BLOB NOT NULL PRIMARY KEY,
    -- The format of what follows.
    format INTEGER NOT NULL,
    -- 'held' while somebody runs the request, 'done' when its outcome is recorded.
    state TEXT NOT NULL,
    owner BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    -- Milliseconds.
    ttl INTEGER NOT NULL,
    -- Which start of the machine lease_until counts from.
    boot BLOB NOT NULL,
    -- Milliseconds since that start, suspension included.
    lease_until INTEGER NOT NULL,
    -- Milliseconds since 1970. Of a record: its end. Of a claim: when it may be forgotten, if the machine was restarted.
    expires INTEGER NOT NULL,
    -- 64 bits over the key and every field but the times.
    digest BLOB NOT NULL,
    head BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS idem_records_expires ON idem_records (expires);

INSERT INTO idem_version (version) SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM idem_version);
