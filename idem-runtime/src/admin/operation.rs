//! Which operation a key belongs to, as an operator names it.

use crate::digest::OperationName;

/// Which operation a key belongs to: a part of its digest.
///
/// # Examples
///
/// ```
/// use idem_runtime::admin::Operation;
///
/// // `#[idempotent(ttl = "1h", operation = "pay")]`, whatever its route.
/// assert_eq!(Operation::of_handler("pay"), Operation::Named("pay".into()));
/// // `#[idempotent_fn(ttl = "1h", key = order)] async fn ship(..)` in the module `parcels` of the package `shop`.
/// let ship = Operation::Job("shop::parcels::ship".into());
/// assert_ne!(ship, Operation::Named("shop::parcels::ship".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A handler without a name of its own: its method, and its route as axum matches it, `/v1/payments/{id}`, with what it
    /// is nested in.
    Route {
        /// The method, in capitals.
        method: String,
        /// The route.
        path: String,
    },
    /// A handler with `operation = ".."`.
    Named(String),
    /// A route that a [layer](crate::Idempotency::layer) guards, as in [`Route`](Self::Route). Where the layer is around the router,
    /// and sees no route, the path of the request.
    LayerRoute {
        /// The method, in capitals.
        method: String,
        /// The route.
        path: String,
    },
    /// What a layer guards that has a name, [`operation`](crate::IdempotencyLayerBuilder::operation).
    LayerNamed(String),
    /// A job: the `operation` of an `#[idempotent_fn]`, its path (`shop::parcels::ship`) where it has none, or the name of a
    /// [`Job`](crate::Job).
    Job(String),
}

impl Operation {
    /// Reads the operation of a handler: `POST /pay` is a route, anything else a name.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::admin::Operation;
    ///
    /// let route = Operation::Route { method: "POST".into(), path: "/pay".into() };
    /// assert_eq!(Operation::of_handler("POST /pay"), route);
    /// assert_eq!(Operation::of_handler("post an order"), Operation::Named("post an order".into()));
    /// ```
    #[must_use]
    pub fn of_handler(text: &str) -> Self {
        match text.split_once(' ') {
            Some((method, path))
                if path.starts_with('/') && !method.is_empty() && method.bytes().all(|c| c.is_ascii_uppercase()) =>
            {
                Self::Route { method: method.to_owned(), path: path.to_owned() }
            }
            _ => Self::Named(text.to_owned()),
        }
    }

    /// Reads the operation of what a layer guards, in the same way.
    ///
    /// # Examples
    ///
    /// ```
    /// use idem_runtime::admin::Operation;
    ///
    /// let route = Operation::LayerRoute { method: "POST".into(), path: "/pay".into() };
    /// assert_eq!(Operation::of_layer("POST /pay"), route);
    /// assert_eq!(Operation::of_layer("payments"), Operation::LayerNamed("payments".into()));
    /// ```
    #[must_use]
    pub fn of_layer(text: &str) -> Self {
        match Self::of_handler(text) {
            Self::Route { method, path } => Self::LayerRoute { method, path },
            _ => Self::LayerNamed(text.to_owned()),
        }
    }

    pub(super) fn name(&self) -> OperationName<'_> {
        match self {
            Self::Route { method, path } => OperationName::Route { method, path },
            Self::Named(name) => OperationName::Named(name),
            Self::LayerRoute { method, path } => OperationName::LayerRoute { method, path },
            Self::LayerNamed(name) => OperationName::LayerNamed(name),
            Self::Job(name) => OperationName::Job(name),
        }
    }
}
