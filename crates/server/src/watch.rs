//! What a run's monitoring lets the server do: refuse what is suspended, say what is watched, and
//! put approved recalibrations behind the risks. It is read when the run is opened; while the
//! server has the ledger, nothing else can change it.

use crate::Error;
use longitude_core::{CalibrationInterval, Prediction, Probability};
use longitude_govern::{
    Health, Layout, MonitorBook, Part, Recorded, RunLedger, Standing, standing,
};
use longitude_predict::Map;
use std::collections::BTreeMap;

/// The states and recalibrations of a run.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    standing: BTreeMap<Part, Standing>,
    maps: Vec<(Part, Map)>,
}

/// What is known of whom a question is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// The task.
    pub(crate) task: &'a str,
    /// Sex as recorded.
    pub(crate) sex: &'a str,
}

impl Watch {
    /// Reads the monitoring of a run.
    pub(crate) fn open(layout: &Layout, ledger: &RunLedger) -> Result<Self, Error> {
        let leaves = ledger.leaves().map_err(Error::govern("ledger"))?;
        let standing = standing(&leaves);
        let book = MonitorBook::open(layout, ledger).map_err(Error::govern("monitoring"))?;
        let mut maps = Vec::new();
        for record in book.list().map_err(Error::govern("monitoring"))? {
            if let Recorded::Recalibration { proposal, .. } = record.what {
                let map = proposal.get("map").cloned().unwrap_or_default();
                maps.push((
                    record.part,
                    serde_json::from_value(map).map_err(Error::Json)?,
                ));
            }
        }
        Ok(Self { standing, maps })
    }

    /// Whether the task is suspended in all: then no risk of it is shown.
    pub(crate) fn is_suspended(&self, task: &str) -> bool {
        let known = self.standing.get(&Part::whole(task));
        known.is_some_and(|known| known.health == Health::Suspended)
    }

    /// Whether a new answer may be given. A part of which nobody knows here whether the patient
    /// belongs to it counts as if so: what is suspended for some is not answered by chance.
    ///
    /// # Errors
    /// When it is suspended, with the part and since when.
    pub(crate) fn allows(&self, about: About<'_>) -> Result<(), Error> {
        let suspended = self.standing.iter().find(|(part, known)| {
            known.health == Health::Suspended && part.task == about.task && may_hold(part, about)
        });
        match suspended {
            None => Ok(()),
            Some((part, known)) => Err(Error::Suspended {
                part: part.to_string(),
                since: known.since.to_string(),
                record: known.record.to_string(),
            }),
        }
    }

    /// Puts the approved recalibrations behind a risk and its interval, in the order in which they
    /// were approved. Those of parts that cannot be told here are left out, and said so.
    pub(crate) fn recalibrate(&self, prediction: &mut Prediction, sex: &str) {
        let about = About {
            task: &prediction.task.clone(),
            sex,
        };
        let of = self.maps.iter().filter(|(part, _)| part.task == about.task);
        for (_, map) in of.filter(|(part, _)| holds(part, about)) {
            let through =
                |risk: Probability| Probability::new(map.apply(risk.get())).unwrap_or(risk);
            prediction.risk = prediction.risk.map(through);
            prediction.interval = prediction.interval.map(|interval| CalibrationInterval {
                low: through(interval.low),
                high: through(interval.high),
                ..interval
            });
        }
    }

    /// What must be said beside risks of a task.
    pub(crate) fn notices(&self, task: &str) -> Vec<String> {
        let mut notices = Vec::new();
        for (part, known) in self.standing.iter().filter(|(part, _)| part.task == task) {
            let (since, record) = (known.since, known.record);
            match known.health {
                Health::Healthy => {}
                Health::Watch => notices.push(format!(
                    "{part} is watched since {since} ({record}): something may have changed."
                )),
                Health::Suspended => notices.push(format!(
                    "{part} is suspended since {since} ({record}): no new answers are given."
                )),
            }
        }
        for (part, _) in self.maps.iter().filter(|(part, _)| part.task == task) {
            notices.push(match part.dimension.as_str() {
                "all" | "sex" => format!("{part} is recalibrated as it was approved."),
                _ => format!(
                    "{part} has a recalibration that is not applied: nobody knows here which \
                     patients it is of."
                ),
            });
        }
        notices
    }
}

/// Whether the patient is known to belong to the part.
fn holds(part: &Part, about: About<'_>) -> bool {
    match part.dimension.as_str() {
        "all" => true,
        "sex" => part.value.eq_ignore_ascii_case(about.sex),
        _ => false,
    }
}

/// Whether the patient belongs to the part or may.
fn may_hold(part: &Part, about: About<'_>) -> bool {
    holds(part, about) || !matches!(part.dimension.as_str(), "all" | "sex")
}

#[cfg(test)]
mod tests {
    use super::*;
    use longitude_core::Instant;
    use longitude_predict::Logistic;

    fn part(dimension: &str, value: &str) -> Part {
        Part {
            task: "death_1y".to_owned(),
            dimension: dimension.to_owned(),
            value: value.to_owned(),
        }
    }

    fn watch(part: Part, health: Health) -> Watch {
        let record = "M-000001".to_owned().try_into().unwrap();
        let standing = Standing {
            health,
            since: Instant(0),
            released: None,
            record,
        };
        Watch {
            standing: BTreeMap::from([(part, standing)]),
            maps: Vec::new(),
        }
    }

    #[test]
    fn what_is_suspended_or_may_be_is_refused() {
        let allows = |watch: &Watch, task, sex| watch.allows(About { task, sex }).is_ok();
        let whole = watch(part("all", "all"), Health::Suspended);
        assert!(whole.is_suspended("death_1y") && !whole.is_suspended("sepsis_1y"));
        assert!(!allows(&whole, "death_1y", "female") && allows(&whole, "sepsis_1y", "female"));
        let women = watch(part("sex", "Female"), Health::Suspended);
        assert!(!allows(&women, "death_1y", "female") && allows(&women, "death_1y", "male"));
        let site = watch(part("site", "B"), Health::Suspended);
        assert!(!allows(&site, "death_1y", "male"), "the site is not known");
        let watched = watch(part("all", "all"), Health::Watch);
        assert!(allows(&watched, "death_1y", "male"));
        assert_eq!(watched.notices("death_1y").len(), 1);
        assert!(watched.notices("sepsis_1y").is_empty());
    }

    #[test]
    fn recalibrations_follow_each_other() {
        let map = |intercept| {
            Map::Logistic(Logistic {
                intercept,
                slope: 1.0,
            })
        };
        let watch = Watch {
            maps: vec![
                (part("all", "all"), map(0.5)),
                (part("sex", "male"), map(0.5)),
                (part("site", "B"), map(9.0)),
            ],
            ..Watch::default()
        };
        let mut prediction: Prediction = serde_json::from_value(serde_json::json!({
            "subject": 1, "task": "death_1y", "time": 0, "horizon": 365.0, "risk": 0.5,
            "abstention": null, "monte_carlo": null, "interval": null, "evidence": [],
            "model": longitude_core::Digest::of(b"model"),
        }))
        .unwrap();
        watch.recalibrate(&mut prediction, "male");
        let risk = prediction.risk.unwrap().get();
        assert!(
            (risk - 1.0 / (1.0 + (-1.0_f64).exp())).abs() < 1e-6,
            "{risk}"
        );
        assert_eq!(watch.notices("death_1y").len(), 3);
    }
}
