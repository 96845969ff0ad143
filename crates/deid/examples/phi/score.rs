//! Recall by class with Wilson's bounds, and the precision of characters.

use crate::generate::Annotated;
use longitude_deid::{Found, wilson};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What one system got of one class.
#[derive(Clone, Copy, Default)]
pub(crate) struct Class {
    pub(crate) spans: u64,
    /// Every letter and digit covered; marks are left on purpose by some systems.
    pub(crate) caught: u64,
    /// Some letter or digit covered.
    pub(crate) touched: u64,
}

/// What one system got.
#[derive(Clone, Default)]
pub(crate) struct Score {
    pub(crate) classes: BTreeMap<&'static str, Class>,
    /// Letters and digits covered, and those of them that identify.
    pub(crate) covered: u64,
    pub(crate) right: u64,
    pub(crate) misses: Vec<String>,
    pub(crate) wrong: Vec<String>,
}

impl Score {
    /// Counts one text.
    pub(crate) fn add(&mut self, note: &Annotated, found: &[Found]) {
        let mut hidden = vec![false; note.text.len()];
        for span in found {
            hidden[span.start..span.end].fill(true);
        }
        let mut true_places = vec![false; note.text.len()];
        for span in &note.spans {
            true_places[span.start..span.end].fill(true);
            let class = self.classes.entry(span.label.name()).or_default();
            class.spans += 1;
            let letters = note.text[span.start..span.end].char_indices();
            let letters: Vec<bool> = letters
                .filter(|(_, c)| c.is_alphanumeric())
                .map(|(at, _)| hidden[span.start + at])
                .collect();
            let all = letters.iter().all(|&hidden| hidden);
            class.caught += u64::from(all);
            class.touched += u64::from(letters.iter().any(|&hidden| hidden));
            if !all {
                self.misses.push(shown(note, span));
            }
        }
        for span in found {
            let mut right = 0;
            let mut covered = 0;
            for (at, c) in note.text[span.start..span.end].char_indices() {
                if c.is_alphanumeric() {
                    covered += 1;
                    right += u64::from(true_places[span.start + at]);
                }
            }
            self.covered += covered;
            self.right += right;
            if right == 0 {
                self.wrong.push(shown(note, span));
            }
        }
    }

    pub(crate) fn all(&self) -> Class {
        self.classes
            .values()
            .fold(Class::default(), |all, class| Class {
                spans: all.spans + class.spans,
                caught: all.caught + class.caught,
                touched: all.touched + class.touched,
            })
    }

    pub(crate) fn precision(&self) -> f64 {
        self.right as f64 / f64::max(self.covered as f64, 1.0)
    }

    pub(crate) fn print(&self, title: &str, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "\n{title}\n{:16} {:>6} {:>7} {:>8}  95% interval   {:>8}",
            "class", "spans", "caught", "recall", "partly"
        )?;
        let rows = self.classes.iter().map(|(name, class)| (*name, *class));
        for (name, class) in rows.chain([("all", self.all())]) {
            let (low, high) = wilson(class.caught, class.spans);
            let share = |n: u64| n as f64 / f64::max(class.spans as f64, 1.0);
            writeln!(
                out,
                "{name:16} {:6} {:7} {:8.4}  {low:.4}-{high:.4}  {:8.4}",
                class.spans,
                class.caught,
                share(class.caught),
                share(class.touched)
            )?;
        }
        writeln!(
            out,
            "precision of characters {:.4} ({} of {})",
            self.precision(),
            self.right,
            self.covered
        )
    }
}

fn shown(note: &Annotated, span: &Found) -> String {
    let from = note.text.floor_char_boundary(span.start.saturating_sub(30));
    let until = note
        .text
        .ceil_char_boundary((span.end + 20).min(note.text.len()));
    format!(
        "{:14} {}[[{}]]{}",
        span.label.name(),
        &note.text[from..span.start],
        &note.text[span.start..span.end],
        &note.text[span.end..until]
    )
    .replace('\n', "|")
}
