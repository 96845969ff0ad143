//! The training report as one self-contained page: no script, no other file, charts as SVG.

use crate::report::{CurvePoint, TrainingReport};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;
/// Circles on a line: more would touch at this width.
const MARKS_MAX: usize = 40;

/// One line of a chart.
struct Line {
    name: &'static str,
    /// Of the style sheet.
    class: &'static str,
    points: Vec<(f64, f64)>,
}

const STYLE: &str = "\
:root{--ink:#1b1f24;--quiet:#59636e;--rule:#d1d9e0;--paper:#fff;--a:#0b62c4;--b:#b34a00}\
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--quiet:#9aa4ae;--rule:#3d444d;\
--paper:#0d1117;--a:#6cb0ff;--b:#ffa657}}\
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);\
max-width:1180px;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}\
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:1rem}\
figure{margin:0}figcaption{color:var(--quiet);font-size:.9rem}svg{width:100%;height:auto}\
text{fill:var(--quiet);font-size:12px}.frame{fill:none;stroke:var(--rule)}\
.grid{stroke:var(--rule);stroke-dasharray:2 3}.a,.b,.dot{fill:none;stroke-width:1.8}\
.a{stroke:var(--a)}.two .a{stroke-width:1.2;opacity:.6}.b{stroke:var(--b);stroke-width:2.2}\
.mark{fill:var(--paper);stroke:var(--b);stroke-width:1.8}\
.ka{color:var(--a);font-weight:600}.kb{color:var(--b);font-weight:600}\
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem .2rem 0;\
border-bottom:1px solid var(--rule);vertical-align:top}td.n{text-align:right;\
font-variant-numeric:tabular-nums}.warn li{margin:.2rem 0}code{font-size:.85rem;\
overflow-wrap:anywhere}";

