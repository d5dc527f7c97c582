//! The statements, with the names of the schema and the table put in.

use sqlx::{AssertSqlSafe, SqlSafeStr as _, SqlStr};

/// The script, with the usual names in it.
pub(super) const SCHEMA_SQL: &str = include_str!("schema.sql");

/// The version of what [`SCHEMA_SQL`] makes.
pub(super) const SCHEMA_VERSION: i32 = 2;

/// 63 bytes is what PostgreSQL keeps of a name; the longest ending that is put to one has 9.
const LONGEST_NAME: usize = 50;

/// The names of the schema and the table. Only such as need no care in any place where they are put.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) schema: String,
    pub(super) table: String,
}

impl Names {
    /// The first of the two that cannot be used.
    pub(super) fn unusable(&self) -> Option<&str> {
        [&self.schema, &self.table].into_iter().find(|name| !is_usable(name)).map(String::as_str)
    }

    pub(super) fn schema_sql(&self) -> String {
        let Self { schema, table } = self;
        // By way of what can be in no name: a new name may look like an old one.
        SCHEMA_SQL
            .replace("\"idem\"", "\u{1}")
            .replace("\"records", "\u{2}")
            .replace('\u{1}', &format!("\"{schema}\""))
            .replace('\u{2}', &format!("\"{table}"))
    }

    /// The table, with `ending` to its name.
    pub(super) fn table(&self, ending: &str) -> String {
        format!("\"{}\".\"{}{ending}\"", self.schema, self.table)
    }
}

fn is_usable(name: &str) -> bool {
    let letter = |c: u8| c.is_ascii_lowercase() || c == b'_';
    name.len() <= LONGEST_NAME
        && name.as_bytes().first().is_some_and(|&first| letter(first))
        && name.bytes().all(|c| letter(c) || c.is_ascii_digit())
}

/// The statements that are sent, each one atomic step on one entry. All return a row if they did something.
pub(super) struct Statements {
    pub(super) claim: SqlStr,
    pub(super) look: SqlStr,
    pub(super) inspect: SqlStr,
    pub(super) take_over: SqlStr,
    pub(super) renew: SqlStr,
    pub(super) complete: SqlStr,
    pub(super) is_completed: SqlStr,
    pub(super) release: SqlStr,
    pub(super) reopen: SqlStr,
    pub(super) sweep: SqlStr,
    pub(super) ended: SqlStr,
    /// The names of functions that are called with their arguments written out.
    pub(super) begin: String,
    pub(super) record: String,
}

/// When a claim is forgotten.
const CLAIM_ENDS: &str = "t.lease_until + t.ttl * interval '1 ms'";

