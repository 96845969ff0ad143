//! Months as numbers, and months without data.

use crate::report::Gap;
use longitude_core::Instant;
use std::collections::BTreeMap;

/// Months since the year 0.
pub(crate) type Month = i32;

/// A record that spans more years than a career is one whose dates were shifted person by person:
/// there, months without data mean nothing.
const SPAN_MONTHS_MAX: i32 = 60 * 12;
/// In a source of this many events a month, an empty month is no chance: e^-20 by Poisson.
const MONTHLY_MIN: u64 = 20;
/// A month with less than this share of the usual number is thin.
const THIN: f64 = 0.2;

/// The month and year of an instant, remembering the day before: events come by day.
#[derive(Debug)]
pub(crate) struct Calendar {
    day: i64,
    year: i16,
    month: Month,
}

impl Calendar {
    pub(crate) fn new() -> Self {
        Self {
            day: i64::MIN,
            year: 0,
            month: 0,
        }
    }

    pub(crate) fn of(&mut self, time: Instant) -> (i16, Month) {
        let day = time.0.div_euclid(86_400_000_000);
        if day != self.day {
            let (year, month, _) = time.civil_date();
            self.day = day;
            self.year = year;
            self.month = i32::from(year) * 12 + i32::from(month) - 1;
        }
        (self.year, self.month)
    }
}

/// Runs of months, between the first and the last, in which nothing or too little was recorded.
pub(crate) fn gaps(what: &str, months: &BTreeMap<Month, u64>) -> Vec<Gap> {
    let (Some((first, _)), Some((last, _))) = (months.first_key_value(), months.last_key_value())
    else {
        return Vec::new();
    };
    if last - first > SPAN_MONTHS_MAX || last - first < 3 {
        return Vec::new();
    }
    let mut counts: Vec<u64> = months.values().copied().collect();
    counts.sort_unstable();
    let usual = counts[counts.len() / 2];
    // Beginnings are thin by themselves: gaps are looked for where the record is under way.
    let under_way = |count: u64| count as f64 >= usual as f64 / 2.0;
    let start = months.iter().find(|(_, count)| under_way(**count));
    let end = months.iter().rev().find(|(_, count)| under_way(**count));
    let (Some((start, _)), Some((end, _))) = (start, end) else {
        return Vec::new();
    };
    if usual < MONTHLY_MIN {
        return Vec::new();
    }
    let mut found: Vec<Gap> = Vec::new();
    for month in *start..*end {
        let count = months.get(&month).copied().unwrap_or(0);
        if count as f64 >= THIN * usual as f64 {
            continue;
        }
        match found.last_mut() {
            Some(gap) if gap.end == name(month - 1) => {
                gap.end = name(month);
                gap.months += 1;
                gap.events += count;
            }
            _ => found.push(Gap {
                what: what.to_owned(),
                start: name(month),
                end: name(month),
                months: 1,
                events: count,
                usual_per_month: usual,
            }),
        }
    }
    found
}

/// `2019-03`.
pub(crate) fn name(month: Month) -> String {
    format!(
        "{:04}-{:02}",
        month.div_euclid(12),
        month.rem_euclid(12) + 1
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_thin_months_in_the_middle_are_gaps() {
        let mut months: BTreeMap<Month, u64> = (24_000..24_036).map(|m| (m, 100)).collect();
        months.remove(&24_010);
        months.insert(24_011, 3);
        // A thin start is no gap.
        months.insert(24_000, 5);
        let found = gaps("Observation.ndjson", &months);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].start.as_str(), found[0].end.as_str()),
            ("2000-11", "2000-12")
        );
        assert_eq!(
            (found[0].months, found[0].events, found[0].usual_per_month),
            (2, 3, 100)
        );
    }

    #[test]
    fn sparse_and_shifted_records_have_none() {
        let sparse: BTreeMap<Month, u64> = (0..40).step_by(3).map(|m| (24_000 + m, 4)).collect();
        assert!(gaps("x", &sparse).is_empty());
        let shifted: BTreeMap<Month, u64> = (0..100).map(|m| (25_200 + m * 12, 500)).collect();
        assert!(gaps("x", &shifted).is_empty());
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let mut calendar = Calendar::new();
        let at = |y, m, d| Instant::from_civil((y, m, d), (23, 59, 59, 0), 0).unwrap();
        assert_eq!(calendar.of(at(2020, 2, 29)), (2020, 2020 * 12 + 1));
        assert_eq!(calendar.of(at(2020, 3, 1)), (2020, 2020 * 12 + 2));
        assert_eq!(name(2020 * 12 + 1), "2020-02");
    }
}
