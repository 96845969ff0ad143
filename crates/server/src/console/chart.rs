//! Small charts as SVG: no script, colours from the style sheet, a text alternative on each.
//!
//! A chart takes plain numbers and returns markup. It knows nothing of models or patients.

use maud::{Markup, PreEscaped, html};
use std::fmt::Write;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 48.0;
const BOTTOM: f64 = 40.0;
/// The title of the y axis stands above the frame, clear of the uppermost tick.
const TOP: f64 = 30.0;
const RIGHT: f64 = 14.0;

/// A point (x, y) and, where known, an interval of y.
pub(crate) type Point = (f64, f64, Option<(f64, f64)>);

/// One line of a chart with its points (x, y) and, where known, an interval of y.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// Shown in the legend.
    pub name: String,
    /// The points in order of x.
    pub points: Vec<Point>,
    /// Whether the points are marked.
    pub marked: bool,
}

/// Axis titles and ranges of a chart.
#[derive(Clone, Debug)]
pub(crate) struct Axes {
    /// Title of the x axis, unit last.
    pub x: String,
    /// Title of the y axis, unit last.
    pub y: String,
    /// Largest x; 0 is the smallest.
    pub x_max: f64,
    /// Largest y; 0 is the smallest.
    pub y_max: f64,
    /// Whether the diagonal is drawn as the ideal.
    pub diagonal: bool,
}

/// Lines over axes from 0.
pub(crate) fn lines(title: &str, axes: &Axes, series: &[Series]) -> Markup {
    let mut body = frame(axes);
    for (index, one) in series.iter().enumerate() {
        draw(&mut body, axes, one, index);
    }
    html! {
        figure {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) width=(WIDTH) height=(HEIGHT)
                role="img" aria-label=(title) { (PreEscaped(body)) }
            figcaption.quiet {
                (title) ": "
                @for (index, one) in series.iter().enumerate() {
                    @if index > 0 { ", " }
                    span.key { (legend_mark(index, one.marked)) (one.name) }
                }
            }
        }
    }
}

fn draw(body: &mut String, axes: &Axes, series: &Series, index: usize) {
    let class = class(index);
    let mut path = String::new();
    for (x, y, interval) in &series.points {
        let (px, py) = place(axes, *x, *y);
        write_to(&mut path, format_args!("{px:.1},{py:.1} "));
        if let Some((low, high)) = interval {
            let (_, from) = place(axes, *x, *low);
            let (_, to) = place(axes, *x, *high);
            write_to(
                body,
                format_args!(
                    r#"<line class="{class}" x1="{px:.1}" x2="{px:.1}" y1="{from:.1}" y2="{to:.1}" opacity=".55"/>"#
                ),
            );
        }
        if series.marked {
            body.push_str(&marker(index, px, py, class));
        }
    }
    let dash = DASHES[index % DASHES.len()];
    write_to(
        body,
        format_args!(
            r#"<polyline class="{class}" style="fill:none" stroke-dasharray="{dash}" points="{path}"/>"#
        ),
    );
}

/// Dashes differ, so that lines can be told apart without colour.
const DASHES: [&str; 8] = [
    "",
    "6 3",
    "2 3",
    "8 3 2 3",
    "1 2",
    "12 3",
    "4 2 1 2",
    "10 2 2 2 2 2",
];

