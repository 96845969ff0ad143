//! What the lists know about a word, as a set of flags. The lists are in `data/`, whose README
//! tells their sources and licences.

use crate::names;

pub(crate) const GIVEN: &str = include_str!("../../data/given.txt");
pub(crate) const SURNAMES: &str = include_str!("../../data/surnames.txt");
pub(crate) const PLACES: &str = include_str!("../../data/places.txt");
const ABROAD: &str = include_str!("../../data/abroad.txt");
const HOSPITALS: &str = include_str!("../../data/hospitals.txt");
const FIRMS: &str = include_str!("../../data/firms.txt");
const WORDS: &[u8] = include_bytes!("../../data/words.bloom");
const BLOOM_HASHES: u64 = 5;
/// Ranks at which surnames count as very common and as common.
const RANKS: [usize; 2] = [1_000, 8_000];

/// What a word may be, one bit each.
pub(crate) mod flag {
    pub(crate) const MALE: u32 = 1;
    pub(crate) const FEMALE: u32 = 1 << 1;
    pub(crate) const SURNAME_TOP: u32 = 1 << 2;
    pub(crate) const SURNAME: u32 = 1 << 3;
    pub(crate) const SURNAME_RARE: u32 = 1 << 4;
    pub(crate) const PLACE: u32 = 1 << 5;
    pub(crate) const PLACE_PART: u32 = 1 << 6;
    pub(crate) const ENGLISH: u32 = 1 << 7;
    pub(crate) const COMMON: u32 = 1 << 8;
    pub(crate) const EVERYDAY: u32 = 1 << 9;
    pub(crate) const MONTH: u32 = 1 << 10;
    pub(crate) const WEEKDAY: u32 = 1 << 11;
    pub(crate) const STATE: u32 = 1 << 12;
    pub(crate) const STATE_CODE: u32 = 1 << 13;
    pub(crate) const TITLE: u32 = 1 << 14;
    pub(crate) const DEGREE: u32 = 1 << 15;
    pub(crate) const STREET: u32 = 1 << 16;
    pub(crate) const HOSPITAL: u32 = 1 << 17;
    pub(crate) const COMPANY: u32 = 1 << 18;
    pub(crate) const RELATION: u32 = 1 << 19;
    pub(crate) const EPONYM: u32 = 1 << 20;
    pub(crate) const COUNTRY: u32 = 1 << 21;
    pub(crate) const DRUG: u32 = 1 << 22;
    /// Of the name of a hospital, or of an employer or school, that many know.
    pub(crate) const KNOWN_HOSPITAL: u32 = 1 << 23;
    pub(crate) const KNOWN_FIRM: u32 = 1 << 24;
    /// How many flags there are.
    pub(crate) const COUNT: u64 = 25;
}

/// Short lists, each with its flag.
const LISTS: &[(u32, &str)] = &[
    (flag::COMMON, names::COMMON),
    (flag::EVERYDAY, names::EVERYDAY),
    (
        flag::MONTH,
        "january february march april may june july august september october november december \
         jan feb mar apr jun jul aug sep sept oct nov dec",
    ),
    (
        flag::WEEKDAY,
        "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur \
         thurs fri sat sun",
    ),
    (
        flag::STATE,
        "alabama alaska arizona arkansas california colorado connecticut delaware florida georgia \
         hawaii idaho illinois indiana iowa kansas kentucky louisiana maine maryland \
         massachusetts michigan minnesota mississippi missouri montana nebraska nevada hampshire \
         jersey mexico york carolina dakota ohio oklahoma oregon pennsylvania rhode tennessee \
         texas utah vermont virginia washington wisconsin wyoming columbia puerto guam samoa",
    ),
    (
        flag::STATE_CODE,
        "al ak az ar ca co ct de fl ga hi id il in ia ks ky la me md ma mi mn ms mo mt ne nv nh nj \
         nm ny nc nd oh ok or pa ri sc sd tn tx ut vt va wa wv wi wy dc pr gu vi as mp",
    ),
    (
        flag::TITLE,
        "mr mrs ms miss mx dr drs doctor prof professor rev reverend sir madam sister father \
         nurse capt sgt lt col hon mister",
    ),
    (
        flag::DEGREE,
        "md do rn np pa phd dds dmd dvm lpn crna fnp mbbs dpt lcsw aprn arnp cnm cnp rd pt ot \
         pharmd psyd facs facp msn bsn esq jr sr ii iii iv mph",
    ),
    (
        flag::STREET,
        "street st avenue ave road rd boulevard blvd lane ln drive dr court ct way place pl \
         terrace circle cir square sq highway hwy parkway pkwy trail row alley loop crescent \
         plaza apt apartment suite ste unit room rm floor box route turnpike pike run path",
    ),
    (
        flag::HOSPITAL,
        "hospital hospitals clinic clinics infirmary medical center centre health healthcare \
         hospice nursing rehab rehabilitation memorial general community regional veterans va \
         university children childrens institute pavilion wing ward manor icu micu sicu nicu \
         pediatrics surgical cancer",
    ),
    (
        flag::COMPANY,
        "llc inc ltd plc llp corp corporation company co group industries associates partners \
         sons bank university college school church logistics foods motors airlines insurance \
         union department systems services foundation factory restaurant",
    ),
    (
        flag::RELATION,
        "wife husband spouse partner son daughter mother father mom dad brother sister aunt uncle \
         niece nephew cousin grandson granddaughter grandmother grandfather friend neighbor \
         caregiver fiance fiancee boyfriend girlfriend roommate guardian proxy stepson \
         stepdaughter sibling grandchild",
    ),
    (flag::EPONYM, names::EPONYMS),
    (
        flag::COUNTRY,
        "america american states canada mexico china india philippines vietnam korea japan germany \
         france italy spain portugal poland russia ukraine england ireland scotland britain \
         greece turkey iran iraq israel egypt nigeria ghana kenya ethiopia somalia haiti jamaica \
         cuba dominican salvador guatemala honduras nicaragua colombia venezuela ecuador peru \
         brazil chile argentina bolivia pakistan bangladesh nepal thailand cambodia laos \
         indonesia australia africa europe asia afghanistan syria lebanon norway sweden finland \
         denmark netherlands belgium switzerland austria hungary estonia cyprus tunisia",
    ),
    (flag::DRUG, names::DRUGS),
];

