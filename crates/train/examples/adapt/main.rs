//! What adaptation of a base model to a site gains and forgets, and what the start of new codes is
//! worth, on two synthetic hospitals.
//!
//! The base is site A of one hospital, the new site is site B of another seed: it codes vaguely and
//! measures less. For the transfer of vocabularies the new site also writes drugs, laboratory and
//! procedures in codes of its own, described in abbreviated words (`site`).
//!
//! `cargo run --release -p longitude-train --example adapt -- [BASE_PATIENTS] [SITE_PATIENTS]
//! [BASE_STEPS] [SITE_STEPS] [REPORT.json]`

mod site;

use longitude_hospital::Site;
use longitude_model::{Config, Model};
use longitude_tokens::{Tokens, encode};
use longitude_train::{
    AdapterOptions, Base, Control, EvaluateOptions, GainReport, Losses, Method, Options, Rules,
    Trained, With, change, evaluate_each, sizes, train, train_with, transfer, transferred_config,
};
use site::{Hospital, Spelling};
use std::error::Error;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// Resamples of an interval.
const RESAMPLES: u32 = 1000;

fn main() -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: u64| given.get(at).map_or(Ok(usual), |text| text.parse());
    let (base_patients, site_patients) = (number(0, 10_000)?, number(1, 4000)?);
    let (base_steps, site_steps) = (number(2, 1500)?, number(3, 300)?);
    let base = Hospital::new(
        (1, Site::A),
        u32::try_from(base_patients)?,
        Spelling::Standard,
    )?;
    let base_data = base.data(&base.vocabulary)?;
    let config = Config::shaped((96, 4, 3), 256, sizes(&base.vocabulary)?);
    let options = Options::for_shape(config, base_steps, 1);
    let model = train(&base_data, &options, &mut go_on)?.model;
    say(&format!(
        "base: {} weights, {} codes",
        model.parameters(),
        base.vocabulary.len()
    ));
    let site_patients = u32::try_from(site_patients)?;
    let same = Hospital::new((2, Site::B), site_patients, Spelling::Standard)?;
    let own = Hospital::new((2, Site::B), site_patients, Spelling::Own)?;
    let gains = gains(&base, &same, &model, site_steps)?;
    say(&gains.to_markdown());
    let starts = starts(&base, &own, &model, site_steps)?;
    if let Some(path) = given.get(4) {
        let report = serde_json::json!({ "adaptation": gains, "new vocabulary": starts });
        std::fs::write(path, serde_json::to_vec_pretty(&report)?)?;
    }
    Ok(())
}