/// Marks differ in shape, not in colour alone.
fn marker(index: usize, x: f64, y: f64, class: &str) -> String {
    match index % 3 {
        0 => format!(r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="3.5"/>"#),
        1 => format!(
            r#"<rect class="{class}" x="{:.1}" y="{:.1}" width="6" height="6"/>"#,
            x - 3.0,
            y - 3.0
        ),
        _ => format!(
            r#"<path class="{class}" d="M{x:.1} {:.1} l4 7 h-8 z"/>"#,
            y - 4.0
        ),
    }
}

fn frame(axes: &Axes) -> String {
    let mut body = String::new();
    let (x0, y0) = place(axes, 0.0, 0.0);
    let (x1, y1) = place(axes, axes.x_max, axes.y_max);
    write_to(
        &mut body,
        format_args!(
            r#"<rect class="frame" x="{x0:.1}" y="{y1:.1}" width="{:.1}" height="{:.1}"/>"#,
            x1 - x0,
            y0 - y1
        ),
    );
    if axes.diagonal {
        write_to(
            &mut body,
            format_args!(
                r#"<line class="ideal" x1="{x0:.1}" y1="{y0:.1}" x2="{x1:.1}" y2="{y1:.1}"/>"#
            ),
        );
    }
    for step in 0..=4 {
        let part = f64::from(step) / 4.0;
        let (x, y) = place(axes, axes.x_max * part, axes.y_max * part);
        let (x_label, y_label) = (tick(axes.x_max * part), tick(axes.y_max * part));
        write_to(
            &mut body,
            format_args!(
                r#"<text x="{x:.1}" y="{:.1}" text-anchor="middle">{x_label}</text><text x="{:.1}" y="{:.1}" text-anchor="end">{y_label}</text>"#,
                y0 + 16.0,
                x0 - 6.0,
                y + 4.0
            ),
        );
    }
    write_to(
        &mut body,
        format_args!(
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text><text x="{:.1}" y="{:.1}">{}</text>"#,
            f64::midpoint(x0, x1),
            y0 + 34.0,
            escape(&axes.x),
            4.0,
            y1 - 14.0,
            escape(&axes.y)
        ),
    );
    body
}

/// A horizontal bar from 0 to `max` with an interval as a line and the point as a mark.
pub(crate) fn interval_bar(
    label: &str,
    value: f64,
    interval: Option<(f64, f64)>,
    max: f64,
) -> Markup {
    let scale = |x: f64| (x / max).clamp(0.0, 1.0) * 180.0 + 4.0;
    let (low, high) = interval.unwrap_or((value, value));
    html! {
        svg viewBox="0 0 190 20" width="190" height="20" role="img" aria-label=(label) {
            line.frame x1="4" x2="184" y1="10" y2="10" {}
            line.s1 x1=(scale(low)) x2=(scale(high)) y1="10" y2="10" stroke-width="5" opacity=".5" {}
            circle.s1 cx=(scale(value)) cy="10" r="5" {}
        }
    }
}

fn place(axes: &Axes, x: f64, y: f64) -> (f64, f64) {
    let along = |v: f64, max: f64| {
        if max > 0.0 {
            (v / max).clamp(0.0, 1.0)
        } else {
            0.0
        }
    };
    (
        LEFT + along(x, axes.x_max) * (WIDTH - LEFT - RIGHT),
        HEIGHT - BOTTOM - along(y, axes.y_max) * (HEIGHT - BOTTOM - TOP),
    )
}

fn tick(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn class(index: usize) -> &'static str {
    ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"][index % 8]
}

/// The line as it is drawn, with its mark where the points have one.
fn legend_mark(index: usize, marked: bool) -> Markup {
    let (class, dash) = (class(index), DASHES[index % DASHES.len()]);
    let mut mark = format!(
        r#"<line class="{class}" style="stroke-width:2" stroke-dasharray="{dash}" x1="1" x2="31" y1="6" y2="6"/>"#
    );
    if marked {
        mark.push_str(&marker(index, 16.0, 6.0, class));
    }
    html! { svg style="display:inline" viewBox="0 0 32 12" width="32" height="12" aria-hidden="true" { (PreEscaped(mark)) } " " }
}

fn escape(text: &str) -> String {
    html! { (text) }.into_string()
}

/// Writing to a `String` cannot fail.
fn write_to(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(arguments);
    debug_assert!(written.is_ok(), "a String takes every text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_escapes_what_it_is_given() {
        let axes = Axes {
            x: "<b>".into(),
            y: "y".into(),
            x_max: 1.0,
            y_max: 1.0,
            diagonal: true,
        };
        let series = Series {
            name: "<i>".into(),
            points: vec![(0.5, 0.5, Some((0.4, 0.6)))],
            marked: true,
        };
        let text = lines("t", &axes, &[series]).into_string();
        assert!(
            text.contains("&lt;b&gt;") && text.contains("&lt;i&gt;"),
            "{text}"
        );
        assert!(!text.contains("<b>") && !text.contains("<i>"));
    }
}