/// The lists, ready to be asked.
pub(crate) struct Lexicon {
    /// Hashes of words with their flags, in order.
    entries: Vec<(u64, u32)>,
}

impl Lexicon {
    /// Reads the lists; make it once.
    pub(crate) fn new() -> Self {
        let mut entries = Vec::with_capacity(64_000);
        for line in GIVEN.lines() {
            let (word, marks) = line.split_once(' ').unwrap_or((line, ""));
            let sex = |mark, flag| if marks.contains(mark) { flag } else { 0 };
            let flags = sex('m', flag::MALE) | sex('f', flag::FEMALE);
            entries.push((hash(word), flags));
        }
        for (rank, word) in SURNAMES.lines().enumerate() {
            let flags = match rank {
                _ if rank < RANKS[0] => flag::SURNAME_TOP,
                _ if rank < RANKS[1] => flag::SURNAME,
                _ => flag::SURNAME_RARE,
            };
            entries.push((hash(word), flags));
        }
        for name in PLACES.lines() {
            let parts = name.split([' ', '-', '\'', '.']);
            for part in parts.filter(|part| part.len() > 2) {
                let whole = part.len() == name.len();
                let flags = if whole { flag::PLACE } else { flag::PLACE_PART };
                entries.push((hash(part), flags));
            }
        }
        for line in ABROAD.lines() {
            let (word, marks) = line.split_once(' ').unwrap_or((line, ""));
            let marked = |mark, flag| if marks.contains(mark) { flag } else { 0 };
            let sexes = marked('m', flag::MALE) | marked('f', flag::FEMALE);
            entries.push((hash(word), sexes | marked('s', flag::SURNAME)));
        }
        for (flags, names) in [(flag::KNOWN_HOSPITAL, HOSPITALS), (flag::KNOWN_FIRM, FIRMS)] {
            let words = names.split([' ', '\n', '-', '\'', '.']);
            let words = words.filter(|word| word.starts_with(char::is_uppercase));
            let words = words.filter(|word| word.len() > 2).map(str::to_lowercase);
            entries.extend(words.map(|word| (hash(&word), flags)));
        }
        for (flags, words) in LISTS {
            entries.extend(words.split_whitespace().map(|word| (hash(word), *flags)));
        }
        entries.sort_unstable();
        entries.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 |= next.1;
            }
            same
        });
        Self { entries }
    }

    /// What a word in lower case may be.
    pub(crate) fn flags(&self, lower: &str) -> u32 {
        let hash = hash(lower);
        let at = self.entries.binary_search_by_key(&hash, |entry| entry.0);
        let listed = at.map_or(0, |at| self.entries[at].1);
        if is_english(lower) {
            listed | flag::ENGLISH
        } else {
            listed
        }
    }
}

/// Whether a word, or its stem, is in the filter of English and clinical words.
fn is_english(lower: &str) -> bool {
    let stems = ["s", "es", "ed", "ing", "d", "ly", "al"];
    let mut stems = stems.iter().filter_map(|end| lower.strip_suffix(end));
    is_word(lower) || stems.any(|stem| stem.len() > 3 && is_word(stem))
}

fn is_word(word: &str) -> bool {
    let bits = WORDS.len() as u64 * 8;
    let hash = hash(word);
    let step = (hash >> 32) | 1;
    (0..BLOOM_HASHES).all(|turn| {
        let at = ((hash & 0xFFFF_FFFF) + turn * step) % bits;
        let byte = usize::try_from(at / 8).unwrap_or(0);
        WORDS[byte] & (1 << (at % 8)) != 0
    })
}

/// FNV-1a, 64 bits.
pub(crate) fn hash(word: &str) -> u64 {
    word.bytes().fold(0xCBF2_9CE4_8422_2325, |value, byte| {
        (value ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_flags() {
        let lexicon = Lexicon::new();
        let has = |word: &str, flags: u32| lexicon.flags(word) & flags == flags;
        assert!(has("mary", flag::FEMALE));
        assert!(has("smith", flag::SURNAME_TOP | flag::ENGLISH));
        assert!(has("boston", flag::PLACE));
        assert!(has("echocardiography", flag::ENGLISH));
        assert!(has("parkinson", flag::EPONYM | flag::SURNAME));
        assert_eq!(lexicon.flags("qxzv"), 0);
    }
}
