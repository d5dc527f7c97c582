use std::marker::PhantomData;

use axum::extract::{FromRef, FromRequest, FromRequestParts};

use crate::Idempotency;

/// The router state has to provide an [`Idempotency`].
///
/// You see this name in a compiler's message when it does not. Give the router one with
/// `.with_state(idempotency)`, or make it a part of your state:
///
/// ```
/// use axum::extract::{FromRef, FromRequest, FromRequestParts};
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

// Without this, the compiler would say what the implementation lacks instead of what is written above.
#[diagnostic::do_not_recommend]
impl<S> ProvidesIdempotency for S where Idempotency: FromRef<S> {}

/// Compiles if `S` provides an [`Idempotency`].
pub const fn state_provides_idempotency<S: ProvidesIdempotency>() {}

/// Compiles if `E` can be an argument before the last, in a router whose state is `S`.
pub const fn leading_argument<S, E: FromRequestParts<S> + Send>() {}

/// Compiles if `E` can be the last argument and reads the body, in a router whose state is `S`. Where it cannot, the compiler
/// says why, as there is one way only.
pub const fn body_argument<S, E: FromRequest<S> + Send>() {}

/// Compiles if `E` can be the last argument, in a router whose state is `S`.
pub const fn last_argument<S, E: FromRequest<S, M> + Send, M>() {}