/// Continued training and adapters of two ranks, and the site alone, in the base's vocabulary.
fn gains(base: &Hospital, site: &Hospital, model: &Model, steps: u64) -> Result<GainReport> {
    let data = site.data(&base.vocabulary)?;
    let on = |hospital: &Hospital| -> Vec<Tokens> {
        let held_out = hospital.held_out.iter();
        held_out
            .map(|one| encode(&base.vocabulary, one.get()))
            .collect()
    };
    let (here, there) = (on(site), on(base));
    let options = adapting(model.config().clone(), steps);
    let before = [
        each(model, &here, &options)?,
        each(model, &there, &options)?,
    ];
    let (small, wide) = (AdapterOptions::of_rank(4), AdapterOptions::of_rank(16));
    let biased = AdapterOptions {
        biases_and_norms: true,
        ..AdapterOptions::of_rank(4)
    };
    let from = |start, adapters| With {
        start,
        adapters,
        ..With::PLAIN
    };
    let ways: [(&str, With<'_>); 5] = [
        ("all weights", from(Some(model), None)),
        ("rank 4", from(Some(model), Some(&small))),
        ("rank 4, biases and norms", from(Some(model), Some(&biased))),
        ("rank 16", from(Some(model), Some(&wide))),
        ("the site alone", With::PLAIN),
    ];
    let mut methods = Vec::new();
    for (name, with) in ways {
        let mut options = options.clone();
        if with.adapters.is_some() {
            options.learning_rate *= 2.0;
        }
        if with.start.is_none() {
            options = Options::for_shape(model.config().clone(), 3 * steps, 1);
        }
        let trained = train_with(&data, &options, with, &mut go_on)?;
        let after = [
            each(&trained.model, &here, &options)?,
            each(&trained.model, &there, &options)?,
        ];
        let numbers = longitude_train::Adapter::of(&trained, model);
        methods.push(Method {
            name: name.to_owned(),
            trained: numbers.map_or(model.parameters(), |adapter| adapter.parameters()),
            steps: trained.record.steps_done,
            best_step: trained.record.best_step,
            gained: change(&before[0], &after[0], RESAMPLES, 1),
            forgot: change(&before[1], &after[1], RESAMPLES, 1),
        });
    }
    Ok(GainReport {
        parameters: model.parameters(),
        site_subjects: data.subjects(longitude_train::Part::Learn),
        methods,
    })
}

/// The site's own vocabulary: nats on its held-out subjects at step 0 and after the same steps,
/// from each start, against random rows.
fn starts(
    base: &Hospital,
    site: &Hospital,
    model: &Model,
    steps: u64,
) -> Result<serde_json::Value> {
    let data = site.data(&site.vocabulary)?;
    let config = transferred_config(model.config(), &site.vocabulary)?;
    let options = adapting(config, steps);
    let held_out = site.held_out.iter();
    let here: Vec<Tokens> = held_out
        .map(|one| encode(&site.vocabulary, one.get()))
        .collect();
    let known = Base {
        model,
        vocabulary: &base.vocabulary,
        descriptions: &base.descriptions,
    };
    let no = Rules::NONE;
    let ways = [
        ("all rules", Rules::ALL),
        (
            "without descriptions",
            Rules {
                descriptions: false,
                ..Rules::ALL
            },
        ),
        (
            "without hierarchy",
            Rules {
                hierarchy: false,
                ..Rules::ALL
            },
        ),
        ("the mean row", Rules { mean: true, ..no }),
        ("random rows", no),
    ];
    let mut curves: Vec<(&str, Vec<Vec<Losses>>)> = Vec::new();
    let moments = [0, steps / 6, steps];
    for (name, rules) in ways {
        let start = transfer(known, &data, &options, &site.descriptions, rules)?;
        if rules == Rules::ALL {
            tell_rules(&start.codes);
        }
        let curve = curve(&data, &options, Some(&start.model), (&moments, &here))?;
        curves.push((name, curve));
    }
    let alone = curve(&data, &options, None, (&moments, &here))?;
    curves.push(("the site alone", alone));
    let random = curves[curves.len() - 2].1.clone();
    let mut rows = Vec::new();
    say(
        "| start | step | wait | code | value | all three | against random rows |\n\
         |---|---|---|---|---|---|---|",
    );
    for (name, curve) in &curves {
        for ((step, losses), random) in moments.iter().zip(curve).zip(&random) {
            let Some(found) = change(random, losses, RESAMPLES, 1) else {
                continue;
            };
            let (n, d) = (found.after, found.learnt);
            say(&format!(
                "| {name} | {step} | {:.4} | {:.4} | {:.4} | {:.4} | {:+.4} ({:+.4}, {:+.4}) |",
                n.wait,
                n.code,
                n.value_bin,
                n.learnt(),
                d.nats,
                d.low,
                d.high
            ));
            rows.push(serde_json::json!({ "start": name, "step": step, "against_random": found }));
        }
    }
    Ok(rows.into())
}

/// The losses of each held-out subject after some numbers of steps of one schedule.
fn curve(
    data: &longitude_train::TrainData,
    options: &Options,
    start: Option<&Model>,
    (moments, here): (&[u64; 3], &[Tokens]),
) -> Result<Vec<Vec<Losses>>> {
    let mut found = Vec::new();
    for &moment in moments {
        let at_once = longitude_train::marginal_model(data, options)?;
        let model = if moment == 0 {
            start.cloned().unwrap_or(at_once)
        } else {
            // Stopped there, on the schedule of all steps; the best weights so far.
            let mut stop = |progress: &longitude_train::Progress| {
                if progress.step >= moment {
                    Control::Stop
                } else {
                    Control::Continue
                }
            };
            let with = With {
                start,
                ..With::PLAIN
            };
            let Trained { model, .. } = train_with(data, options, with, &mut stop)?;
            model
        };
        found.push(each(&model, here, options)?);
    }
    Ok(found)
}

/// The schedule of an adaptation: a quarter of the rate of a first training, early stopping.
fn adapting(config: Config, steps: u64) -> Options {
    let usual = Options::for_shape(config, steps, 1);
    Options {
        learning_rate: usual.learning_rate / 4.0,
        ..usual
    }
}

fn each(model: &Model, tokens: &[Tokens], options: &Options) -> Result<Vec<Losses>> {
    let how = EvaluateOptions {
        batch_tokens: options.batch_tokens,
        overlap_positions: options.overlap_positions,
        kernels: options.kernels.clone(),
        threads: options.threads,
    };
    Ok(evaluate_each(model, tokens, &how)?)
}

fn tell_rules(codes: &[longitude_train::CodeStart]) {
    let mut counts = std::collections::BTreeMap::new();
    for code in codes {
        let (number, share) = counts.entry(code.rule).or_insert((0, 0.0));
        *number += 1;
        *share += code.share;
    }
    say("\nThe site's own vocabulary: how its codes started");
    for (rule, (number, share)) in counts {
        say(&format!(
            "  {rule:?}: {number} codes, {:.1} % of events",
            100.0 * share
        ));
    }
    for code in codes
        .iter()
        .filter(|code| code.rule != longitude_train::Rule::Kept)
        .take(12)
    {
        let first = code.from.first().map_or("all", |(code, _)| code);
        say(&format!("    {} <- {first} ({:?})", code.code, code.rule));
    }
    say("");
}

fn go_on(_: &longitude_train::Progress) -> Control {
    Control::Continue
}

fn say(line: &str) {
    use std::io::Write as _;
    // Nobody is left to tell when standard output is closed.
    drop(writeln!(std::io::stdout(), "{line}"));
}
