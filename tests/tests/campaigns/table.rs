//! The page about faults names every campaign, with what it came to.

use std::path::Path;

use super::{CAMPAIGNS, Campaign};

const MARK: &str = "<!-- written by tests/tests/campaigns -->";

fn row(campaign: &Campaign) -> String {
    let Campaign { name, kind, fault, counts } = campaign;
    format!(
        "| `{name}` | {} | {fault} | {} | {} | {} | {} | {} |\n",
        kind.title(),
        counts.operations,
        counts.repeated,
        counts.second_executions,
        counts.changed_answers,
        counts.lost_records
    )
}

#[test]
fn the_page_names_every_campaign_and_its_counts() {
    let mut table = String::from(
        "| campaign | store | fault | operations | effects repeated after a lease | second executions | changed answers \
         | lost records |\n|---|---|---|---|---|---|---|---|\n",
    );
    table.extend(CAMPAIGNS.iter().map(row));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../idem-runtime/docs/faults.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let parts: Vec<_> = page.split(MARK).collect();
    let [before, found, after] = parts[..] else { panic!("the table stands between two lines `{MARK}`") };
    if std::env::var_os("IDEM_BLESS").is_some() {
        std::fs::write(&path, format!("{before}{MARK}\n\n{table}\n{MARK}{after}")).unwrap();
        return;
    }
    assert_eq!(found.trim(), table.trim(), "run it with IDEM_BLESS=1");
}
