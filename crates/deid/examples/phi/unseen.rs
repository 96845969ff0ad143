//! Values that nothing was learnt from: names of lists that are not shipped, hospitals, employers
//! and towns that stand in no list of the project, dates and numbers in other forms. They fill the
//! notes of `styles.txt` and take the places of the planted identifiers in measurements.

use crate::random::Random;
use crate::values::{Person, title};

const NAMES: &str = include_str!("unseen_names.txt");
const MONTHS: &str =
    "January|February|March|April|May|June|July|August|September|October|November|December";
const DAYS: &str = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday";
const ORDINALS: &str = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|twenty-first|twenty-second|twenty-third|twenty-fourth|twenty-fifth|twenty-sixth|twenty-seventh|twenty-eighth";
const HOSPITALS: &str = "Banner Thunderbird|Piedmont Fayette|Wentworth-Douglass|Sutter Roseville|Ochsner Baptist|St. Rose Dominican|St. Luke's Magic Valley|Mt. Ascutney Hospital|Saint Alphonsus|Lovelace Women's|Sanford Bemidji|Scripps La Jolla|Trinity Minot|Avera McKennan|Baystate Franklin|Cooley Dickinson|Parkview Whitley|Gundersen Lutheran|Bellin Hospital|Cheshire Medical Center|Lower Keys Medical Center|Kootenai Health|Maui Memorial|Tuba City Regional|Penobscot Bay Medical Center|Grady Memorial|Ben Taub|Elmhurst Hospital Center|Hazelden|Betty Ford Center|Willow Creek Behavioral|Brookhaven Rehab and Nursing|Arbor Glen Care Center|Cypress Pointe Surgical Hospital|Riverbend Family Medicine|Pinnacle Orthopedics|Tidewater Eye Centers|North Star Pediatrics|Sunset Park Family Health Center|Holy Name|Sacred Heart of Jesus Hospital|Our Lady of Lourdes|Christ Hospital|Desert Springs Dialysis|Quincy Valley Medical Center|Nason Hospital|St. Mary's of Michigan|Kadlec|Swedish Ballard|Legacy Emanuel|Mercy Fitzgerald|Western Psych|Danbury Hospital|Lutheran General|The Queen's Medical Center|Tampa General|Shady Grove Adventist|Cottage Grove Community Hospital";
const COMPANIES: &str = "Weyerhaeuser|Hormel|Tesla|Cargill|Publix|Wegmans|Dollar General|Chick-fil-A|Southwest Airlines|Union Pacific|Halliburton|Pratt & Whitney|Corning Glass|Bethlehem Steel|Perdue|Smithfield Foods|Nabisco|Sherwin-Williams|U-Haul|JetBlue|Vanguard|Geico|Liberty Mutual|Oscar Health|Molina Healthcare|Health Net|Highmark|Kaiser Steel|Fresh Direct|Trader Joe's|Dunkin'|Olive Garden|the Teamsters|the Red Cross|Habitat for Humanity|Goodwill|Blackwater Mining|Cascade Timber|Pelican Point Marina|Red Wing Shoes|Granite City Steel|Delgado Roofing|Nguyen & Daughters Nails|Okafor Transport LLC|Sunny Acres Daycare|First Baptist Church|Temple Beth Shalom|Local 47|Lincoln Middle School|Pine Bluff Elementary|Bowdoin|Gonzaga University|Purdue|Texas A&M|Rensselaer Polytechnic|Spelman College|Cuyahoga Community College|the Coast Guard|the Department of Transportation|Clark County School District|Boise Fire Department";
const CITIES: &str = "Ypsilanti|Schenectady|Wauwatosa|Puyallup|Tuscaloosa|Okeechobee|Natchitoches|Poughkeepsie|Terre Haute|Coeur d'Alene|Truth or Consequences|Walla Walla|Bar Harbor|Sault Ste. Marie|Chillicothe|Nacogdoches|Winnemucca|Kennebunkport|Mount Airy|Lac du Flambeau|Saint Cloud|Two Harbors|Fond du Lac|Port Jervis|Eau Claire|Yreka|Zanesville|Ogallala|Machias|Hilo|Nogales|Ashtabula|Oaxaca|Lagos|Tbilisi|Addis Ababa|Kumasi|Gdansk|Hue|Port-au-Prince|Cebu|Lahore|Sylhet|Chennai|Guayaquil|Tegucigalpa|Aleppo|Sarajevo";
const STATES: &str = "Ohio|Maine|Texas|New Mexico|Idaho|Georgia|Oregon|Nevada|Vermont|Kentucky|South Dakota|West Virginia|Rhode Island|Alaska|Hawaii";
const STATE_CODES: &str = "OH|ME|TX|NM|ID|GA|OR|NV|VT|KY|SD|WV|RI|AK|HI|MI|WI|NY|LA|WA";
const STREETS: &str = "Bellwether Way|Old Quarry Rd|Quail Run Ct|Sweetgum Trl|Tamarack Dr|W. Kinzie St.|SE Division St|Calle Ocho|Avenida de la Paz|Rue Dauphine|County Road 12|Highway 61 South|State Route 9|Rural Route 2|Ridgeline Loop|Harbor Pointe Cir|Saltgrass Ln|Peachtree Battle Ave NW|Mockingbird Ln|E 38th St|N. 5th Ave|Boardwalk|Wharf Street|Via Verde|Tchoupitoulas St|Buffalo Speedway|Thistledown Close|Cobblestone Mews";
const FLATS: &str = "|||| Apt 4B| #12| Unit 7|, Apt. 302| Lot 14| Bldg C| Fl 2|, Ste 410| Rm 9";
const USERS: &str = "NAME_99|NAME.rn|xNAME7|the_real_NAME|NAME-care";

