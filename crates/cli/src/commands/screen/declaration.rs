//! The declaration of what a look is worth: a small TOML file with its reason.

use crate::failure::{Failure, Kind};
use anyhow::Result;
use longitude_predict::Benefit;
use std::path::Path;

/// What `--example` prints. The numbers are an example and no advice.
pub(super) const EXAMPLE: &str = "\
# What a look is worth. The unit is one look that finds nothing: everything is told in such looks.
# These numbers are an example. Whoever screens sets their own and says why.

# A case found a year earlier is worth a hundred looks that find nothing.
benefit_a_year_earlier = 100.0
# Earlier than two years before it would be recorded gains no more.
lead_days_max = 730.0
# What would be recorded later than in five years is not there yet, and no look can find it.
findable_days = 1826.0
# A look finds eight in ten of what is there.
sensitivity = 0.8
# One look that finds nothing: the unit.
harm_of_a_false_look = 1.0
# Minutes of work a look, for --minutes.
minutes_a_look = 20.0
reason = \"an example: a visit with a blood test; agreed by nobody\"
";

/// Reads and checks a declaration.
pub(super) fn read(path: Option<&Path>) -> Result<Benefit> {
    let path = path.unwrap_or(Path::new(""));
    let shown = path.display();
    let refuse = |message: String| {
        let mend = "`longitude screen --example` prints a declaration with every field";
        Failure::new(Kind::Input, message, mend)
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| refuse(format!("cannot read {shown}: {error}")))?;
    let benefit: Benefit =
        toml::from_str(&text).map_err(|error| refuse(format!("{shown}: {error}")))?;
    let checked = benefit.check();
    checked.map_err(|error| refuse(format!("{shown}: {error}")))?;
    Ok(benefit)
}

/// How many looks there are: a number, or what a budget of work pays for.
pub(super) fn looks(
    (looks, minutes): (Option<usize>, Option<f64>),
    benefit: &Benefit,
) -> Result<usize> {
    let refuse = |message: &str, mend: &str| Err(Failure::new(Kind::Input, message, mend).into());
    let looks = match (looks, minutes, benefit.minutes_a_look) {
        (Some(looks), ..) => looks,
        (None, Some(minutes), Some(each)) if minutes > 0.0 => whole(minutes / each),
        (None, Some(_), Some(_)) => 0,
        (None, Some(_), None) => {
            return refuse(
                "--minutes is given, and the declaration does not say what a look takes",
                "write `minutes_a_look` into it",
            );
        }
        (None, None, _) => {
            return refuse(
                "it is not said how many looks there are",
                "give --looks or --minutes",
            );
        }
    };
    if looks == 0 {
        return refuse(
            "there is not one look",
            "give --looks or --minutes for one or more",
        );
    }
    Ok(looks)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float-to-int cast saturates"
)]
fn whole(number: f64) -> usize {
    number as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_declaration() {
        let benefit: Benefit = toml::from_str(EXAMPLE).unwrap();
        assert_eq!(benefit.check(), Ok(()));
        assert_eq!(looks((None, Some(100.0)), &benefit).unwrap(), 5);
        assert_eq!(looks((Some(7), None), &benefit).unwrap(), 7);
        assert!(looks((None, Some(10.0)), &benefit).is_err());
        assert!(looks((None, None), &benefit).is_err());
    }
}
