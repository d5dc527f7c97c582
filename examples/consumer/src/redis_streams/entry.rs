//! From an entry of a stream to a message.

use redis::streams::StreamId;

use crate::message::{Malformed, Message, Payment};

/// The field with the message's id.
pub(super) const ID: &str = "id";
/// The field with its content.
pub(super) const CONTENT: &str = "content";

/// The message of an entry.
pub(super) fn message(entry: &StreamId) -> Message {
    let content = match entry.get::<Vec<u8>>(CONTENT) {
        Some(content) => Payment::from_json(&content),
        None => Err(Malformed("the entry has no field `content`".into())),
    };
    Message { id: entry.get(ID), content }
}

#[cfg(test)]
mod tests {
    use redis::Value;

    use super::*;

    fn entry(fields: &[(&str, &str)]) -> StreamId {
        let value = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let map = fields.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect();
        StreamId { id: "1-0".into(), map, ..StreamId::default() }
    }

    #[test]
    fn the_entrys_own_id_is_not_the_messages() {
        let content = (CONTENT, r#"{"account":"ann","cents":5}"#);
        assert_eq!(message(&entry(&[content, (ID, "m-1")])).id.as_deref(), Some("m-1"));
        let without = message(&entry(&[content]));
        assert_eq!((without.id, without.content.is_ok()), (None, true));
        assert!(message(&entry(&[(ID, "m-1")])).content.is_err());
    }
}
