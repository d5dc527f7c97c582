//! `cargo +nightly fuzz run attribute`, in `idem-macros`.
//!
//! A crate of macros cannot be linked by a program, so its modules are taken in by their paths.

#![no_main]

#[path = "../../src/args/mod.rs"]
mod args;
#[path = "../../src/attribute.rs"]
mod attribute;
#[path = "../../src/errors.rs"]
mod errors;
#[path = "../../src/expand/mod.rs"]
mod expand;
#[path = "../../src/fallback.rs"]
mod fallback;
#[path = "../../src/item.rs"]
mod item;
#[path = "../../src/model/mod.rs"]
mod model;
#[path = "../../src/near.rs"]
mod near;

#[path = "../../src/tests/any_attribute.rs"]
mod any_attribute;

use any_attribute::{chosen, expands};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match bytes.split_first() {
        // Any text: its first line is the attribute, the rest the item.
        Some((b'"', text)) => {
            let Ok(text) = std::str::from_utf8(text) else { return };
            let (args, item) = text.split_once('\n').unwrap_or((text, "async fn pay(order: String) {}"));
            expands(args, item);
        }
        _ => {
            let (args, item) = chosen(bytes);
            expands(&args, &item);
        }
    }
});
