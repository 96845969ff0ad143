//! Names that stand in no list but are spelt as names are: drawn letter by letter after the two
//! letters before, as the listed names have them.

use crate::random::Random;
use std::collections::BTreeMap;

/// The shortest and the longest name, in letters.
const LETTERS: [usize; 2] = [4, 11];

/// What letters follow two letters; `^` before a name and `$` after it.
pub(crate) struct Spelling {
    next: BTreeMap<[char; 2], Vec<char>>,
}

impl Spelling {
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut next: BTreeMap<_, Vec<char>> = BTreeMap::new();
        for name in names {
            let mut two = ['^', '^'];
            for letter in name.chars().chain(['$']) {
                next.entry(two).or_default().push(letter);
                two = [two[1], letter];
            }
        }
        Self { next }
    }

    /// A name in small letters.
    pub(crate) fn name(&self, random: &mut Random) -> String {
        loop {
            let (mut name, mut two) = (String::new(), ['^', '^']);
            while let Some(letters) = self.next.get(&two) {
                let letter = letters[random.below(letters.len())];
                if letter == '$' || name.len() > LETTERS[1] {
                    break;
                }
                name.push(letter);
                two = [two[1], letter];
            }
            if (LETTERS[0]..=LETTERS[1]).contains(&name.len()) {
                return name;
            }
        }
    }
}
