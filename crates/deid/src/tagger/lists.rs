//! The lists as lists: what surrogates are drawn from.

use super::lexicon::{GIVEN, PLACES, SURNAMES};

/// Codes of states, lower case.
pub(crate) const STATE_CODES: &str = "al ak az ar ca co ct de fl ga hi id il in ia ks ky la me md \
    ma mi mn ms mo mt ne nv nh nj nm ny nc nd oh ok or pa ri sc sd tn tx ut vt va wa wv wi wy";

/// States, lower case.
pub(crate) const STATES: [&str; 50] = [
    "alabama",
    "alaska",
    "arizona",
    "arkansas",
    "california",
    "colorado",
    "connecticut",
    "delaware",
    "florida",
    "georgia",
    "hawaii",
    "idaho",
    "illinois",
    "indiana",
    "iowa",
    "kansas",
    "kentucky",
    "louisiana",
    "maine",
    "maryland",
    "massachusetts",
    "michigan",
    "minnesota",
    "mississippi",
    "missouri",
    "montana",
    "nebraska",
    "nevada",
    "new hampshire",
    "new jersey",
    "new mexico",
    "new york",
    "north carolina",
    "north dakota",
    "ohio",
    "oklahoma",
    "oregon",
    "pennsylvania",
    "rhode island",
    "south carolina",
    "south dakota",
    "tennessee",
    "texas",
    "utah",
    "vermont",
    "virginia",
    "washington",
    "west virginia",
    "wisconsin",
    "wyoming",
];

/// How many of the commonest given names are drawn from.
const GIVEN_COMMON: usize = 800;

/// The commonest given names of a sex (`m` or `f`), lower case.
pub(crate) fn given(sex: char) -> Vec<&'static str> {
    let lines = GIVEN.lines().filter_map(|line| line.split_once(' '));
    let of_sex = lines.filter(|(_, marks)| marks.len() == 1 && marks.contains(sex));
    of_sex.map(|(name, _)| name).take(GIVEN_COMMON).collect()
}

/// The commonest surnames, lower case.
pub(crate) fn surnames(count: usize) -> Vec<&'static str> {
    SURNAMES.lines().take(count).collect()
}

/// The largest places, lower case.
pub(crate) fn places(count: usize) -> Vec<&'static str> {
    PLACES.lines().take(count).collect()
}
