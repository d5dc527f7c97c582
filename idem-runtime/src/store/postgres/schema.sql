-- The tables and functions of idem's PostgreSQL store, version 2. Version 2 adds the three functions for transactions.
--
-- Safe to run again, and by several at once. The role that the application uses needs USAGE on the schema "idem"; SELECT,
-- INSERT, UPDATE and DELETE on "idem"."records"; SELECT on "idem"."records_version".
BEGIN;

SELECT pg_advisory_xact_lock(hashtextextended('idem schema ' || '"idem"."records"', 0));

DO $idem$
BEGIN
    -- Not IF NOT EXISTS: that asks for the right to create schemas also where there is nothing to create.
    IF to_regnamespace('"idem"') IS NULL THEN
        CREATE SCHEMA "idem";
    END IF;
END
$idem$;

CREATE TABLE IF NOT EXISTS "idem"."records_version" (version integer NOT NULL);

DO $idem$
BEGIN
    IF EXISTS (SELECT FROM "idem"."records_version" v WHERE v.version > 2) THEN
        RAISE EXCEPTION 'the tables were made by a newer release of idem' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END
$idem$;

-- One row per key: a claim ('held'), or a record ('done').
--
-- lease_until  when the lease of a claim ends. A claim is forgotten `ttl` milliseconds after that.
-- expires      when a record is forgotten. For a claim no more than a hint to the sweep: a renewal leaves it alone, so
--              that no index has to be touched.
-- digest       over all the rest but the two times, and over the key: shows damage.
--
-- No column of a fixed length is checked here: what was damaged has to be told apart by whoever reads it anyway.
CREATE TABLE IF NOT EXISTS "idem"."records" (
    key bytea PRIMARY KEY,
    format smallint NOT NULL,
    state text NOT NULL,
    owner bytea NOT NULL,
    fingerprint bytea NOT NULL,
    attempt bigint NOT NULL,
    ttl bigint NOT NULL,
    lease_until timestamptz NOT NULL,
    expires timestamptz NOT NULL,
    digest bytea NOT NULL,
    head bytea NOT NULL,
    body bytea NOT NULL
) WITH (fillfactor = 70);

-- What was compressed once does not get smaller, and the rest is read faster as it is.
ALTER TABLE "idem"."records" ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE INDEX IF NOT EXISTS "records_expires" ON "idem"."records" (expires);

-- Claims the key if nothing is there, or nothing that still counts; else returns what is.
--
-- The clock is read before the row is: what is then told to have ended had ended in the row's present state. Each
-- statement in here sees what was committed before it began, because the function is volatile. No row at all: the entry
-- was there and gone again each time.
CREATE OR REPLACE FUNCTION "idem"."records_claim_v1"(
    p_key bytea, p_format smallint, p_owner bytea, p_fingerprint bytea, p_digest bytea, p_lease bigint, p_ttl bigint
) RETURNS TABLE (
    o_claimed boolean, o_format smallint, o_state text, o_owner bytea, o_fingerprint bytea, o_attempt bigint,
    o_ttl bigint, o_digest bytea, o_head bytea, o_body bytea, o_lease_ended boolean
) LANGUAGE plpgsql VOLATILE ROWS 1 AS $idem$
DECLARE
    v_now timestamptz;
