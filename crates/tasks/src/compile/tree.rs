//! The windows as a tree: each side hangs on the trigger or on a side of another window.

use super::Compiler;
use crate::boundary::{Boundary, Reference, Side, Step};
use crate::document::{Document, Named, Window};
use crate::error::{Error, Result, nearest};
use crate::program::{Constraint, IndexPlan, Mode, NodePlan, Program, StepPlan, WindowPlan};
use crate::warning::Warning;

/// A side of a window, by the window's place in the file.
type At = (usize, Side);

struct Builder {
    nodes: Vec<NodePlan>,
    /// The node of each side that was resolved.
    found: Vec<[Option<usize>; 2]>,
    open: Vec<At>,
}

fn slot(side: Side) -> usize {
    usize::from(side == Side::End)
}

impl Compiler<'_> {
    /// Windows and nodes; the first node is the trigger.
    pub(super) fn tree(&mut self) -> Result<(Vec<WindowPlan>, Vec<NodePlan>)> {
        let document = self.document;
        let trigger = NodePlan {
            side: None,
            parent: 0,
            step: StepPlan::Time(0),
            closed: (false, false),
            base: 0,
            after: 0,
            constraints: Vec::new(),
            children: Vec::new(),
        };
        let mut builder = Builder {
            nodes: vec![trigger],
            found: vec![[None; 2]; document.windows.len()],
            open: Vec::new(),
        };
        let mut windows = Vec::new();
        for (at, window) in document.windows.iter().enumerate() {
            windows.push(WindowPlan {
                name: window.name.clone(),
                place: window.place.clone(),
                start: self.node(&mut builder, (at, Side::Start))?,
                end: self.node(&mut builder, (at, Side::End))?,
            });
            self.without_length(window, &windows[at])?;
        }
        Ok((windows, builder.nodes))
    }

    /// A window whose sides are one has no stretch in which anything could be counted.
    fn without_length(&mut self, window: &Window, plan: &WindowPlan) -> Result<()> {
        if plan.start != plan.end || (window.has.is_empty() && window.label.is_none()) {
            return Ok(());
        }
        let message = format!(
            "window `{}` has no length, so its `has` is not asked",
            window.name
        );
        if self.mode == Mode::Strict || window.label.is_some() {
            return Err(Error::new(
                &window.place,
                format!(
                    "window `{}` has no length, and nothing can be counted in it",
                    window.name
                ),
                "give it a length, or take `has` and `label` out of it",
            ));
        }
        let warning = Warning::new("window without length", Some(&window.place), message);
        self.warnings.push(warning);
        Ok(())
    }

    /// The node that a side is: its own, or where it lies at its reference that one's.
    fn node(&mut self, builder: &mut Builder, at: At) -> Result<usize> {
        let (number, side) = at;
        if let Some(node) = builder.found[number][slot(side)] {
            return Ok(node);
        }
        let document = self.document;
        let window = &document.windows[number];
        let boundary = window.side(side);
        if builder.open.contains(&at) {
            let name =
                |(number, side): &At| format!("{}.{}", document.windows[*number].name, side.name());
            let circle: Vec<_> = builder.open.iter().map(name).collect();
            return Err(Error::new(
                &boundary.place,
                format!(
                    "windows hang on each other in a circle: {}",
                    circle.join(" -> ")
                ),
                "let one of them hang on the trigger",
            ));
        }
        builder.open.push(at);
        let parent = match &boundary.reference {
            Reference::Trigger => 0,
            Reference::Own(other) => self.node(builder, (number, *other))?,
            Reference::Window(name, other) => {
                let target = self.window_named(name, boundary)?;
                self.node(builder, (target, *other))?
            }
        };
        builder.open.pop();
        let node = self.hang(builder, at, parent)?;
        builder.found[number][slot(side)] = Some(node);
        Ok(node)
    }

    fn window_named(&self, name: &str, boundary: &Boundary) -> Result<usize> {
        let windows = &self.document.windows;
        let found = windows.iter().position(|window| window.name == name);
        found.ok_or_else(|| {
            let known = windows.iter().map(|window| window.name.as_str());
            let mend = match nearest(name, known) {
                Some(meant) => format!("is `{meant}` meant?"),
                None => "define it under `windows`".to_owned(),
            };
            Error::new(
                &boundary.place,
                format!("there is no window `{name}`"),
                mend,
            )
        })
    }

    fn hang(&mut self, builder: &mut Builder, (number, side): At, parent: usize) -> Result<usize> {
        let document = self.document;
        let window = &document.windows[number];
        let boundary = window.side(side);
        let base = builder.nodes[parent].after;
        let hanging = side != window.root();
        let mut constraints = Vec::new();
        if hanging {
            for count in &window.has {
                let column = self.column(&count.predicate)?;
                if self.mode == Mode::Aces {
                    self.refuse_fixed(column, &count.predicate)?;
                }
                constraints.push(Constraint {
                    column,
                    min: count.min,
                    max: count.max,
                });
            }
        }
        let (step, after) = match &boundary.step {
            Step::Same => return Ok(parent),
            Step::Time(micros) => (StepPlan::Time(*micros), base + micros),
            Step::Event { predicate, before } => {
                let named = Named {
                    name: predicate.clone(),
                    place: boundary.place.clone(),
                };
                let column = self.column(&named)?;
                if self.mode == Mode::Aces {
                    self.refuse_fixed(column, &named)?;
                }
                let before = *before;
                (StepPlan::Event { column, before }, 0)
            }
        };
        let closed = if hanging {
            (window.start_inclusive, window.end_inclusive)
        } else {
            (false, false)
        };
        let node = builder.nodes.len();
        builder.nodes[parent].children.push(node);
        builder.nodes.push(NodePlan {
            side: Some((number, side)),
            parent,
            step,
            closed,
            base,
            after,
            constraints,
            children: Vec::new(),
        });
        Ok(node)
    }

    /// Where the prediction time is.
    pub(super) fn index(
        &self,
        windows: &[WindowPlan],
        nodes: &[NodePlan],
    ) -> Result<Option<IndexPlan>> {
        let mut found: Option<IndexPlan> = None;
        for (number, window) in self.document.windows.iter().enumerate() {
            let Some(side) = window.index else { continue };
            if found.is_some() {
                return Err(Error::new(
                    &window.place,
                    "two windows have an `index_timestamp`",
                    "a task has one prediction time: keep one of them",
                ));
            }
            let hanging = match window.root() {
                Side::Start => windows[number].end,
                Side::End => windows[number].start,
            };
            let own = nodes[hanging].side.is_some_and(|(at, _)| at == number);
            let alone = windows[number].start == windows[number].end || !own;
            if self.mode == Mode::Aces && alone {
                return Err(Error::new(
                    &window.place,
                    format!(
                        "ACES cannot take a time from window `{}`: it has no length",
                        window.name
                    ),
                    "put `index_timestamp` into a window that has one",
                ));
            }
            found = Some(IndexPlan {
                window: number,
                side,
                node: hanging,
            });
        }
        if found.is_none() && self.mode == Mode::Strict {
            return Err(Error::new(
                &self.document.trigger.place,
                "the task has no prediction time",
                "add `index_timestamp: end` (or start) to the window that ends where a prediction \
                 is made",
            ));
        }
        Ok(found)
    }
}

