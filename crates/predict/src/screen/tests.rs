//! The worth of a look against its own sum, the list whatever the order, and small groups.

use super::*;

fn benefit() -> Benefit {
    Benefit {
        benefit_a_year_earlier: 100.0,
        lead_days_max: 730.0,
        findable_days: 1826.0,
        sensitivity: 0.8,
        harm_of_a_false_look: 1.0,
        minutes_a_look: None,
        reason: "a test".to_owned(),
    }
}

#[test]
fn the_worth_is_the_mean_over_what_may_come() {
    // A hazard of one in a thousand a day, and the same mean as a plain sum over days.
    let hazard = 0.001;
    let incidence = |days: f64| 1.0 - (-hazard * days).exp();
    let terms = benefit();
    let found = terms.worth(incidence);
    let mut days = 0.0;
    for tenth in 0..18_260 {
        let (from, to) = (f64::from(tenth) / 10.0, f64::from(tenth + 1) / 10.0);
        let mass = incidence(to) - incidence(from);
        days += 0.8 * mass * f64::midpoint(from, to).min(730.0);
    }
    assert!(
        (found.days_earlier - days).abs() < 0.05,
        "{found:?} is not {days}"
    );
    let due = 0.8 * incidence(1826.0);
    assert!((found.found - due).abs() < 1e-9);
    let benefit = 100.0 * days / 365.25 - (1.0 - due);
    assert!(
        (found.benefit - benefit).abs() < 0.02,
        "{found:?} is not {benefit}"
    );
}

#[test]
fn without_risk_a_look_is_its_harm_and_later_is_worth_more_than_now() {
    let terms = benefit();
    let none = terms.worth(|_| 0.0);
    assert!((none.benefit + 1.0).abs() < 1e-12);
    let due_at = |at: f64| {
        terms
            .worth(move |days| if days >= at { 0.3 } else { 0.0 })
            .benefit
    };
    // What is recorded tomorrow anyway gains nothing; beyond the lead nothing more is gained.
    assert!(due_at(1.0) < due_at(400.0) && due_at(400.0) < due_at(729.0));
    assert!((due_at(900.0) - due_at(1500.0)).abs() < 1e-9);
    assert!((due_at(2000.0) + 1.0).abs() < 1e-9, "it is not there yet");
}

#[test]
fn what_is_declared_is_checked() {
    assert_eq!(benefit().check(), Ok(()));
    let field = |change: fn(&mut Benefit)| {
        let mut changed = benefit();
        change(&mut changed);
        changed.check().unwrap_err().field
    };
    assert_eq!(field(|b| b.sensitivity = 1.2), "sensitivity");
    assert_eq!(field(|b| b.lead_days_max = f64::NAN), "lead_days_max");
    assert_eq!(field(|b| b.lead_days_max = 4000.0), "lead_days_max");
    assert_eq!(
        field(|b| b.harm_of_a_false_look = -1.0),
        "harm_of_a_false_look"
    );
    assert_eq!(field(|b| b.reason = " ".to_owned()), "reason");
}

fn candidate(subject: i64, benefit: f64, sex: &str) -> Candidate {
    let worth = Worth {
        found: 0.1,
        days_earlier: 1.0,
        benefit,
    };
    let mut one = Candidate::new(SubjectId(subject), 0.1, worth, &[0.1]);
    one.groups.insert("sex".to_owned(), sex.to_owned());
    one
}

#[test]
fn the_list_is_the_same_whatever_the_order() {
    let worths = [0.5, 2.0, -1.0, 2.0, 0.25, 9.0];
    let list = |order: &[usize]| {
        let mut list = Shortlist::new(3);
        for at in order {
            list.push(candidate(i64::try_from(*at).unwrap(), worths[*at], "f"));
        }
        let subjects = list.into_candidates().into_iter();
        subjects.map(|one| one.subject.0).collect::<Vec<_>>()
    };
    assert_eq!(list(&[0, 1, 2, 3, 4, 5]), [5, 1, 3]);
    assert_eq!(list(&[5, 4, 3, 2, 1, 0]), [5, 1, 3]);
    assert_eq!(list(&[3, 0, 5, 2, 4, 1]), [5, 1, 3]);
    assert!(list(&[]).is_empty());
}

#[test]
fn a_sweep_survives_its_text() {
    let mut list = Shortlist::new(2);
    let mut tally = ScreenTally::default();
    for (subject, worth) in [(1, 1.0 / 3.0), (2, 2.0 / 7.0), (3, 0.1)] {
        let one = candidate(subject, kept(worth), "f");
        tally.consider(&one);
        list.push(one);
    }
    tally.leave_out("dead");
    let text = serde_json::to_string(&(&list, &tally)).unwrap();
    let (again, counted): (Shortlist, ScreenTally) = serde_json::from_str(&text).unwrap();
    assert!(again.candidates() == list.candidates());
    assert_eq!(counted, tally);
    assert_eq!(
        (tally.subjects, tally.considered, tally.worth_looking),
        (4, 3, 3)
    );
}

#[test]
fn small_groups_have_no_shares_and_follow_from_none() {
    let mut tally = ScreenTally::default();
    let mut looks = Vec::new();
    for subject in 0..60 {
        let sex = match subject {
            0..30 => "f",
            30..55 => "m",
            _ => "other",
        };
        let one = candidate(subject, 1.0, sex);
        tally.consider(&one);
        if subject < 12 {
            looks.push(one);
        }
    }
    let shares = tally.shares(&looks);
    let of = |group: &str| shares.iter().find(|one| one.group == group).unwrap();
    assert_eq!(of("f").of_looks, Some(1.0));
    assert_eq!(of("f").of_considered, Some(0.5));
    assert_eq!(of("other").of_considered, None);
    assert_eq!(
        of("m").of_considered,
        None,
        "else the small one would follow"
    );
    assert_eq!(of("f").of_recorded, None, "fewer than eleven cases");
}