impl TrainingReport {
    /// The page.
    pub fn to_html(&self) -> String {
        let record = &self.record;
        let mut page = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
             <title>Training report</title><style>{STYLE}</style></head><body>\
             <h1>Training report</h1><p>{} steps on {} events of {} subjects, {} parameters, \
             preset {}. {}</p>",
            record.steps_done,
            grouped(record.events[0] as f64),
            grouped(record.subjects[0] as f64),
            grouped(record.parameters as f64),
            escaped(&self.preset),
            escaped(&self.preset_reason),
        );
        self.warnings_to(&mut page);
        page.push_str("<h2>Course</h2><div class=\"charts\">");
        for (title, x, lines) in self.charts() {
            chart(&mut page, title, x, &lines);
        }
        page.push_str("</div>");
        table(&mut page, "Likelihood", &self.likelihood());
        table(&mut page, "Speed and energy", &self.speed_rows());
        table(&mut page, "What it belongs to", &self.belongs());
        page.push_str("</body></html>\n");
        page
    }

    fn warnings_to(&self, page: &mut String) {
        page.push_str("<h2>Warnings</h2>");
        if self.warnings.is_empty() {
            page.push_str("<p>None.</p>");
            return;
        }
        page.push_str("<ul class=\"warn\">");
        for warning in &self.warnings {
            page.push_str(&format!("<li>{}</li>", escaped(warning)));
        }
        page.push_str("</ul>");
    }

    fn charts(&self) -> Vec<(&'static str, &'static str, Vec<Line>)> {
        let of = |value: &dyn Fn(&CurvePoint) -> Option<f64>| -> Vec<(f64, f64)> {
            let point = |point: &CurvePoint| Some((point.step as f64, value(point)?));
            self.curve.iter().filter_map(point).collect()
        };
        let one = |name, points| {
            vec![Line {
                name,
                class: "a",
                points,
            }]
        };
        let tuning = self.tuning.iter();
        let tuning = tuning.map(|point| (point.step as f64, point.nats.learnt()));
        let loss = vec![
            Line {
                name: "batches",
                class: "a",
                points: of(&|point| Some(point.nats?.learnt())),
            },
            Line {
                name: "subjects to stop early on",
                class: "b",
                points: tuning.collect(),
            },
        ];
        vec![
            (
                "Learnt nats an event (wait, code and value bin)",
                "step",
                loss,
            ),
            (
                "Learning rate",
                "step",
                one("rate", of(&|p| Some(p.learning_rate))),
            ),
            (
                "Norm of the gradient before clipping",
                "step",
                one("norm", of(&|p| Some(p.gradient_norm))),
            ),
            (
                "Positions a second",
                "step",
                one("positions a second", self.rates()),
            ),
        ]
    }

    /// Positions a second between neighbouring points of the curve.
    fn rates(&self) -> Vec<(f64, f64)> {
        let pairs = self.curve.windows(2);
        let pairs = pairs.map(|pair| {
            let seconds = (pair[1].seconds - pair[0].seconds).max(1e-9);
            let tokens = pair[1].tokens.saturating_sub(pair[0].tokens) as f64;
            (pair[1].step as f64, tokens / seconds)
        });
        pairs.collect()
    }

    fn likelihood(&self) -> Vec<(String, String)> {
        let named = |step: u64| self.tuning.iter().find(|point| point.step == step);
        let shown = |point: Option<&crate::TuningPoint>| {
            point.map_or("not measured".to_owned(), |point| {
                let n = point.nats;
                format!(
                    "{:.4} nats an event: wait {:.4}, code {:.4}, value bin {:.4}; \
                     constant part apart {:.4}",
                    n.learnt(),
                    n.wait,
                    n.code,
                    n.value_bin,
                    n.value_within
                )
            })
        };
        vec![
            ("marginal model, step 0".to_owned(), shown(named(0))),
            (
                format!("kept weights, step {}", self.record.best_step),
                shown(named(self.record.best_step)),
            ),
            ("last evaluation".to_owned(), shown(self.tuning.last())),
        ]
    }

    fn speed_rows(&self) -> Vec<(String, String)> {
        let (s, m, e) = (&self.speed, &self.machine, &self.energy);
        let peak = match (s.share_of_peak, m.peak_gflops_per_core) {
            (Some(share), Some(peak)) => {
                format!(
                    "{:.1} % of {peak:.0} GFLOP/s a core, measured",
                    100.0 * share
                )
            }
            _ => "not measured".to_owned(),
        };
        let memory = m.peak_memory_bytes;
        let memory = memory.map_or("not known".to_owned(), |b| format!("{} MiB", b >> 20));
        let rows = [
            ("seconds", format!("{:.1}", s.seconds)),
            ("positions", grouped(self.record.tokens as f64)),
            ("passes over the data", format!("{:.2}", self.record.epochs)),
            ("positions a second", grouped(s.tokens_per_second)),
            (
                "positions a second of one core",
                grouped(s.tokens_per_processor_second),
            ),
            ("share of the machine's peak", peak),
            (
                "steps that waited for data",
                format!("{:.2} %", 100.0 * s.share_waited),
            ),
            (
                "threads, kernels",
                format!("{}, {}", m.threads, self.kernels),
            ),
            ("peak memory of the process", memory),
            (
                "energy",
                format!(
                    "{:.5} kWh for {:.0} seconds of a core: {}",
                    e.kilowatt_hours, e.processor_seconds, e.assumption
                ),
            ),
        ];
        rows.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }

    fn belongs(&self) -> Vec<(String, String)> {
        let record = &self.record;
        let rows = [
            ("code", self.code_version.clone()),
            ("seed", self.seed.to_string()),
            ("options", record.options.to_string()),
            ("vocabulary", record.vocabulary.to_string()),
            ("data", record.data.to_string()),
            ("stopped by", format!("{:?}", record.stop).to_lowercase()),
        ];
        rows.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }
}

fn table(page: &mut String, title: &str, rows: &[(String, String)]) {
    page.push_str(&format!("<h2>{title}</h2><table>"));
    for (name, value) in rows {
        let (name, value) = (escaped(name), escaped(value));
        let value = if value.starts_with("sha256:") {
            format!("<code>{value}</code>")
        } else {
            value
        };
        page.push_str(&format!(
            "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>"
        ));
    }
    page.push_str("</table>");
}

/// What a chart shows of the plane, as (low, high) of each axis.
#[derive(Clone, Copy)]
struct Axes {
    x: (f64, f64),
    y: (f64, f64),
}

impl Axes {
    fn of(points: &[(f64, f64)]) -> Self {
        let bounds = |of: fn(&(f64, f64)) -> f64| {
            let low = points.iter().map(of).fold(f64::INFINITY, f64::min);
            let high = points.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
            (low, high)
        };
        let (low, high) = bounds(|point| point.1);
        let room = ((high - low) * 0.05).max(high.abs() * 1e-3).max(1e-12);
        // What is never negative has no room below zero.
        let bottom = if low >= 0.0 {
            (low - room).max(0.0)
        } else {
            low - room
        };
        Self {
            x: bounds(|point| point.0),
            y: (bottom, high + room),
        }
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let share = |value, (low, high): (f64, f64)| (value - low) / (high - low).max(1e-12);
        (
            LEFT + share(x, self.x) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - share(y, self.y) * (HEIGHT - TOP - BOTTOM),
        )
    }

