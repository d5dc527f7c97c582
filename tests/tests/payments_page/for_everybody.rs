//! With the keyboard, with a screen reader, in the light and in the dark, on a small screen, without motion.

use serde_json::{Value, json};

use crate::visit::Visit;

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

const SWITCHES: [&str; 5] = ["Lose the answer", "Double click", "Slow provider", "Server error", "Change the amount"];

/// A page on which everything is shown that there is to show.
async fn full() -> Visit {
    let visit = Visit::start().await;
    visit.retries(1).await;
    for faults in [["Lose the answer", "Change the amount"], ["Server error", "Slow provider"]] {
        for fault in faults {
            visit.switch(fault).await;
        }
        visit.pay().await;
        if faults.contains(&"Change the amount") {
            for fault in faults {
                visit.switch(fault).await;
            }
        }
    }
    visit
}

#[tokio::test]
async fn the_keyboard_is_enough() {
    let visit = Visit::start().await;
    let browser = &visit.browser;
    let mut walked = Vec::new();
    for _ in 0..7 {
        browser.press(TAB).await;
        let focused = browser.focused().await;
        walked.push((browser.role(&focused).await, browser.name(&focused).await));
        let outline = "return getComputedStyle(document.activeElement).outline";
        let outline = browser.script(outline).await;
        assert!(outline.as_str().unwrap().contains("solid 3px"), "{walked:?}: {outline}");
    }
    let switches = SWITCHES.map(|name| ("switch", name));
    let order = [&[("button", "Pay €12.50"), ("spinbutton", "Retries after the answer")], &switches[..]].concat();
    let walked: Vec<(&str, &str)> = walked.iter().map(|(role, name)| (role.as_str(), name.as_str())).collect();
    assert_eq!(walked, order);

    // The focus is on the last switch.
    browser.press(' ').await;
    assert_eq!(browser.script("return document.activeElement.checked").await, true);
    let pay = browser.named("button", "Pay €12.50").await;
    browser.script_with("arguments[0].focus()", vec![pay.argument()]).await;
    browser.press(ENTER).await;
    visit.done().await;
    assert_eq!(visit.happened().await.last().unwrap().0, "422");
    assert_eq!(browser.focused().await, pay, "the focus stays where it was");
    visit.ends_well().await;
}

#[tokio::test]
async fn a_screen_reader_is_told_what_is_what_and_what_has_changed() {
    let visit = Visit::start().await;
    let browser = &visit.browser;
    for (role, name) in [
        ("form", "Checkout"),
        ("group", "What goes wrong"),
        ("region", "Requests"),
        ("region", "Real charges"),
        ("region", "Totals since the program was started, as the server counts them"),
    ] {
        browser.named(role, name).await;
    }
    let tree = browser.devtools("Accessibility.getFullAXTree", json!({})).await;
    let nodes = tree["nodes"].as_array().unwrap();
    let described =
        |name: &str| nodes.iter().find(|node| node["role"]["value"] == "switch" && node["name"]["value"] == name);
    for name in SWITCHES {
        assert!(
            described(name).unwrap()["description"]["value"].as_str().is_some_and(|text| text.len() > 10),
            "{name}"
        );
    }
    let live = "return [...document.querySelectorAll('[role=status], [aria-live=polite]')].map((region) => region.id)";
    assert_eq!(browser.script(live).await, json!(["status", "charges"]));
    let headings = "return [...document.querySelectorAll('h1, h2, h3')].map((heading) => heading.localName)";
    assert_eq!(browser.script(headings).await, json!(["h1", "h2", "h2", "h2", "h2"]));
    assert_eq!(browser.script("return document.documentElement.lang").await, "en");
    visit.ends_well().await;
}

/// Every text with too little contrast (WCAG 2.2, 1.4.3: 4.5 to 1, and 3 to 1 if it is large), and every control whose edge
/// has less than 3 to 1 (1.4.11).
const TOO_FAINT: &str = "
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = (colour) => {
        const [r, g, b] = numbers(colour).map((part) => part / 255)
            .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (one, other) => {
        const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
    };
    const behind = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const { backgroundColor } = getComputedStyle(each);
            const alpha = numbers(backgroundColor)[3] ?? 1;
            if (alpha === 1) return backgroundColor;
            if (alpha !== 0) throw new Error(`half transparent: ${backgroundColor}`);
        }
    };
    let judged = 0;
    const faint = [];
    const judge = (what, one, other, least) => {
        judged += 1;
        if (contrast(one, other) < least) faint.push(`${what}: ${one} on ${other}, ${contrast(one, other).toFixed(2)}`);
    };
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode;
        const element = text.parentElement;
        if (!text.data.trim() || !element.checkVisibility() || element.closest('template')) continue;
        const style = getComputedStyle(element);
        const size = parseFloat(style.fontSize);
        const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
        judge(text.data.trim(), style.color, behind(element), large ? 3 : 4.5);
    }
    for (const control of document.querySelectorAll('input')) {
        judge(control.name || control.id, getComputedStyle(control).borderTopColor, behind(control.parentElement), 3);
    }
    for (const dot of document.querySelectorAll('.dots i')) {
        judge(dot.dataset.outcome, getComputedStyle(dot).borderTopColor, behind(dot.parentElement), 3);
    }
    return { judged, faint, ground: getComputedStyle(document.body).backgroundColor };
";

#[tokio::test]
async fn all_of_it_can_be_read_in_the_light_and_in_the_dark() {
    let visit = full().await;
    let mut grounds = Vec::new();
    for scheme in ["light", "dark"] {
        visit.browser.prefer("prefers-color-scheme", scheme).await;
        // Colours that are on their way are nobody's choice.
        let settled = "return document.getAnimations().every((each) => each.playState == 'finished')";
        visit.browser.until("the colours", settled).await;
        let seen = visit.browser.script(TOO_FAINT).await;
        assert_eq!(seen["faint"], json!([]), "{scheme}");
        assert!(seen["judged"].as_u64().unwrap() > 80, "{seen}");
        grounds.push(seen["ground"].clone());
    }
    assert_ne!(grounds[0], grounds[1]);
    visit.ends_well().await;
}

#[tokio::test]
async fn on_a_small_screen_nothing_sticks_out() {
    let visit = full().await;
    for width in [320, 375, 768, 1000] {
        visit.browser.size(width, 800).await;
        let out = "const { clientWidth, scrollWidth } = document.documentElement; \
                   const out = [...document.querySelectorAll('body *')] \
                       .filter((each) => each.checkVisibility() && !each.closest('.unseen')) \
                       .filter((each) => each.getBoundingClientRect().right > clientWidth); \
                   return [innerWidth, scrollWidth - clientWidth, out.map((each) => each.outerHTML)]";
        assert_eq!(visit.browser.script(out).await, json!([width, 0, []]));
    }
    visit.ends_well().await;
}

#[tokio::test]
async fn nothing_moves_for_those_who_want_no_motion() {
    let visit = Visit::start().await;
    let count = "window.moved = 0; addEventListener('animationstart', () => moved += 1, true); \
                 addEventListener('transitionrun', () => moved += 1, true)";
    visit.browser.script(count).await;
    visit.browser.prefer("prefers-reduced-motion", "reduce").await;
    visit.switch("Server error").await;
    visit.pay().await;
    assert_eq!(visit.browser.script("return moved").await, 0);
    visit.browser.prefer("prefers-reduced-motion", "no-preference").await;
    visit.pay().await;
    assert_ne!(visit.browser.script("return moved").await, Value::from(0));
    visit.ends_well().await;
}
