//! Values of expressions over a handler's arguments: `key = order.id`, `scope = user.tenant`, `fingerprint = order`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;

/// A value that can be an idempotency key or a scope.
///
/// `None` means that there is none: a missing key follows `missing`, a missing scope is refused, and never shared.
/// Parts of a tuple are kept apart whatever they contain.
///
/// # Examples
///
/// ```
/// use idem_runtime::KeyValue;
///
/// struct OrderId(u64);
///
/// impl KeyValue for OrderId {
///     fn key_text(&self) -> Option<String> {
///         Some(self.0.to_string())
///     }
/// }
///
/// assert_eq!(Some(OrderId(7)).key_text().as_deref(), Some("7"));
/// assert_eq!(("eu", 7).key_text().as_deref(), Some("2:eu1:7"));
/// assert_eq!(("eu", None::<u64>).key_text(), None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an idempotency key or a scope",
    label = "this is neither text nor a number",
    note = "strings, integers, `Option`s and tuples of them can; for a type of your own write `.to_string()` behind it, or \
            implement `idem_runtime::KeyValue` for it"
)]
pub trait KeyValue {
    /// The text, or `None` if there is no value.
    fn key_text(&self) -> Option<String>;
}

macro_rules! as_display {
    ($($type:ty),* $(,)?) => {$(
        impl KeyValue for $type {
            fn key_text(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

as_display!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, char, str, String, Cow<'_, str>);

impl<T: KeyValue + ?Sized> KeyValue for &T {
    fn key_text(&self) -> Option<String> {
        T::key_text(self)
    }
}

impl<T: KeyValue + ?Sized> KeyValue for Box<T> {
    fn key_text(&self) -> Option<String> {
        T::key_text(self)
    }
}

impl<T: KeyValue + ?Sized> KeyValue for Arc<T> {
    fn key_text(&self) -> Option<String> {
        T::key_text(self)
    }
}

impl<T: KeyValue + ?Sized> KeyValue for Rc<T> {
    fn key_text(&self) -> Option<String> {
        T::key_text(self)
    }
}

impl<T: KeyValue> KeyValue for Option<T> {
    fn key_text(&self) -> Option<String> {
        self.as_ref().and_then(KeyValue::key_text)
    }
}

macro_rules! as_tuple {
    ($($name:ident)+) => {
        impl<$($name: KeyValue),+> KeyValue for ($($name,)+) {
            #[allow(non_snake_case)]
            fn key_text(&self) -> Option<String> {
                let ($($name,)+) = self;
                let mut text = String::new();
                $(
                    let part = $name.key_text()?;
                    // An empty part is a missing value that hides behind its neighbours.
                    if part.is_empty() {
                        return None;
                    }
                    let _ = write!(text, "{}:{part}", part.len());
                )+
                Some(text)
            }
        }
    };
}

as_tuple!(A);
as_tuple!(A B);
as_tuple!(A B C);
as_tuple!(A B C D);

/// The values of a route's expressions for one request.
#[derive(Default)]
pub struct Arguments {
    pub(crate) key: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) fingerprint: Option<Result<Vec<u8>, serde_json::Error>>,
}

/// None yet. A function and no constructor: where the runtime's path is wrong, the compiler offers no other `Arguments`.
#[must_use]
pub fn arguments() -> Arguments {
    Arguments::default()
}

impl Arguments {
    /// With the key.
    #[must_use]
    pub fn key<V: KeyValue + ?Sized>(mut self, value: &V) -> Self {
        self.key = value.key_text();
        self
    }

    /// With the scope.
    #[must_use]
    pub fn scope<V: KeyValue + ?Sized>(mut self, value: &V) -> Self {
        self.scope = value.key_text();
        self
    }

    /// With what has to be the same for a retry.
    #[must_use]
    pub fn fingerprint<V: Serialize + ?Sized>(mut self, value: &V) -> Self {
        self.fingerprint = Some(super::content::of_value(value));
        self
    }
}

impl std::fmt::Debug for Arguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Arguments(..)")
    }
}
