//! What is compared: the default, one change at a time, and how each writes a timeline as inputs
//! and targets.

use crate::ward::{Ward, Window};
use longitude_core::Days;
use longitude_model::{Choices, Input, Likelihood, Target, Time, ValueInput};
use longitude_tokens::{Next, Tokens, UNKNOWN};

/// How events become positions.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Layout {
    /// One event, one position.
    Plain,
    /// As that, with tokens of age and of intervals between events as inputs only.
    TimeTokens,
    /// Interval, code and value bin as tokens of one sequence, each predicted by one softmax.
    NextToken,
}

/// Which events keep their place but not their code, as inputs.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Blind {
    Nothing,
    Static,
    Encounters,
}

pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) choices: Choices,
    pub(crate) layout: Layout,
    pub(crate) blind: Blind,
    /// Whether censored waits are learnt from.
    pub(crate) survival: bool,
    pub(crate) seed: u64,
}

/// The variants; the first is what the others are compared with.
pub(crate) fn variants(seeds: u64, once_only: &[u32]) -> Vec<Variant> {
    let base = |name: &str| Variant {
        name: name.to_owned(),
        choices: Choices::default(),
        layout: Layout::Plain,
        blind: Blind::Nothing,
        survival: true,
        seed: 1,
    };
    let chosen = |name: &str, choices: Choices| Variant {
        choices,
        ..base(name)
    };
    let d = Choices::default;
    let no_time = || Choices {
        time: Time::IndexWithoutTime,
        ..d()
    };
    let mut all = vec![base("default")];
    all.extend((2..=seeds).map(|seed| Variant {
        seed,
        ..base(&format!("default, seed {seed}"))
    }));
    let index = Choices {
        time: Time::Index,
        ..d()
    };
    all.push(chosen("index RoPE, age and gap as features", index));
    all.push(chosen("index RoPE, no time at all", no_time()));
    all.push(Variant {
        layout: Layout::TimeTokens,
        ..chosen("index RoPE, time tokens as input", no_time())
    });
    let ancestors = false;
    all.push(chosen("no ancestors", Choices { ancestors, ..d() }));
    for (name, value) in [
        ("value: bin only", ValueInput::Bin),
        ("value: none", ValueInput::None),
    ] {
        all.push(chosen(name, Choices { value, ..d() }));
    }
    for (name, blind) in [
        ("static covariates blinded", Blind::Static),
        ("encounter events blinded", Blind::Encounters),
    ] {
        all.push(Variant {
            blind,
            ..base(name)
        });
    }
    all.extend(heads(once_only).map(|(name, choices)| chosen(name, choices)));
    all.push(Variant {
        survival: false,
        ..base("no survival term")
    });
    all.push(Variant {
        layout: Layout::NextToken,
        survival: false,
        ..chosen("plain next token", no_time())
    });
    all
}

/// The variants of the heads.
fn heads(once_only: &[u32]) -> [(&'static str, Choices); 4] {
    let d = Choices::default;
    let (mark_given_wait, last_value) = (false, false);
    let unmarked = Choices {
        mark_given_wait,
        ..d()
    };
    let likelihood = Likelihood::Competing;
    let competing = Choices { likelihood, ..d() };
    let once_only = once_only.to_vec();
    [
        ("code and value blind to the wait", unmarked),
        (
            "value not told of earlier values",
            Choices { last_value, ..d() },
        ),
        ("competing exponentials", competing),
        ("repeats damped", Choices { once_only, ..d() }),
    ]
}

/// What a target asks, so that parts of the likelihood can be told apart.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Asks {
    Nothing,
    Event,
    End,
    Interval,
    Code,
    ValueBin,
}

/// A written window.
#[derive(Default)]
pub(crate) struct Segment {
    pub(crate) inputs: Vec<Input>,
    pub(crate) targets: Vec<Target>,
    pub(crate) asks: Vec<Asks>,
    /// Recorded events that are scored.
    pub(crate) events: u64,
    /// Nats of values inside their bins, and of waits inside their interval tokens.
    pub(crate) value_within: f64,
    pub(crate) wait_within: f64,
}