    /// The frame, five ticks an axis, and the title of x.
    fn draw(&self, body: &mut String, x_title: &str) {
        let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
        body.push_str(&format!(
            "<rect class=\"frame\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{width}\" height=\"{height}\"/>"
        ));
        let right = WIDTH - RIGHT;
        for tick in 0..=4 {
            let at = |(low, high): (f64, f64)| low + f64::from(tick) / 4.0 * (high - low);
            let (x, y) = (at(self.x), at(self.y));
            let (px, py) = self.place((x, y));
            let (x, y) = (grouped(x), tick_text(y));
            let (left, middle, below) = (LEFT - 6.0, py + 4.0, HEIGHT - BOTTOM + 16.0);
            body.push_str(&format!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{py:.1}\" y2=\"{py:.1}\"/>\
                 <text x=\"{left}\" y=\"{middle:.1}\" text-anchor=\"end\">{y}</text>\
                 <text x=\"{px:.1}\" y=\"{below}\" text-anchor=\"middle\">{x}</text>"
            ));
        }
        let (centre, foot) = (f64::midpoint(LEFT, WIDTH), HEIGHT - 4.0);
        body.push_str(&format!(
            "<text x=\"{centre}\" y=\"{foot}\" text-anchor=\"middle\">{x_title}</text>"
        ));
    }
}

fn chart(page: &mut String, title: &str, x_title: &str, lines: &[Line]) {
    let finite = |(x, y): &&(f64, f64)| x.is_finite() && y.is_finite();
    let all = lines
        .iter()
        .flat_map(|line| line.points.iter().filter(finite).copied());
    let all: Vec<(f64, f64)> = all.collect();
    if all.len() < 2 {
        return;
    }
    let axes = Axes::of(&all);
    let mut body = String::new();
    axes.draw(&mut body, x_title);
    let mut keys = Vec::new();
    for line in lines {
        let (class, name) = (line.class, line.name);
        let places = line.points.iter().filter(finite).map(|point| {
            let (x, y) = axes.place(*point);
            format!("{x:.1},{y:.1}")
        });
        let path: Vec<String> = places.collect();
        let path = path.join(" ");
        body.push_str(&format!("<polyline class=\"{class}\" points=\"{path}\"/>"));
        // The few points of the second line are marked, so that the two differ in more than colour.
        let mark = if class == "a" {
            "thin line"
        } else {
            body.push_str(&marks(line, &axes));
            "line with circles"
        };
        let named = match lines.len() {
            1 => name.to_owned(),
            _ => format!("<span class=\"k{class}\">{name}</span> ({mark})"),
        };
        keys.push(named);
    }
    let two = if lines.len() > 1 {
        " class=\"two\""
    } else {
        ""
    };
    let keys = keys.join(", ");
    page.push_str(&format!(
        "<figure{two}><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">{body}\
         </svg><figcaption>{title}: {keys}</figcaption></figure>"
    ));
}

/// Circles at the points of a line, at most [`MARKS_MAX`] of them.
fn marks(line: &Line, axes: &Axes) -> String {
    let every = line.points.len().div_ceil(MARKS_MAX).max(1);
    let finite = |(x, y): &&(f64, f64)| x.is_finite() && y.is_finite();
    let points = line.points.iter().filter(finite).step_by(every);
    let circles = points.map(|point| {
        let (x, y) = axes.place(*point);
        format!("<circle class=\"mark\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\"/>")
    });
    circles.collect()
}

/// A number of an axis: three digits, without trailing zeros.
fn tick_text(y: f64) -> String {
    let size = y.abs();
    if size >= 1000.0 {
        grouped(y)
    } else if size >= 0.01 || size == 0.0 {
        let text = format!("{y:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{y:.1e}")
    }
}

/// A whole number with commas.
fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < -0.5 {
        format!("-{out}")
    } else {
        out
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::report;

    #[test]
    fn the_page_is_whole_small_and_its_own() {
        let mut report = report();
        report.preset_reason = "<script>alert(1)</script>".to_owned();
        let page = report.to_html();
        assert!(page.len() < 300_000, "{} bytes", page.len());
        assert_eq!(page.matches("<svg").count(), 4);
        assert_eq!(page.matches("<polyline").count(), 5);
        for outside in [
            "<script", "http://", "https://", "src=", "url(", "NaN", "inf",
        ] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("still falling"));
    }

    #[test]
    fn numbers_of_an_axis_are_short() {
        let shown = [0.0, 0.004, 0.25, 12.5, 1234.0, -1234.4].map(tick_text);
        assert_eq!(shown, ["0", "4.0e-3", "0.25", "12.5", "1,234", "-1,234"]);
    }
}
