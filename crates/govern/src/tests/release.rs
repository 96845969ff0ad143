//! The release: every stage with every act and everybody, the gate, the records, and what tampering
//! and time do to them.

use super::{NOW, institution, run_of};
use crate::{
    Act, Approval, Boundary, Criterion, Dossier, Drill, Error, Given, Institution, Layout, Limit,
    Owner, People, Person, PersonKey, Position, Release, ReleaseBook, Revoked, Role, RunLedger,
    Scope, Stage, TrustedKey, model_root, verify_run,
};
use expect_test::expect;
use longitude_core::{Days, Digest, Instant};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub(super) fn scope() -> Scope {
    Scope {
        task: "sepsis_6h".to_owned(),
        site: "north".to_owned(),
    }
}

fn after(days: f64) -> Instant {
    NOW.plus(Days(days))
}

/// An institution with its people and a finished run.
struct House {
    dir: tempfile::TempDir,
    institution: Institution,
    people: People,
    layout: Layout,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let institution = institution(dir.path(), 7);
        let layout = run_of(dir.path(), &institution);
        let people = People::open(dir.path(), institution.public_key()).unwrap();
        Self {
            dir,
            institution,
            people,
            layout,
        }
    }

    fn person(&mut self, name: &str, roles: &[Role], seed: u8) -> PersonKey {
        let to = self.dir.path().join(format!("{name}.key"));
        let roles = roles.iter().copied().collect();
        let who = (name, roles);
        let when = (NOW, &[seed; 32]);
        self.people
            .enrol(&self.institution, who, when, &to)
            .unwrap();
        PersonKey::open(&to, self.institution.public_key()).unwrap()
    }

    fn book(&self, ledger: &RunLedger) -> ReleaseBook {
        let model = model_root(&self.layout.model()).unwrap();
        ReleaseBook::open(&self.layout, ledger, (self.institution.public_key(), model)).unwrap()
    }

    fn ledger(&self) -> RunLedger {
        RunLedger::open(&self.layout, &self.institution).unwrap()
    }

    fn enter(&self, key: &PersonKey, at: Instant, given: Given) -> Result<Release, Error> {
        let mut ledger = self.ledger();
        let book = self.book(&ledger);
        let entered = book.enter(&mut ledger, (key, &self.people), (&scope(), at), given);
        entered.map(|(_, release)| release)
    }

    fn verdict(&self) -> (bool, String) {
        let key = TrustedKey::from_pem(self.institution.public_key().pem()).unwrap();
        let verdict = verify_run(self.layout.root(), Some(&key));
        (verdict.passed(), verdict.to_string())
    }
}

/// What spoils a dossier.
type Change = fn(&mut Dossier);

pub(super) fn dossier() -> Dossier {
    let met = |rationale: &str| Criterion {
        met: Some(true),
        rationale: rationale.to_owned(),
    };
    let limit = |what: &str, pointer: &str, least, most| Limit {
        what: what.to_owned(),
        pointer: pointer.to_owned(),
        at_least: least,
        at_most: most,
    };
    let limits = vec![
        limit("AUROC, lower end", "/auroc/low", Some(0.7), None),
        limit("observed over expected", "/oe", Some(0.8), Some(1.2)),
    ];
    Dossier {
        scope: scope(),
        intended_use: "to look again at patients at risk".to_owned(),
        users: "ward physicians".to_owned(),
        population: "adults".to_owned(),
        owner: Owner {
            name: "Dr X".to_owned(),
            deputy: "Dr Y".to_owned(),
            committee: "safety committee, 5 of 5".to_owned(),
            contact: "pager 17".to_owned(),
        },
        boundary: Boundary {
            criteria: [
                met("no image"),
                met("record"),
                met("a list"),
                met("evidence"),
            ],
            professional: true,
            time_critical: false,
            position: Position::NonDevice,
            cleared: None,
            eu_class: "not high-risk".to_owned(),
            decided_by: "legal".to_owned(),
        },
        limits: [Stage::SilentTrial, Stage::Limited, Stage::Released]
            .map(|stage| (stage, limits.clone()))
            .into(),
    }
}

