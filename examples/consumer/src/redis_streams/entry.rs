//! An entry of a stream, and the message in it.

use redis::{FromRedisValue, ParsingError, Value};

use crate::message::{Malformed, Message, Payment, only_id};

/// The field with the message's id.
pub(super) const ID: &str = "id";
/// The field with its content.
pub(super) const CONTENT: &str = "content";

/// An entry with all its fields, in their order: one name may be there several times.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl FromRedisValue for Entry {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        // One that was deleted while it was pending has no fields.
        let (id, fields): (_, Option<_>) = redis::from_redis_value(value)?;
        Ok(Self { id, fields: fields.unwrap_or_default() })
    }
}

impl Entry {
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.fields.iter().filter(move |(field, _)| field == name.as_bytes()).map(|(_, value)| value.as_slice())
    }

    /// Its message. Two different ids are none that could be trusted, and so none.
    pub(super) fn message(&self) -> Message {
        let content = match self.values(CONTENT).next() {
            Some(content) => Payment::from_json(content),
            None => Err(Malformed("the entry has no field `content`".into())),
        };
        Message { id: self.message_id(), content }
    }

    fn message_id(&self) -> Option<String> {
        only_id(self.values(ID).map(Some))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Redis says it.
    fn entry(fields: &[(&str, &[u8])]) -> Entry {
        let text = |text: &[u8]| Value::BulkString(text.to_vec());
        let fields = fields.iter().flat_map(|(name, value)| [text(name.as_bytes()), text(value)]).collect();
        redis::from_redis_value(Value::Array(vec![text(b"1-0"), Value::Array(fields)])).unwrap()
    }

    const PAYMENT: (&str, &[u8]) = (CONTENT, br#"{"account":"ann","cents":5}"#);

    #[test]
    fn the_entrys_own_id_is_not_the_messages() {
        assert_eq!(entry(&[PAYMENT, (ID, b"m-1")]).message().id.as_deref(), Some("m-1"));
        let without = entry(&[PAYMENT]).message();
        assert_eq!((without.id, without.content.is_ok()), (None, true));
        assert!(entry(&[(ID, b"m-1")]).message().content.is_err());
    }

    #[test]
    fn an_id_is_one_text() {
        for (ids, id) in [
            (&[&b"a"[..]][..], Some("a")),
            (&[b"a", b"a"], Some("a")),
            (&[b"a", b"b"], None),
            (&[b"a", b""], None),
            (&[b"\xff"], None),
            (&[], None),
        ] {
            let fields: Vec<_> = ids.iter().map(|value| (ID, *value)).chain([PAYMENT]).collect();
            let message = entry(&fields).message();
            assert_eq!((message.id.as_deref(), message.content.is_ok()), (id, true), "{ids:?}");
        }
    }

    #[test]
    fn one_that_was_deleted_while_it_was_pending_has_no_fields() {
        let deleted = Value::Array(vec![Value::BulkString(b"1-0".to_vec()), Value::Nil]);
        let deleted: Entry = redis::from_redis_value(deleted).unwrap();
        assert!(deleted.id == "1-0" && deleted.message().content.is_err());
    }
}
