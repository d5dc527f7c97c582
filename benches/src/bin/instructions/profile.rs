//! Where the instructions of the hottest requests go, as `benches/PROFILE.md`.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use idem_benches::Table;

use crate::pieces::{PIECES, Piece};

/// A share of a request: the functions that do it, by a part of their names, with all that they call.
struct Share {
    what: &'static str,
    functions: &'static [&'static str],
}

const fn share(what: &'static str, functions: &'static [&'static str]) -> Share {
    Share { what, functions }
}

const SHARES: [Share; 9] = [
    share("what of the request a claim needs is kept: key, URI, origin", &["::guarded::Kept::of"]),
    share("the digest of operation, scope and key (BLAKE3, one block)", &["::Digester::record_key"]),
    share("the digest of key, target and body (BLAKE3, three blocks)", &["::Digester::fingerprint"]),
    share("the store is asked, or claimed", &["::claim_at_once"]),
    share("the record is written out", &["::message::encode"]),
    share("the record is kept", &["idem_runtime::engine::Engine>::complete::"]),
    share("the recorded head is read", &["::message::decode"]),
    share("the answer is marked as a replay", &["::run::mark_replayed"]),
    share("the engine's part is made, and its allocation", &["::adopt::Adoptable<T>::new"]),
];

/// The pieces that are shown, and what they do.
const PROFILED: [(&str, &str); 2] =
    [("request_replayed", "a replay from memory"), ("request_fresh", "a fresh key, in memory")];

/// The whole text.
pub(crate) fn text(count: impl Fn(&Piece) -> io::Result<u64>) -> io::Result<String> {
    let mut text = "# Where the instructions of a request go\n\n\
         Written by `cargo run --release -p idem-benches --bin instructions -- --profile`, which runs each request a thousand \
         times under callgrind (`apt-get install valgrind`). Instructions for one request with a body of 120 B, without a \
         connection; each share with all that it calls, its allocations included. What of a request is in no share is axum's \
         own, the handler's, or too small to name.\n"
        .to_owned();
    let piece = |name: &str| PIECES.iter().find(|piece| piece.name == name);
    let bare = piece("request_bare").map_or(Ok(0), &count)?;
    for (name, title) in PROFILED {
        let Some(piece) = piece(name) else { continue };
        let all = count(piece)?;
        let _ = write!(text, "\n## {title}\n\n");
        let mut table = Table::new(&["share", "instructions", "of what the guard adds"]);
        let added = all.saturating_sub(bare).max(1);
        let mut named = 0;
        let annotated = annotated(piece)?;
        for share in &SHARES {
            let is = inclusive(&annotated, share).map(|is| is / piece.times);
            // A replay begins with the one request that is recorded.
            let Some(is) = is.filter(|is| *is > 1) else { continue };
            named += is;
            table.row(&[share.what.to_owned(), is.to_string(), format!("{}%", is * 100 / added)]);
        }
        let rest = added.saturating_sub(named);
        table.row(&["all else of the guard".to_owned(), rest.to_string(), format!("{}%", rest * 100 / added)]);
        let _ = writeln!(text, "{all} in all, where the bare handler takes {bare}: the guard adds {added}.\n");
        text.push_str(table.as_str());
    }
    Ok(text)
}

/// What `callgrind_annotate` says of each function.
fn annotated(piece: &Piece) -> io::Result<String> {
    let folder = tempfile::TempDir::new()?;
    let out = folder.path().join("callgrind");
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(std::env::current_exe()?)
        .args(["--repeat", piece.name, &piece.times.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|error| io::Error::other(format!("valgrind: {error} (`apt-get install valgrind`)")))?;
    if !status.success() {
        return Err(io::Error::other(format!("{}: valgrind ended with {status}", piece.name)));
    }
    annotate(&out)
}

fn annotate(file: &Path) -> io::Result<String> {
    let output = Command::new("callgrind_annotate")
        .args(["--inclusive=yes", "--threshold=100", "--show-percs=no", "--auto=no"])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| io::Error::other(format!("callgrind_annotate: {error}, which valgrind brings")))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The largest figure of this share's functions: of one that calls another, the caller's. `None` if none was run, or none is
/// left where the compiler has moved all into others.
fn inclusive(annotated: &str, share: &Share) -> Option<u64> {
    let figure = |line: &str| {
        let (number, function) = line.trim_start().split_once(' ')?;
        let is_of_share = share.functions.iter().any(|name| function.contains(name));
        is_of_share.then(|| number.replace(',', "").parse::<u64>().ok()).flatten()
    };
    annotated.lines().filter_map(figure).max()
}