BEGIN
    FOR i IN 1..5 LOOP
        -- Looked at before anything is written, so that replays work where nothing can be written.
        v_now := clock_timestamp();
        RETURN QUERY
            SELECT false, t.format, t.state, t.owner, t.fingerprint, t.attempt, t.ttl, t.digest, t.head, t.body,
                   t.lease_until <= v_now
            FROM "idem"."records" t
            WHERE t.key = p_key
              AND CASE t.state WHEN 'done' THEN t.expires ELSE t.lease_until + t.ttl * interval '1 ms' END > v_now;
        IF FOUND THEN
            RETURN;
        END IF;

        INSERT INTO "idem"."records" AS t
            (key, format, state, owner, fingerprint, attempt, ttl, lease_until, expires, digest, head, body)
        VALUES
            (p_key, p_format, 'held', p_owner, p_fingerprint, 1, p_ttl, clock_timestamp() + p_lease * interval '1 ms',
             clock_timestamp() + (p_lease + p_ttl) * interval '1 ms', p_digest, '', '')
        ON CONFLICT (key) DO NOTHING;
        IF NOT FOUND THEN
            UPDATE "idem"."records" t
            SET format = p_format, state = 'held', owner = p_owner, fingerprint = p_fingerprint, attempt = 1,
                ttl = p_ttl, lease_until = clock_timestamp() + p_lease * interval '1 ms',
                expires = clock_timestamp() + (p_lease + p_ttl) * interval '1 ms',
                digest = p_digest, head = '', body = ''
            WHERE t.key = p_key
              AND CASE t.state WHEN 'done' THEN t.expires ELSE t.lease_until + t.ttl * interval '1 ms' END
                  <= clock_timestamp();
        END IF;
        IF FOUND THEN
            RETURN QUERY
                SELECT true, NULL::smallint, NULL::text, NULL::bytea, NULL::bytea, NULL::bigint, NULL::bigint,
                       NULL::bytea, NULL::bytea, NULL::bytea, NULL::boolean;
            RETURN;
        END IF;
    END LOOP;
END
$idem$;

-- Returns what is there and still counts.
CREATE OR REPLACE FUNCTION "idem"."records_look_v1"(p_key bytea) RETURNS TABLE (
    o_claimed boolean, o_format smallint, o_state text, o_owner bytea, o_fingerprint bytea, o_attempt bigint,
    o_ttl bigint, o_digest bytea, o_head bytea, o_body bytea, o_lease_ended boolean
) LANGUAGE plpgsql VOLATILE ROWS 1 AS $idem$
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    RETURN QUERY
        SELECT false, t.format, t.state, t.owner, t.fingerprint, t.attempt, t.ttl, t.digest, t.head, t.body,
               t.lease_until <= v_now
        FROM "idem"."records" t
        WHERE t.key = p_key
          AND CASE t.state WHEN 'done' THEN t.expires ELSE t.lease_until + t.ttl * interval '1 ms' END > v_now;
END
$idem$;