/// The names, cut once.
pub(crate) struct Names {
    male: Vec<&'static str>,
    female: Vec<&'static str>,
    surnames: Vec<&'static str>,
}

impl Names {
    pub(crate) fn new() -> Self {
        let marked = |mark| {
            let lines = NAMES.lines().filter_map(|line| line.split_once(' '));
            let lines = lines.filter(|(_, marks)| marks.contains(mark));
            lines.map(|(name, _)| name).collect()
        };
        Self {
            male: marked('m'),
            female: marked('f'),
            surnames: marked('s'),
        }
    }

    pub(crate) fn given(&self, male: bool, random: &mut Random) -> String {
        title(random.line(if male { &self.male } else { &self.female }))
    }

    pub(crate) fn surname(&self, random: &mut Random) -> String {
        let one = title(random.line(&self.surnames));
        match random.below(20) {
            0 => format!("{one}-{}", title(random.line(&self.surnames))),
            1 => format!("{} {one}", random.word("van|de la|von|bin|dos|Ter")),
            2 => format!("{}{one}", random.word("O'|D'|Mc|Ben-")),
            _ => one,
        }
    }

    pub(crate) fn person(&self, random: &mut Random) -> Person {
        let male = random.percent(50);
        Person {
            first: self.given(male, random),
            last: self.surname(random),
            middle: self.given(male, random),
            male,
        }
    }

    /// A value for a place of `styles.txt`; `None` for places that identify nobody.
    pub(crate) fn value(&self, place: &str, random: &mut Random) -> Option<String> {
        Some(match place {
            "date" => date(random),
            "md" => month_day(random),
            "mon" => random.word(MONTHS).to_owned(),
            "my" => month_year(random),
            "wd" => date_in_words(random),
            "rd" => date_after_a_day(random),
            "holiday" => random.word("Ramadan|Hanukkah|Veterans Day|Independence Day|New Year's Eve|Diwali|Boxing Day|Columbus Day").to_owned(),
            "old" => random.word("90|91|92|93|94|96|97|98|99|101|103|104").to_owned(),
            "phone" | "fax" => phone(random),
            "email" => format!("{}@{}", self.user(random), random.word("outlook.com|icloud.com|proton.me|northhealth.example|state.gov|umn.edu|me.com")),
            "user" => format!("@{}", self.user(random)),
            "street" => street(random),
            "city" | "country" => random.word(CITIES).to_owned(),
            "state" => random.word(STATES).to_owned(),
            "st" => random.word(STATE_CODES).to_owned(),
            "hosp" => random.word(HOSPITALS).to_owned(),
            "habbr" => random.word("SFMC|OLOL|PKMC|TGH|UWMC|MUSC|DHMC|LVHN").to_owned(),
            "org" | "school" => random.word(COMPANIES).to_owned(),
            _ => {
                let format = random.word(format_of(place)?).to_owned();
                random.filled(&format)
            }
        })
    }

    fn user(&self, random: &mut Random) -> String {
        let name = random.line(&self.surnames).to_ascii_lowercase();
        let name: String = name.chars().filter(char::is_ascii_alphabetic).collect();
        random.word(USERS).replace("NAME", &name)
    }
}

fn street(random: &mut Random) -> String {
    let number = random.between(1, 28_000);
    let letter = random.word("||||A|-B|½");
    format!(
        "{number}{letter} {}{}",
        random.word(STREETS),
        random.word(FLATS)
    )
}

/// Formats of numbers, `N` a digit and `L` a letter.
fn format_of(place: &str) -> Option<&'static str> {
    Some(match place {
        "pager" => "NNNN|6-NNNN|p NNNNN|NNN.NNNN",
        "ext" => "NNN|NNNNN",
        "url" => {
            "https://chart.valleymed.example/pt/NNNNN|portal.kadlec.example/LLL|ftp://10.2.NN.N/img|www.cedarhealth.example"
        }
        "ip" => "172.16.N.NNN|203.0.113.NN|2001:db8:0:1:NNNN:NNNN:0:N",
        "ssn" => "NNN-NN-NNNN|NNN.NN.NNNN|NNN NN NNNN|***-**-NNNN",
        "mrn" => "NNN-NNN-NNN|LNNNNNN|NN.NN.NN.N|E-NNNNNNN|00NNNNNN|NNNNNN-N|MLNNNNNNN",
        "plan" => "NLLNLNNLLNN|LLLNNNNNNNNNNNN|NNN-LL-NNNN|WNNNNNNNNN-NN|LLNNNNNNNL",
        "acct" => "NNNN-NNNN-NNNN|HNNNNNNNNNN|NNNNNNNN-NN|LLNNNNNNNNNN",
        "lic" => "LNNNN-NNNNN-NNNNN|NNNLLNNNN|LLNNNNNNN|NNNNNNNN",
        "plate" => "LLL-NNN|NLL-LNN|LLNNNNN|NNNN LL",
        "vin" => "NLNLLNNLNLLNNNNNN",
        "device" => "LLL-NNNNNNL|NNNNLLNNNN|SNNNN-NNN|NNNNNNNNNNN|LNLNLNNN",
        "acc" => "LLNNNNNNNN|NNNN-NN-NNNNN|NN-LLN-NNNNN|LNNNNNNNNN|NNNNNNNNLL",
        "id" => "NNNNNNN|LL-NNNNN|NNNN/NN|LNNNNL",
        "zip" => "NNNNN|NNNNN-NNNN",
        _ => return None,
    })
}

