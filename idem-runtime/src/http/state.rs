use std::marker::PhantomData;

use axum::extract::FromRef;

use crate::Idempotency;

/// The router state has to provide an [`Idempotency`].
///
/// You see this name in a compiler's message when it does not. Give the router one with
/// `.with_state(idempotency)`, or make it a part of your state:
///
/// ```
/// use axum::extract::FromRef;
/// use idem_runtime::Idempotency;
///
/// #[derive(Clone, FromRef)]
/// struct AppState {
///     idempotency: Idempotency,
/// }
/// ```
///
/// It is the marker that tells axum's `FromRequest` for guarded arguments from axum's own implementations.
#[derive(Debug)]
pub struct RouterStateProvidesIdempotency<M>(PhantomData<fn() -> M>);

/// A router state that has an [`Idempotency`] in it.
#[diagnostic::on_unimplemented(
    message = "the router state `{Self}` provides no `Idempotency`",
    label = "this state has no `Idempotency` in it",
    note = "add a field `idempotency: idem_runtime::Idempotency` to `{Self}` and derive `axum::extract::FromRef`, or write \
            `impl axum::extract::FromRef<{Self}> for idem_runtime::Idempotency`"
)]
pub trait ProvidesIdempotency {}

impl<S> ProvidesIdempotency for S where Idempotency: FromRef<S> {}

/// Compiles if `S` provides an [`Idempotency`].
pub const fn state_provides_idempotency<S: ProvidesIdempotency>() {}
