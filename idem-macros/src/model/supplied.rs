//! Arguments that the caller does not pass: what only the running call has.

use syn::{Attribute, Type};

use super::{argument::Argument, known};
use crate::errors::Errors;

/// What is supplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Supply {
    Execution,
    Transaction,
}

/// The marker, as it is written.
const MARKER: &str = "supplied";

/// Whether an attribute marks an argument that is supplied.
pub(crate) fn is_marker(attribute: &Attribute) -> bool {
    attribute.path().is_ident(MARKER)
}

/// Takes the markers off the arguments. Gives for each argument what it is supplied with, if it is.
pub(super) fn supplied(arguments: &mut [Argument], errors: &mut Errors) -> Vec<Option<Supply>> {
    let mut transaction = false;
    let each = arguments.iter_mut().map(|argument| {
        let marker = argument.attributes.iter().position(is_marker);
        let marker = marker.map(|place| argument.attributes.remove(place));
        let supply = by_name(&argument.ty);
        match (&marker, supply) {
            (Some(marker), _) if marker.meta.require_path_only().is_err() => {
                errors.at(marker, format!("`#[{MARKER}]` says all there is to say: leave out what follows"));
            }
            (Some(_), None) => {
                let message = "only what the call itself has is supplied: its `Execution`, and the record's transaction, a \
                               `PostgresTransaction` or a `SqliteTransaction`";
                errors.at(&argument.ty, message);
            }
            (None, Some(Supply::Transaction)) => {
                let message = format!(
                    "the record's transaction begins with the call, so its caller has none to pass: write `#[{MARKER}]` \
                     before this argument"
                );
                errors.at(&argument.ty, message);
            }
            (Some(_), Some(Supply::Transaction)) if transaction => {
                errors.at(&argument.ty, "a call has one transaction, that of its record: keep one");
            }
            _ => {}
        }
        let supply = marker.and(supply);
        transaction |= supply == Some(Supply::Transaction);
        supply
    });
    each.collect()
}

fn by_name(ty: &Type) -> Option<Supply> {
    let Type::Path(path) = known::peeled(ty) else { return None };
    match path.path.segments.last()?.ident.to_string().as_str() {
        "Execution" => Some(Supply::Execution),
        "PostgresTransaction" | "SqliteTransaction" => Some(Supply::Transaction),
        // A store of one's own; many crates have a `Transaction`.
        "Transaction" if path.path.segments.first()?.ident == "idem_runtime" => Some(Supply::Transaction),
        _ => None,
    }
}