fn phone(random: &mut Random) -> String {
    let format = random.word("NNN NNN-NNNN|(NNN) NNN.NNNN|NNN-NNN-NNNN ext NNN|NNN-NNN-NNNN, ext. NNNN|1 (NNN) NNN-NNNN|+1 NNN NNN NNNN|NNN.NNN.NNNN x NN|NNN - NNN - NNNN|(NNN)-NNN-NNNN|+44 20 NNNN NNNN|NNN/NNN/NNNN|NNN-NNNN");
    random.filled(format)
}

fn parts(random: &mut Random) -> (usize, usize, usize) {
    (
        random.between(1925, 2026),
        random.between(1, 12),
        random.between(1, 28),
    )
}

fn month(number: usize) -> &'static str {
    MONTHS.split('|').nth(number - 1).unwrap_or("May")
}

fn ending(day: usize) -> &'static str {
    match (day % 10, day / 10) {
        (1, tens) if tens != 1 => "st",
        (2, tens) if tens != 1 => "nd",
        (3, tens) if tens != 1 => "rd",
        _ => "th",
    }
}

fn date(random: &mut Random) -> String {
    let (y, m, d) = parts(random);
    let (name, short) = (month(m), y % 100);
    let three = &name[..3];
    match random.below(13) {
        0 => format!("{m}.{d}.{short:02}"),
        1 => format!("{m:02}.{d:02}.{y}"),
        2 => format!("{y}/{m:02}/{d:02}"),
        3 => format!("{y}{m:02}{d:02}"),
        4 => format!("{d}{}{y}", three.to_uppercase()),
        5 => format!("{d:02}-{}-{short:02}", three.to_uppercase()),
        6 => format!("{three}. {d}, {y}"),
        7 => format!("{d}{} of {name}, {y}", ending(d)),
        8 => format!("{three} {d} '{short:02}"),
        9 => format!("{} {name} {d}, {y}", random.word(DAYS)),
        10 => format!("{name} {d}{}, {y}", ending(d)),
        11 => format!("{m} / {d} / {y}"),
        _ => format!("{d} {name} {y}"),
    }
}

fn month_day(random: &mut Random) -> String {
    let (_, m, d) = parts(random);
    let name = month(m);
    match random.below(7) {
        0 => format!("{m}/{d}"),
        1 => format!("{d} {}", &name[..3]),
        2 => format!("{} {d}", &name[..3]),
        3 => format!("the {d}{} of {name}", ending(d)),
        4 => format!("{name} the {d}{}", ending(d)),
        5 => format!("{name} {d}"),
        _ => format!("{m}.{d}"),
    }
}

fn month_year(random: &mut Random) -> String {
    let (y, m, _) = parts(random);
    let name = month(m);
    match random.below(6) {
        0 => format!("{m}/{y}"),
        1 => format!("{} '{:02}", &name[..3], y % 100),
        2 => format!("{name}, {y}"),
        3 => format!("{m}-{y}"),
        4 => format!("{}-{:02}", &name[..3], y % 100),
        _ => format!("{} {name} {y}", random.word("early|mid|late")),
    }
}

fn date_in_words(random: &mut Random) -> String {
    let (_, m, _) = parts(random);
    let (name, day) = (month(m), random.word(ORDINALS));
    match random.below(5) {
        0 => format!("the {day} of {name}"),
        1 => format!("{name} {day}"),
        2 => format!("{name} the {day}"),
        3 => format!("{day} of {name}"),
        _ => format!(
            "{day} {name}, two thousand {}",
            random.word("nineteen|twenty|twelve|and nine")
        ),
    }
}

/// The day of the week and the date.
fn date_after_a_day(random: &mut Random) -> String {
    let (_, m, d) = parts(random);
    let (day, name) = (random.word(DAYS), month(m));
    match random.below(5) {
        0 => format!("{day}, {name} {d}{}", ending(d)),
        1 => format!("{day} {m}/{d}"),
        2 => format!("{} {d} {}", &day[..3], &name[..3]),
        3 => format!("{day} the {d}{}", ending(d)),
        _ => format!("{day}, the {d}{} of {name}", ending(d)),
    }
}