impl Statements {
    pub(super) fn new(names: &Names) -> Self {
        let (table, claim, look) = (names.table(""), names.table("_claim_v1"), names.table("_look_v1"));
        let columns = "o_claimed, o_format, o_state, o_owner, o_fingerprint, o_attempt, o_ttl, o_digest, o_head, \
                       o_body, o_lease_ended, r.millis";
        // What is left of a record. Looked at as of the statement's begin, which may be before what the function saw, and
        // hence only if it is that very record; nothing is looked up for a claim that was granted.
        let left = format!(
            "f LEFT JOIN LATERAL (SELECT floor(extract(epoch FROM t.expires - clock_timestamp()) * 1000)::bigint AS millis \
             FROM {table} t WHERE t.key = $1 AND f.o_state = 'done' AND t.state = 'done' AND isfinite(t.expires) \
             AND t.digest = f.o_digest) r ON true"
        );
        let is_theirs =
            format!("t.key = $1 AND t.owner = $2 AND t.state = 'held' AND {CLAIM_ENDS} > clock_timestamp()");
        Self {
            claim: safe(format!("SELECT {columns} FROM {claim}($1, $2, $3, $4, $5, $6, $7) {left}")),
            look: safe(format!("SELECT {columns} FROM {look}($1) {left}")),
            // The clock is read once, for all that is said; rounded up, a lease that has not ended has something left.
            inspect: safe(format!(
                "SELECT false, t.format, t.state, t.owner, t.fingerprint, t.attempt, t.ttl, t.digest, t.head, t.body, \
                 t.lease_until <= c.moment, CASE WHEN t.state = 'done' AND isfinite(t.expires) \
                 THEN floor(extract(epoch FROM t.expires - c.moment) * 1000)::bigint END, CASE WHEN isfinite(t.lease_until) \
                 THEN ceil(extract(epoch FROM t.lease_until - c.moment) * 1000)::bigint END \
                 FROM {table} t CROSS JOIN (SELECT clock_timestamp() AS moment) c \
                 WHERE t.key = $1 AND CASE t.state WHEN 'done' THEN t.expires ELSE {CLAIM_ENDS} END > c.moment"
            )),
            take_over: safe(format!(
                "UPDATE {table} t SET format = $3, owner = $4, fingerprint = $5, attempt = $6, digest = $7, ttl = $9, \
                 lease_until = clock_timestamp() + $8 * interval '1 ms', \
                 expires = clock_timestamp() + ($8 + $9) * interval '1 ms' \
                 WHERE {is_theirs} AND t.attempt = $10 AND t.lease_until <= clock_timestamp() RETURNING true"
            )),
            renew: safe(format!(
                "UPDATE {table} t SET lease_until = clock_timestamp() + $3 * interval '1 ms' \
                 WHERE {is_theirs} RETURNING true"
            )),
            complete: safe(format!(
                "UPDATE {table} t SET format = $3, state = 'done', fingerprint = $4, attempt = $5, digest = $6, \
                 ttl = $7, expires = clock_timestamp() + $7 * interval '1 ms', head = $8, body = $9 \
                 WHERE {is_theirs} RETURNING true"
            )),
            is_completed: safe(format!(
                "SELECT true FROM {table} t \
                 WHERE t.key = $1 AND t.owner = $2 AND t.state = 'done' AND t.expires > clock_timestamp()"
            )),
            release: safe(format!("DELETE FROM {table} t WHERE {is_theirs} RETURNING true")),
            // The digest is of everything in the record but its times.
            reopen: safe(format!(
                "UPDATE {table} t SET format = $3, state = 'held', owner = $4, fingerprint = $5, attempt = $6, digest = $7, \
                 ttl = $9, lease_until = clock_timestamp() + $8 * interval '1 ms', \
                 expires = clock_timestamp() + ($8 + $9) * interval '1 ms', head = '', body = '' \
                 WHERE t.key = $1 AND t.owner = $2 AND t.state = 'done' AND t.digest = $10 \
                 AND t.expires > clock_timestamp() RETURNING true"
            )),
            // The clock is read once, in a query of its own: only so can the index be used.
            sweep: safe(format!(
                "WITH gone AS (DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT t.ctid FROM {table} t \
                 WHERE t.expires <= (SELECT clock_timestamp()) \
                 AND (t.state = 'done' OR {CLAIM_ENDS} <= (SELECT clock_timestamp())) \
                 ORDER BY t.expires LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1) SELECT count(*) FROM gone"
            )),
            ended: safe(format!("SELECT {}($1, $2, $3, $4)", names.table("_ended_v2"))),
            begin: names.table("_begin_v2"),
            record: names.table("_record_v2"),
        }
    }
}

/// Nothing but constants and checked [`Names`] goes into a statement; all else are parameters.
pub(super) fn safe(statement: String) -> SqlStr {
    AssertSqlSafe(statement).into_sql_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(schema: &str, table: &str) -> Names {
        Names { schema: schema.to_owned(), table: table.to_owned() }
    }

    #[test]
    fn the_usual_names_give_the_script_as_it_is() {
        assert_eq!(names("idem", "records").schema_sql(), SCHEMA_SQL);
    }

    #[test]
    fn other_names_are_put_everywhere() {
        let sql = names("shop", "order").schema_sql();
        assert!(!sql.contains("\"idem\"") && !sql.contains("\"records"), "{sql}");
        assert!(sql.contains("CREATE TABLE IF NOT EXISTS \"shop\".\"order\" ("));
        assert!(sql.contains("CREATE INDEX IF NOT EXISTS \"order_expires\" ON \"shop\".\"order\""));
        assert!(sql.contains("\"shop\".\"order_claim_v1\"("));
    }

    #[test]
    fn new_names_may_look_like_the_old_ones() {
        let sql = names("records", "idem").schema_sql();
        assert!(sql.contains("CREATE SCHEMA \"records\";") && sql.contains("\"records\".\"idem_claim_v1\"("), "{sql}");
        let sql = names("idem", "records_x").schema_sql();
        assert!(sql.contains("\"idem\".\"records_x_claim_v1\"(") && sql.contains("\"records_x_expires\""), "{sql}");
    }

    #[test]
    fn b13_a_name_can_end_no_quotation() {
        for name in ["", "a\"b", "A", "1a", "a b", "a;b", "ä", &"a".repeat(51)] {
            assert_eq!(names("idem", name).unusable(), Some(name));
            assert_eq!(names(name, "records").unusable(), Some(name));
        }
        assert_eq!(names("_a1", &"a".repeat(50)).unusable(), None);
    }

    #[test]
    fn i9_no_statement_asks_for_the_time_of_the_transaction() {
        let all = Statements::new(&names("idem", "records"));
        let sent = [&all.claim, &all.look, &all.take_over, &all.renew, &all.complete, &all.is_completed];
        let sent = sent
            .into_iter()
            .chain([&all.inspect, &all.release, &all.reopen, &all.sweep, &all.ended])
            .map(SqlStr::as_str)
            .chain([SCHEMA_SQL]);
        for statement in sent {
            for frozen in ["now()", "current_timestamp", "transaction_timestamp", "statement_timestamp"] {
                assert!(!statement.to_lowercase().contains(frozen), "{statement}");
            }
        }
    }
}