-- For a request that runs in a transaction: locks the key for the rest of this transaction, and says what there is.
--
-- The number of the attempt: nobody else holds the key and there is no record. -1, -2: somebody holds it, for the same
-- request (or it cannot be told) or for another. -3: look at the row.
--
-- p_lock stands for the key, p_near and p_what together for key and fingerprint. The second lock is taken first: whoever
-- cannot get it knows that the same request runs. Whoever gets it, but not the lock of the key, has found another request, or
-- a transaction that is ending: its locks are let go one after the other. Only who is seen to hold the key for another
-- request counts as one. But whoever only looks holds the locks for a moment too: so what the row says goes first, and
-- "another one" is said only where there is no row. Locked and looked at in several statements: in one, the look would be as
-- old as the locks. A claim with a lease stands in the way unless p_owner holds it, or p_from did.
CREATE OR REPLACE FUNCTION "idem"."records_begin_v2"(
    p_key bytea, p_lock bigint, p_near integer, p_what integer, p_owner bytea, p_from bytea
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $idem$
DECLARE
    v_same boolean;
    v_other boolean := false;
    v_locked boolean := false;
    v_now timestamptz;
    v_state text;
    v_owner bytea;
    v_attempt bigint;
    v_lease_ended boolean;
BEGIN
    v_same := pg_try_advisory_xact_lock(p_near, p_what);
    IF v_same THEN
        v_locked := pg_try_advisory_xact_lock(p_lock);
        FOR i IN 1..50 LOOP
            EXIT WHEN v_locked;
            v_other := EXISTS (
                SELECT FROM pg_locks l
                WHERE l.locktype = 'advisory' AND l.granted
                  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                GROUP BY l.pid
                HAVING bool_or(l.objsubid = 1 AND l.classid = ((p_lock >> 32) & 4294967295)::oid
                               AND l.objid = (p_lock & 4294967295)::oid)
                   AND bool_or(l.objsubid = 2 AND l.classid = (p_near::bigint & 4294967295)::oid
                               AND l.objid <> (p_what::bigint & 4294967295)::oid)
            );
            EXIT WHEN v_other;
            PERFORM pg_sleep(0.002);
            v_locked := pg_try_advisory_xact_lock(p_lock);
        END LOOP;
    END IF;
    v_now := clock_timestamp();
    SELECT t.state, t.owner, t.attempt, t.lease_until <= v_now
    INTO v_state, v_owner, v_attempt, v_lease_ended
    FROM "idem"."records" t
    WHERE t.key = p_key
      AND CASE t.state WHEN 'done' THEN t.expires ELSE t.lease_until + t.ttl * interval '1 ms' END > v_now;
    IF NOT FOUND THEN
        RETURN CASE WHEN v_locked THEN 1 WHEN v_other THEN -2 ELSE -1 END;
    ELSIF NOT v_locked AND v_state = 'held' AND v_lease_ended THEN
        RETURN -1;
    ELSIF v_locked AND v_state = 'held' AND v_owner = p_owner THEN
        RETURN v_attempt;
    ELSIF v_locked AND v_state = 'held' AND v_owner = p_from AND v_lease_ended THEN
        RETURN v_attempt + 1;
    ELSE
        RETURN -3;
    END IF;
END
$idem$;

-- Writes the record of such a request, where there is none. Fails where there is one: then nothing may be committed.
CREATE OR REPLACE FUNCTION "idem"."records_record_v2"(
    p_key bytea, p_format smallint, p_owner bytea, p_fingerprint bytea, p_attempt bigint, p_digest bytea, p_ttl bigint,
    p_head bytea, p_body bytea
) RETURNS void LANGUAGE plpgsql VOLATILE AS $idem$
BEGIN
    INSERT INTO "idem"."records" AS t
        (key, format, state, owner, fingerprint, attempt, ttl, lease_until, expires, digest, head, body)
    VALUES
        (p_key, p_format, 'done', p_owner, p_fingerprint, p_attempt, p_ttl, clock_timestamp(),
         clock_timestamp() + p_ttl * interval '1 ms', p_digest, p_head, p_body)
    ON CONFLICT (key) DO UPDATE
    SET format = excluded.format, state = 'done', owner = excluded.owner, fingerprint = excluded.fingerprint,
        attempt = excluded.attempt, ttl = excluded.ttl, lease_until = excluded.lease_until, expires = excluded.expires,
        digest = excluded.digest, head = excluded.head, body = excluded.body
    WHERE (t.state = 'held' AND t.owner = excluded.owner)
       OR (t.state = 'held' AND t.lease_until <= clock_timestamp() AND t.attempt < excluded.attempt)
       OR CASE t.state WHEN 'done' THEN t.expires ELSE t.lease_until + t.ttl * interval '1 ms' END <= clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'idem: the key is taken' USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END
$idem$;

-- Whether the transaction of p_owner was committed; nothing while it has not ended.
CREATE OR REPLACE FUNCTION "idem"."records_ended_v2"(p_key bytea, p_near integer, p_what integer, p_owner bytea)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $idem$
BEGIN
    IF NOT pg_try_advisory_xact_lock(p_near, p_what) THEN
        RETURN NULL;
    END IF;
    RETURN EXISTS (
        SELECT FROM "idem"."records" t
        WHERE t.key = p_key AND t.owner = p_owner AND t.state = 'done' AND t.expires > clock_timestamp()
    );
END
$idem$;

INSERT INTO "idem"."records_version" (version)
SELECT 2 WHERE NOT EXISTS (SELECT FROM "idem"."records_version");

UPDATE "idem"."records_version" SET version = 2 WHERE version < 2;

COMMIT;
