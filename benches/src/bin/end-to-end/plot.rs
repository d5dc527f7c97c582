//! The ratios of the table as bars, with the targets.

use std::fmt::Write as _;

use crate::measure::Measured;
use crate::plan::Case;

const WIDTH: u32 = 860;
const LABELS: u32 = 330;
/// So many pixels are a ratio of 1.
const SCALE: f64 = 420.0;
const LINE: u32 = 24;

/// An SVG file.
pub(crate) fn svg(all: &[Measured], machine: &str) -> String {
    let small = all.iter().map(|one| one.body).min();
    let small = all.iter().filter(|one| Some(one.body) == small);
    let told = small.filter(|one| matches!(one.row.case, Case::NoKey | Case::Fresh | Case::Replay));
    let guarded = told.filter(|one| one.row.subject.marks);
    let (limited, others): (Vec<_>, Vec<_>) = guarded.partition(|one| one.limit.is_some());
    let memory =
        others.into_iter().filter(|one| one.row.subject.peer || matches!(one.row.subject.name, "memory" | "by-hand"));
    let panels = [
        (
            "Requests per second, beside the bare handler",
            memory.map(|one| (one, one.of_bare, one.row.targets.rate)).collect::<Vec<_>>(),
        ),
        (
            "Requests per second, beside the store's own limit",
            limited
                .into_iter()
                .map(|one| (one, one.limit.map_or(0.0, |(_, ratio)| ratio), one.row.targets.of_limit))
                .collect(),
        ),
    ];
    let mut shapes = String::new();
    let mut y = 10;
    for (title, bars) in panels {
        y += LINE + 8;
        text(&mut shapes, (10, y), "font-weight=\"bold\"", title);
        y += 10;
        let top = y;
        for (one, ratio, target) in bars {
            let label = format!("{}, {}", one.row.title, one.row.what.replace('`', ""));
            text(&mut shapes, (LABELS - 8, y + 16), "text-anchor=\"end\"", &label);
            let colour = if one.row.subject.peer { "#9aa5b1" } else { "#2f6fb0" };
            let length = pixels(ratio);
            let _ = writeln!(
                shapes,
                "<rect x=\"{LABELS}\" y=\"{}\" width=\"{length}\" height=\"16\" fill=\"{colour}\"/>",
                y + 3
            );
            let mut value = format!("{ratio:.2}");
            if let Some(target) = target {
                let x = LABELS + pixels(target);
                let _ = writeln!(shapes, "<path d=\"M{x} {}v20\" stroke=\"#c0392b\" stroke-width=\"2\"/>", y + 1);
                let _ = write!(value, " (target {target:.2})");
            }
            text(&mut shapes, (LABELS + length.max(target.map_or(0, pixels)) + 6, y + 16), "", &value);
            y += LINE;
        }
        let one = LABELS + pixels(1.0);
        let _ = writeln!(shapes, "<path d=\"M{one} {top}V{y}\" stroke=\"#333\" stroke-dasharray=\"3 3\"/>");
    }
    y += LINE;
    text(&mut shapes, (10, y), "fill=\"#555\" font-size=\"11\"", &format!("{machine}. Bodies of 120 B."));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n{shapes}</svg>\n",
        height = y + 14
    )
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of a picture")]
fn pixels(ratio: f64) -> u32 {
    (ratio.clamp(0.0, 1.1) * SCALE).round() as u32
}

fn text(shapes: &mut String, (x, y): (u32, u32), attributes: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(shapes, "<text x=\"{x}\" y=\"{y}\" {attributes}>{text}</text>");
}