/// Writes windows as one variant wants them.
pub(crate) struct Writer<'a> {
    pub(crate) ward: &'a Ward,
    pub(crate) layout: Layout,
    pub(crate) blind: Blind,
    pub(crate) edges: &'a [f32],
    /// The marginal hazards a day, by which waits are spread inside an interval token.
    pub(crate) hazards: &'a [f64],
}

/// Bands of age at entry of 5 years.
const BANDS: usize = 19;

impl Writer<'_> {
    /// Codes, and tokens of intervals, ages and value bins where the layout has them.
    pub(crate) fn vocab(&self) -> usize {
        let codes = self.ward.vocabulary.len();
        let time = self.edges.len() + 1 + BANDS;
        match self.layout {
            Layout::Plain => codes,
            Layout::TimeTokens => codes + time,
            Layout::NextToken => codes + time + usize::from(self.ward.vocabulary.value_bins_max()),
        }
    }

    fn interval(&self, days: f64) -> usize {
        self.edges.partition_point(|edge| f64::from(*edge) <= days)
    }

    fn interval_token(&self, days: f64) -> u32 {
        narrow(self.ward.vocabulary.len() + self.interval(days))
    }

    fn age_token(&self, age_days: f32) -> u32 {
        let bands = f64::from(age_days) / (5.0 * Days::PER_YEAR);
        let band = (1..BANDS).take_while(|band| *band as f64 <= bands).count();
        narrow(self.ward.vocabulary.len() + self.edges.len() + 1 + band)
    }

    fn value_token(&self, bin: u16) -> u32 {
        let codes_and_time = self.ward.vocabulary.len() + self.edges.len() + 1 + BANDS;
        narrow(codes_and_time + usize::from(bin) - 1)
    }

    /// The nats of a wait given its interval token: a constant hazard inside it.
    fn wait_within(&self, days: f64) -> f64 {
        let bin = self.interval(days);
        let start = bin.checked_sub(1).map_or(0.0, |i| f64::from(self.edges[i]));
        let end = self.edges.get(bin).map_or(f64::INFINITY, |e| f64::from(*e));
        let hazard = self.hazards[bin];
        let mass = -(-hazard * (end - start)).exp_m1();
        hazard * (days - start) - hazard.ln() + mass.ln()
    }

    fn input(&self, tokens: &Tokens, p: usize, origin_us: i64) -> Input {
        let days = |us| Days::from_micros(us).0;
        let gap = p
            .checked_sub(1)
            .map_or(0, |b| tokens.time_us[p] - tokens.time_us[b]);
        let code = tokens.code[p];
        let blind = match self.blind {
            Blind::Nothing => false,
            Blind::Static => p < tokens.lead,
            Blind::Encounters => self.ward.encounter[code as usize],
        };
        Input {
            code: if blind { UNKNOWN } else { code },
            value_bin: tokens.value_bin[p],
            value: tokens.value[p],
            age_days: tokens.age_days[p],
            time_days: days(tokens.time_us[p] - origin_us),
            #[expect(clippy::cast_possible_truncation, reason = "the model is f32")]
            wait_days_prev: days(gap) as f32,
        }
    }

    pub(crate) fn write(&self, tokens: &Tokens, window: &Window) -> Segment {
        let origin_us = window.positions.first().map_or(0, |p| tokens.time_us[*p]);
        let mut out = Segment::default();
        for &p in &window.positions {
            let input = self.input(tokens, p, origin_us);
            match self.layout {
                Layout::Plain => {}
                Layout::TimeTokens => self.time_tokens(&mut out, (tokens, p), input, false),
                Layout::NextToken => {
                    let before = p.checked_sub(1);
                    let scored = before.is_some_and(|b| is_scored(tokens, window, b));
                    self.next_tokens(&mut out, (tokens, p), input, scored);
                    continue;
                }
            }
            out.event(tokens, p, input, p >= window.scored_from);
        }
        let last = window.positions.last().copied();
        if let Some(b) =
            last.filter(|b| self.layout == Layout::NextToken && is_scored(tokens, window, *b))
        {
            let input = self.input(tokens, b + 1, origin_us);
            self.next_tokens(&mut out, (tokens, b + 1), input, true);
        }
        out
    }

    /// The age at entry after the static events, and the interval before an event.
    fn time_tokens(
        &self,
        out: &mut Segment,
        (tokens, p): (&Tokens, usize),
        input: Input,
        scored: bool,
    ) {
        let gap = f64::from(input.wait_days_prev);
        if p == tokens.lead {
            let age = plain(self.age_token(input.age_days), input);
            out.token(age, Asks::Nothing);
        }
        if gap > 0.0 {
            let asks = if scored {
                Asks::Interval
            } else {
                Asks::Nothing
            };
            out.token(plain(self.interval_token(gap), input), asks);
        }
    }

    /// All tokens of an event; `scored` is whether they are predicted.
    fn next_tokens(
        &self,
        out: &mut Segment,
        (tokens, p): (&Tokens, usize),
        input: Input,
        scored: bool,
    ) {
        self.time_tokens(out, (tokens, p), input, scored);
        let asks = |asks| if scored { asks } else { Asks::Nothing };
        out.token(plain(input.code, input), asks(Asks::Code));
        if input.value_bin > 0 {
            let bin = self.value_token(input.value_bin);
            out.token(plain(bin, input), asks(Asks::ValueBin));
        }
        if scored {
            let gap = f64::from(input.wait_days_prev);
            out.events += 1;
            out.value_within += f64::from(tokens.value_nats[p]);
            out.wait_within += if gap > 0.0 {
                self.wait_within(gap)
            } else {
                0.0
            };
        }
    }
}

