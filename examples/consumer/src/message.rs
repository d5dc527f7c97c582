//! A message, as it is whatever brought it.

use serde::{Deserialize, Serialize};

/// What the producer wants booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Whose balance changes: 1 to 64 bytes.
    pub account: String,
    /// By how much, in cents; less than nothing is paid out.
    pub cents: i64,
}

/// Why a message's content is no payment. It names no content: what is wrong with a message can be a secret in the wrong
/// place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its content is no payment: {0}")]
pub struct Malformed(pub String);

/// A message that a broker has delivered.
#[derive(Clone, Debug)]
pub struct Message {
    /// The id that its *producer* gave it, and gives it again when it sends it again. A number that the broker made does not
    /// do: a producer that never saw its confirmation sends the message once more, and gets another number.
    pub id: Option<String>,
    /// What is to be booked.
    pub content: Result<Payment, Malformed>,
}

/// A message that is to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Its id, the same however often it is sent. One without is never booked.
    pub id: Option<String>,
    /// Its content: a payment as JSON, or what is none.
    pub content: String,
}

impl Payment {
    /// From JSON: `{"account":"ann","cents":1250}`. Fields that are not known are left for later releases.
    ///
    /// # Errors
    /// When it is no payment.
    ///
    /// # Examples
    ///
    /// ```
    /// use consumer::Payment;
    ///
    /// assert_eq!(Payment::from_json(br#"{"account":"ann","cents":1250}"#).unwrap().cents, 1250);
    /// assert!(Payment::from_json(b"{").is_err());
    /// ```
    pub fn from_json(json: &[u8]) -> Result<Self, Malformed> {
        let payment: Self = serde_json::from_slice(json).map_err(|error| unreadable(&error))?;
        payment.checked()
    }

    /// From a piece of a larger JSON document.
    ///
    /// # Errors
    /// When it is no payment.
    pub fn from_value(json: serde_json::Value) -> Result<Self, Malformed> {
        serde_json::from_value::<Self>(json).map_err(|error| unreadable(&error))?.checked()
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!(self).to_string()
    }

    fn checked(self) -> Result<Self, Malformed> {
        match (self.account.len(), self.cents) {
            (1..=64, 1.. | ..=-1) => Ok(self),
            (1..=64, 0) => Err(Malformed("it is about 0 cents".into())),
            (bytes, _) => Err(Malformed(format!("its account has {bytes} bytes, and not 1 to 64"))),
        }
    }
}

/// serde's own text can quote the content.
pub(crate) fn unreadable(error: &serde_json::Error) -> Malformed {
    let kind = match error.classify() {
        serde_json::error::Category::Data => "JSON of another kind",
        _ => "not JSON",
    };
    Malformed(format!("it is {kind} (line {}, column {})", error.line(), error.column()))
}

impl Message {
    /// What decides about its order: messages of one account are handled one after the other.
    #[must_use]
    pub fn order_key(&self) -> &str {
        match (&self.content, &self.id) {
            (Ok(payment), _) => &payment.account,
            (Err(_), Some(id)) => id,
            (Err(_), None) => "",
        }
    }
}

/// The id of a message that says it any number of times. With two that differ it has none: nobody knows which one its sender
/// would repeat.
pub(crate) fn only_id<'a>(mut ids: impl Iterator<Item = Option<&'a [u8]>>) -> Option<String> {
    let first = ids.next()?;
    if ids.any(|other| other != first) {
        return None;
    }
    std::str::from_utf8(first?).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_payment_is_said_without_quoting_it() {
        let long = format!(r#"{{"account":"{}","cents":1}}"#, "a".repeat(65));
        for (json, said) in [
            ("secret", "not JSON (line 1, column 1)"),
            (r#"{"account":"secret"}"#, "JSON of another kind"),
            (r#"{"account":"ann","cents":"secret"}"#, "JSON of another kind"),
            (r#"{"account":"ann","cents":0}"#, "0 cents"),
            (r#"{"account":"","cents":1}"#, "0 bytes"),
            (&long, "65 bytes"),
        ] {
            let why = Payment::from_json(json.as_bytes()).unwrap_err().to_string();
            assert!(why.contains(said) && !why.contains("secret"), "{json}: {why}");
        }
        assert_eq!(Payment::from_json(br#"{"account":"a","cents":-1,"new":[]}"#).unwrap().cents, -1);
    }
}
