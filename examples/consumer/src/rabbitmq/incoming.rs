//! From a delivery to a message.

use lapin::BasicProperties;
use lapin::types::AMQPValue;
use serde_json::Value;

use crate::message::{Malformed, Message, Payment, unreadable};

/// A message of these properties and this content.
///
/// Its id is the property `message_id`. A task of Celery has no such; the task's id does, which Celery keeps when it sends a
/// task again: the header `id`, or the property `correlation_id`. Its content is `[args, kwargs, embed]`: the payment is in
/// `kwargs`, or else it is the first of `args`.
///
/// Source: Celery's message protocol, version 2: <https://docs.celeryq.dev/en/stable/internals/protocol.html>.
///
/// # Examples
///
/// ```
/// use consumer::rabbitmq::message;
/// use lapin::BasicProperties;
///
/// let properties = BasicProperties::default().with_message_id("p-1".into());
/// let message = message(&properties, br#"{"account":"ann","cents":1250}"#);
/// assert_eq!(message.id.as_deref(), Some("p-1"));
/// assert_eq!(message.content.unwrap().cents, 1250);
/// ```
#[must_use]
pub fn message(properties: &BasicProperties, content: &[u8]) -> Message {
    let id = properties.message_id().as_ref().map(ToString::to_string);
    if header(properties, "task").is_none() {
        return Message { id, content: Payment::from_json(content) };
    }
    let correlation_id = || properties.correlation_id().as_ref().map(ToString::to_string);
    let id = id.or_else(|| header(properties, "id")).or_else(correlation_id);
    Message { id, content: task(content) }
}

/// A header that is text.
fn header(properties: &BasicProperties, name: &str) -> Option<String> {
    match properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn task(content: &[u8]) -> Result<Payment, Malformed> {
    let (args, kwargs, _): (Vec<Value>, serde_json::Map<String, Value>, Value) =
        serde_json::from_slice(content).map_err(|error| unreadable(&error))?;
    match args.into_iter().next() {
        _ if !kwargs.is_empty() => Payment::from_value(Value::Object(kwargs)),
        Some(first) => Payment::from_value(first),
        None => Err(Malformed("its task has no arguments".into())),
    }
}

#[cfg(test)]
mod tests {
    use lapin::types::FieldTable;

    use super::*;

    fn celery(headers: &[(&str, &str)]) -> BasicProperties {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), AMQPValue::LongString((*value).into()));
        }
        BasicProperties::default().with_headers(table).with_correlation_id("by-correlation".into())
    }

    #[test]
    fn a_task_of_celerys() {
        let properties = celery(&[("task", "book"), ("id", "by-header"), ("lang", "py")]);
        for content in [
            r#"[[], {"account": "ann", "cents": 5}, {"callbacks": null, "chain": null}]"#,
            r#"[[{"account": "ann", "cents": 5}], {}, null]"#,
        ] {
            let message = message(&properties, content.as_bytes());
            assert_eq!(message.id.as_deref(), Some("by-header"));
            assert_eq!(message.content.unwrap(), Payment { account: "ann".into(), cents: 5 });
        }
        let message = message(&celery(&[("task", "book")]), b"[[], {}, null]");
        assert_eq!(message.id.as_deref(), Some("by-correlation"));
        assert!(message.content.is_err());
    }

    /// It names what an answer belongs to, and a message is no answer to itself.
    #[test]
    fn a_correlation_id_is_the_id_of_tasks_only() {
        let message = message(&celery(&[("id", "by-header")]), br#"{"account":"ann","cents":5}"#);
        assert_eq!((message.id, message.content.is_ok()), (None, true));
    }
}