fn is_scored(tokens: &Tokens, window: &Window, before: usize) -> bool {
    before >= window.scored_from && matches!(tokens.next(before), Next::Event { .. })
}

fn plain(code: u32, at: Input) -> Input {
    Input {
        code,
        value_bin: 0,
        value: 0.0,
        ..at
    }
}

impl Segment {
    /// Adds a whole event, which asks for the next one where `scored`.
    fn event(&mut self, tokens: &Tokens, p: usize, input: Input, scored: bool) {
        let target = if scored {
            target(tokens, p)
        } else {
            Target::None
        };
        self.asks.push(match target {
            Target::None => Asks::Nothing,
            Target::Censored { .. } => Asks::End,
            Target::Event { .. } => {
                self.events += 1;
                self.value_within += f64::from(tokens.value_nats[p + 1]);
                Asks::Event
            }
        });
        self.inputs.push(input);
        self.targets.push(target);
    }

    /// Adds a token, which the position before it predicts where it asks for it.
    fn token(&mut self, input: Input, asks: Asks) {
        if asks != Asks::Nothing
            && let (Some(target), Some(asked)) = (self.targets.last_mut(), self.asks.last_mut())
        {
            *target = Target::Event {
                wait_days: 0.0,
                code: input.code,
                value_bin: 0,
            };
            *asked = asks;
        }
        self.inputs.push(input);
        self.targets.push(Target::None);
        self.asks.push(Asks::Nothing);
    }
}

fn target(tokens: &Tokens, p: usize) -> Target {
    let days = |us| Days::from_micros(us).0;
    match tokens.next(p) {
        Next::None => Target::None,
        Next::Event { wait_us } => Target::Event {
            wait_days: days(wait_us),
            code: tokens.code[p + 1],
            value_bin: tokens.value_bin[p + 1],
        },
        Next::Censored { wait_us } => Target::Censored {
            wait_days: days(wait_us),
        },
    }
}

fn narrow(id: usize) -> u32 {
    u32::try_from(id).unwrap_or(u32::MAX)
}