fn promote(to: Stage, dossier: &Dossier, report: &serde_json::Value, days: f64) -> Given {
    Given::Act(Approval {
        act: Act::Promote(to),
        reason: "the evaluation keeps to the limits".to_owned(),
        dossier: Some(Digest::of_json(dossier).unwrap()),
        report: Some(Digest::of_json(report).unwrap()),
        judged: dossier.judge(to, report),
        expires: Some(after(days)),
    })
}

fn act(act: Act, days: Option<f64>) -> Given {
    Given::Act(Approval {
        act,
        reason: "seen".to_owned(),
        dossier: None,
        report: None,
        judged: Vec::new(),
        expires: days.map(after),
    })
}

fn drill() -> Given {
    Given::Drill(Drill {
        what: "called, answered, stopped, released".to_owned(),
    })
}

/// Every stage with every act by everybody: a safety officer (s), the same twice (ss), a doctor
/// (d), safety officer and doctor (sd), safety officer and who makes models (sm), an auditor (a).
#[test]
fn every_stage_with_every_act_and_everybody() {
    let mut house = House::new();
    let safety = house.person("Ann", &[Role::SafetyOfficer], 1);
    let doctor = house.person("Ben", &[Role::Clinician], 2);
    let maker = house.person("Cleo", &[Role::ModelDeveloper, Role::Clinician], 3);
    let auditor = house.person("Dan", &[Role::Auditor], 4);
    let pairs: [(&str, Vec<&Person>); 6] = [
        ("s", vec![safety.person()]),
        ("ss", vec![safety.person(), safety.person()]),
        ("d", vec![doctor.person()]),
        ("sd", vec![safety.person(), doctor.person()]),
        ("sm", vec![safety.person(), maker.person()]),
        ("a", vec![auditor.person()]),
    ];
    let to = Stage::ALL;
    let acts = [Act::Suspend, Act::Withdraw]
        .into_iter()
        .chain(to.map(Act::Promote))
        .chain(to.map(Act::Resume))
        .chain(to.map(Act::Demote));
    let acts: Vec<Act> = acts.collect();
    let mut table = BTreeMap::<String, Vec<&str>>::new();
    let mut refused = 0;
    for stage in Stage::ALL {
        for act in &acts {
            for (who, people) in &pairs {
                match stage.after(Stage::Limited, *act, people) {
                    Ok(after) => {
                        let line = format!("{stage}: {act} -> {after}");
                        table.entry(line).or_default().push(who);
                    }
                    Err(_) => refused += 1,
                }
            }
        }
    }
    let lines = table
        .iter()
        .map(|(line, who)| format!("{line} by {}\n", who.join(", ")));
    let text: String = lines.chain([format!("{refused} refused\n")]).collect();
    expect![[r"
        limited: demote to research -> research by s, ss, sd, sm
        limited: demote to silent_trial -> silent_trial by s, ss, sd, sm
        limited: promote to released -> released by sd
        limited: suspend -> suspended by s, ss, d, sd, sm
        limited: withdraw -> withdrawn by s, ss, sd, sm
        released: demote to limited -> limited by s, ss, sd, sm
        released: demote to research -> research by s, ss, sd, sm
        released: demote to silent_trial -> silent_trial by s, ss, sd, sm
        released: suspend -> suspended by s, ss, d, sd, sm
        released: withdraw -> withdrawn by s, ss, sd, sm
        research: promote to silent_trial -> silent_trial by sd
        research: suspend -> suspended by s, ss, d, sd, sm
        research: withdraw -> withdrawn by s, ss, sd, sm
        silent_trial: demote to research -> research by s, ss, sd, sm
        silent_trial: promote to limited -> limited by sd
        silent_trial: suspend -> suspended by s, ss, d, sd, sm
        silent_trial: withdraw -> withdrawn by s, ss, sd, sm
        suspended: resume at limited -> limited by sd, sm
        suspended: resume at research -> research by sd, sm
        suspended: resume at silent_trial -> silent_trial by sd, sm
        suspended: withdraw -> withdrawn by s, ss, sd, sm
        647 refused
    "]]
    .assert_eq(&text);
}

#[test]
fn two_people_lead_up_and_one_stops() {
    let mut house = House::new();
    let safety = house.person("Ann", &[Role::SafetyOfficer], 1);
    let doctor = house.person("Ben", &[Role::Clinician], 2);
    let maker = house.person("Cleo", &[Role::ModelDeveloper], 3);
    let dossier = dossier();
    let good = json!({ "auroc": { "low": 0.74 }, "oe": 1.05 });
    let bad = json!({ "auroc": { "low": 0.74 }, "oe": null });
    let refused = |result: Result<Release, Error>| result.unwrap_err().to_string();
    let silent = |report| promote(Stage::SilentTrial, &dossier, report, 300.0);
    assert!(refused(house.enter(&safety, NOW, silent(&good))).contains("no dossier"));
    let given = Given::Dossier(Box::new(dossier.clone()));
    house.enter(&safety, NOW, given).unwrap();
    assert!(refused(house.enter(&safety, NOW, silent(&good))).contains("drill"));
    house.enter(&doctor, after(1.0), drill()).unwrap();
    let broken = refused(house.enter(&safety, after(1.0), silent(&bad)));
    assert!(
        broken.contains("limits are not kept: observed over expected"),
        "{broken}"
    );
    assert!(refused(house.enter(&maker, after(1.0), silent(&good))).contains("who makes models"));
    let first = house.enter(&safety, after(1.0), silent(&good)).unwrap();
    assert_eq!((first.stage, first.pending.len()), (Stage::Research, 1));
    assert!(refused(house.enter(&safety, after(1.0), silent(&good))).contains("already"));
    assert!(refused(house.enter(&doctor, NOW, silent(&good))).contains("clock went back"));
    let second = house.enter(&doctor, after(2.0), silent(&good)).unwrap();
    assert_eq!(second.stage, Stage::SilentTrial);
    assert_eq!(second.by, ["Ann", "Ben"]);
    // One person stops at once, two lead back.
    let stopped = house
        .enter(&doctor, after(3.0), act(Act::Suspend, None))
        .unwrap();
    assert_eq!(stopped.effective(after(3.0)).0, Stage::Suspended);
    let resume = || act(Act::Resume(Stage::SilentTrial), Some(200.0));
    house.enter(&doctor, after(4.0), resume()).unwrap();
    let back = house.enter(&safety, after(5.0), resume()).unwrap();
    assert_eq!(back.stage, Stage::SilentTrial);
    // What was live, and who had decided it, at any day.
    let ledger = house.ledger();
    let book = house.book(&ledger);
    let on = |days| {
        book.releases_on(&ledger, after(days))
            .unwrap()
            .remove(&scope())
            .unwrap()
    };
    assert_eq!(on(1.5).stage, Stage::Research);
    assert_eq!(
        (on(2.5).stage, on(2.5).by),
        (Stage::SilentTrial, vec!["Ann".into(), "Ben".into()])
    );
    assert_eq!(on(3.5).stage, Stage::Suspended);
    // Approvals end, and so do drills.
    assert_eq!(back.effective(after(150.0)), (Stage::SilentTrial, None));
    assert!(back.effective(after(182.0)).1.unwrap().contains("drill"));
    assert_eq!(back.effective(after(200.0)).0, Stage::Research);
    let (passed, said) = house.verdict();
    assert!(
        passed && said.contains("every step of 1 tasks and sites was lawful"),
        "{said}"
    );
}

#[test]
fn a_second_signature_joins_only_the_same_facts_and_soon() {
    let mut house = House::new();
    let safety = house.person("Ann", &[Role::SafetyOfficer], 1);
    let doctor = house.person("Ben", &[Role::Clinician], 2);
    let dossier = dossier();
    house
        .enter(&safety, NOW, Given::Dossier(Box::new(dossier.clone())))
        .unwrap();
    house.enter(&doctor, NOW, drill()).unwrap();
    let one = json!({ "auroc": { "low": 0.74 }, "oe": 1.05 });
    let other = json!({ "auroc": { "low": 0.75 }, "oe": 1.05 });
    let silent = |report| promote(Stage::SilentTrial, &dossier, report, 300.0);
    house.enter(&safety, after(1.0), silent(&one)).unwrap();
    let apart = house.enter(&doctor, after(2.0), silent(&other)).unwrap();
    assert_eq!((apart.stage, apart.pending.len()), (Stage::Research, 2));
    let late = house.enter(&doctor, after(40.0), silent(&one)).unwrap();
    assert_eq!(late.stage, Stage::Research);
    // Another dossier: what was signed by the one before is void.
    let mut changed = dossier.clone();
    changed.users = "nurses".to_owned();
    let entered = house
        .enter(&safety, after(41.0), Given::Dossier(Box::new(changed)))
        .unwrap();
    assert!(entered.pending.is_empty());
    let void = house
        .enter(&safety, after(42.0), silent(&one))
        .unwrap_err()
        .to_string();
    assert!(void.contains("another dossier"), "{void}");
}

#[test]
fn a_revoked_or_foreign_key_signs_nothing_that_counts() {
    let mut house = House::new();
    let safety = house.person("Ann", &[Role::SafetyOfficer], 1);
    let given = || Given::Dossier(Box::new(dossier()));
    let again = house.people.enrol(
        &house.institution,
        ("ann", [Role::Auditor].into()),
        (NOW, &[9; 32]),
        &house.dir.path().join("second.key"),
    );
    assert!(again.unwrap_err().to_string().contains("revoke it first"));
    let revoked = Revoked {
        at: after(1.0),
        reason: "left".to_owned(),
    };
    house
        .people
        .revoke(&house.institution, "ann", revoked)
        .unwrap();
    let refused = house.enter(&safety, after(2.0), given()).unwrap_err();
    assert!(refused.to_string().contains("revoked"));
    let reread = People::open(house.dir.path(), house.institution.public_key()).unwrap();
    assert_eq!(reread.entries(), house.people.entries());
    let stranger = institution(house.dir.path(), 8);
    let path = house.dir.path().join("Ann.key");
    assert!(matches!(
        PersonKey::open(&path, stranger.public_key()),
        Err(Error::Signature { .. })
    ));
    assert!(People::open(house.dir.path(), stranger.public_key()).is_err());
}

fn alter(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(text)).unwrap();
}

#[test]
fn tampering_is_found_and_a_record_counts_in_its_own_run_only() {
    let mut house = House::new();
    let safety = house.person("Ann", &[Role::SafetyOfficer], 1);
    house
        .enter(&safety, NOW, Given::Dossier(Box::new(dossier())))
        .unwrap();
    let record = house.layout.release().join("R-000001.json");
    let whole = fs::read_to_string(&record).unwrap();
    for (from, to) in [
        ("\"salt\": \"", "\"salt\": \"0"),
        ("payload\": \"ey", "payload\": \"ez"),
    ] {
        alter(&record, |text| text.replace(from, to));
        assert!(!house.verdict().0, "{from}");
        fs::write(&record, &whole).unwrap();
    }
    let slipped_in = house.layout.release().join("R-000002.json");
    fs::write(&slipped_in, whole.replace("R-000001", "R-000002")).unwrap();
    let (passed, said) = house.verdict();
    assert!(!passed && said.contains("release/R-000002.json: the ledger knows nothing of it"));
    fs::remove_file(&slipped_in).unwrap();
    assert!(house.verdict().0);
    // The same record in another run of the same institution and model.
    let other = tempfile::tempdir().unwrap();
    let layout = run_of(other.path(), &house.institution);
    let ledger = RunLedger::open(&layout, &house.institution).unwrap();
    let model = model_root(&layout.model()).unwrap();
    let key = house.institution.public_key();
    let book = ReleaseBook::open(&layout, &ledger, (key, model)).unwrap();
    fs::write(layout.release().join("R-000001.json"), &whole).unwrap();
    let refused = book.releases(&ledger).unwrap_err().to_string();
    assert!(
        refused.contains("the ledger knows nothing of it"),
        "{refused}"
    );
    let records = crate::release::read(&layout.release()).unwrap();
    let log = ledger.log_key();
    let refused = crate::releases(&records, (key, log.name(), model), None).unwrap_err();
    assert!(
        refused.to_string().contains("signed for another run"),
        "{refused}"
    );
}

#[test]
fn a_record_that_is_gone_is_missed_before_anybody_acts_on_the_rest() {
    let mut house = House::new();
    let safety = house.person("Ann", &[Role::SafetyOfficer], 1);
    let given = Given::Dossier(Box::new(dossier()));
    house.enter(&safety, NOW, given).unwrap();
    house
        .enter(&safety, after(1.0), act(Act::Suspend, None))
        .unwrap();
    fs::remove_file(house.layout.release().join("R-000002.json")).unwrap();
    let ledger = house.ledger();
    assert!(house.book(&ledger).releases(&ledger).is_err());
    drop(ledger);
    assert!(house.enter(&safety, after(2.0), drill()).is_err());
    assert!(!house.verdict().0);
}

#[test]
fn nobody_alone_prolongs_and_no_suspension_ends_above_the_boundary() {
    let mut house = House::new();
    let safety = house.person("Ann", &[Role::SafetyOfficer], 1);
    let dossier = dossier();
    house
        .enter(&safety, NOW, Given::Dossier(Box::new(dossier.clone())))
        .unwrap();
    let refused = |result: Result<Release, Error>| result.unwrap_err().to_string();
    for one in [Act::Suspend, Act::Withdraw] {
        let said = refused(house.enter(&safety, after(1.0), act(one, Some(300.0))));
        assert!(said.contains("only what two people sign"), "{said}");
    }
    let mut device = dossier;
    device.boundary.position = Position::Device;
    house
        .enter(&safety, after(1.0), Given::Dossier(Box::new(device)))
        .unwrap();
    let resume = act(Act::Resume(Stage::Limited), Some(200.0));
    let said = refused(house.enter(&safety, after(2.0), resume));
    assert!(said.contains("boundary record"), "{said}");
}

#[test]
fn dossiers_that_lack_something_or_contradict_themselves_are_refused() {
    let cases: [(&str, Change); 9] = [
        ("`intended_use` is empty", |d| d.intended_use = " ".into()),
        ("another person", |d| d.owner.deputy = "dr x".into()),
        ("sets no limits for limited", |d| {
            drop(d.limits.remove(&Stage::Limited));
        }),
        ("cannot be no device", |d| d.boundary.criteria[3].met = None),
        ("cannot be no device", |d| d.boundary.professional = false),
        ("discretion does not reach", |d| {
            d.boundary.position = Position::EnforcementDiscretion;
            d.boundary.time_critical = true;
        }),
        ("exclude all", |d| {
            let limits = d.limits.get_mut(&Stage::Limited).unwrap();
            limits[1].at_least = Some(2.0);
        }),
        ("`at_least` or `at_most`", |d| {
            let limits = d.limits.get_mut(&Stage::Limited).unwrap();
            limits[0].at_least = None;
        }),
        ("nobody is promoted to research", |d| {
            let limits = d.limits[&Stage::Limited].clone();
            d.limits.insert(Stage::Research, limits);
        }),
    ];
    for (what, change) in cases {
        let mut dossier = dossier();
        change(&mut dossier);
        let error = dossier.check().unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let mut device = dossier();
    device.boundary.position = Position::Device;
    device.check().unwrap();
    assert!(device.boundary.allows(Stage::SilentTrial) && !device.boundary.allows(Stage::Limited));
}
