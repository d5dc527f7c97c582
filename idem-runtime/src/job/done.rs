//! A value, and whether it comes from a record.

use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a call came to: its value, and whether the work ran for it or a record had it.
///
/// It is serialised as the value alone. What is deserialised comes from a record, and so is a replay; that makes it the
/// result of an `#[idempotent_fn]` whose caller wants to know.
///
/// # Examples
///
/// ```
/// use idem_runtime::{Done, Idempotency, JobRefusal, MemoryStore, idempotent_fn};
///
/// #[idempotent_fn(ttl = "24h", key = order, store = idempotency)]
/// async fn ship(idempotency: &Idempotency, order: u64) -> Result<Done<String>, JobRefusal> {
///     Ok(Done::executed(format!("parcel {order}")))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), JobRefusal> {
/// let idempotency = Idempotency::new(MemoryStore::new());
/// assert!(!ship(&idempotency, 7).await?.is_replayed());
/// let again = ship(&idempotency, 7).await?;
/// assert!(again.is_replayed());
/// assert_eq!(*again, "parcel 7");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Done<T> {
    value: T,
    replayed: bool,
}

impl<T> Done<T> {
    /// A value that the work has made here and now.
    pub const fn executed(value: T) -> Self {
        Self { value, replayed: false }
    }

    pub(super) const fn replayed(value: T) -> Self {
        Self { value, replayed: true }
    }

    /// Whether the work had run before, and this is what it came to then.
    #[must_use]
    pub const fn is_replayed(&self) -> bool {
        self.replayed
    }

    /// The value alone.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Done<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> From<T> for Done<T> {
    fn from(value: T) -> Self {
        Self::executed(value)
    }
}

impl<T: Serialize> Serialize for Done<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Done<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::replayed)
    }
}
