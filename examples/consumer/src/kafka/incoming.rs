//! From a record of a topic to a message.

use rdkafka::Message as _;
use rdkafka::message::{Headers, OwnedMessage};

use crate::message::{Malformed, Message, Payment, only_id};

/// The header with the id that the producer gave the message.
pub const ID: &str = "id";

/// A message of this record of a topic. Its id is the header `id`; neither the key, which many messages share, nor the offset,
/// which is another one when the producer sends the message again. A record with two different ids has none that could be
/// trusted, and so none.
///
/// # Examples
///
/// ```
/// use consumer::kafka::message;
/// use rdkafka::Timestamp;
/// use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};
///
/// let headers = OwnedHeaders::new().insert(Header { key: "id", value: Some("p-1") });
/// let content = br#"{"account":"ann","cents":1250}"#.to_vec();
/// let record = OwnedMessage::new(Some(content), None, "payments".into(), Timestamp::NotAvailable, 0, 7, Some(headers));
/// let message = message(&record);
/// assert_eq!(message.id.as_deref(), Some("p-1"));
/// assert_eq!(message.content.unwrap().cents, 1250);
/// ```
#[must_use]
pub fn message(record: &OwnedMessage) -> Message {
    let content = match record.payload() {
        Some(json) => Payment::from_json(json),
        None => Err(Malformed("it has none (a tombstone)".into())),
    };
    Message { id: id(record), content }
}

fn id(record: &OwnedMessage) -> Option<String> {
    only_id(record.headers()?.iter().filter(|header| header.key == ID).map(|header| header.value))
}

#[cfg(test)]
mod tests {
    use rdkafka::Timestamp;
    use rdkafka::message::{Header, OwnedHeaders};

    use super::*;

    fn record(content: Option<&str>, ids: &[Option<&[u8]>]) -> OwnedMessage {
        let headers =
            ids.iter().fold(OwnedHeaders::new(), |headers, value| headers.insert(Header { key: ID, value: *value }));
        let content = content.map(|content| content.as_bytes().to_vec());
        OwnedMessage::new(content, None, "payments".into(), Timestamp::NotAvailable, 0, 0, Some(headers))
    }

    #[test]
    fn an_id_is_one_text() {
        for (ids, id) in [
            (&[Some(&b"a"[..])][..], Some("a")),
            (&[Some(b"a"), Some(b"a")], Some("a")),
            (&[Some(b"a"), Some(b"b")], None),
            (&[Some(b"a"), None], None),
            (&[Some(b"\xff")], None),
            (&[None], None),
            (&[], None),
        ] {
            assert_eq!(message(&record(Some("{}"), ids)).id.as_deref(), id, "{ids:?}");
        }
    }

    #[test]
    fn a_tombstone_is_no_payment() {
        let why = message(&record(None, &[])).content.unwrap_err();
        assert!(why.to_string().contains("tombstone"));
    }
}