/// What can be seen of a task without records: a prediction time that is missing, a label window
/// that opens before it.
pub(super) fn look_over(document: &Document, program: &mut Program) {
    let mut found = Vec::new();
    if program.index.is_none() {
        found.push(Warning::new(
            "no prediction time",
            Some(&document.trigger.place),
            "no window has `index_timestamp`, so every prediction time is empty",
        ));
    }
    match &program.label {
        None => found.push(Warning::new(
            "no label",
            Some(&document.trigger.place),
            "no window has a `label`, so samples have none",
        )),
        Some(label) => {
            let window = &document.windows[label.window];
            let start = program.windows[label.window].start;
            if let Some(index) = &program.index {
                let plan = &program.windows[index.window];
                let at = match index.side {
                    Side::Start => plan.start,
                    Side::End => plan.end,
                };
                if early(program, start, at) {
                    found.push(Warning::new(
                        "label window opens early",
                        Some(&window.place),
                        format!(
                            "window `{}` starts before the prediction time, so the outcome may lie \
                             in what the prediction is made from; count its start from `{}.{}`",
                            window.name,
                            plan.name,
                            index.side.name()
                        ),
                    ));
                }
            }
        }
    }
    program.warnings.extend(found);
}

/// Whether node `start` lies before node `at` in every sample: both at fixed times from the same
/// instant.
fn early(program: &Program, start: usize, at: usize) -> bool {
    let fixed = |mut node: usize| {
        while let StepPlan::Time(_) = program.nodes[node].step {
            if node == 0 {
                break;
            }
            node = program.nodes[node].parent;
        }
        node
    };
    fixed(start) == fixed(at) && program.nodes[start].after < program.nodes[at].after
}
