//! Values for the braces of `sentences.txt`: names, dates, numbers, places, made up at random.

use crate::random::Random;
use longitude_deid::Label;

const GIVEN: &str = include_str!("../../data/given.txt");
const SURNAMES: &str = include_str!("../../data/surnames.txt");
const PLACES: &str = include_str!("../../data/places.txt");
const MONTHS: &str =
    "January|February|March|April|May|June|July|August|September|October|November|December";
const STATES: &str = "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming|Puerto Rico";
const STATE_CODES: &str = "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|PR|GU|VI|MP|AS";
const STREETS: &str = "Street|St|St.|Avenue|Ave|Ave.|Road|Rd|Rd.|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Terrace|Circle|Square|Highway|Parkway|Pkwy|Trail|Row|Alley|Loop|Crescent|Plaza|Points|Port|Harbor|Isle|Island|Club|Forks|Mount|Mountain|Mission|Keys|Land|Summit|Cliff|Walk|Garden|Skyway|Causeway|Passage|Meadows|Hills|Hollow|Haven|Heights|Glen|Grove|Green|Gateway|Ford|Forge|Field|Flats|Falls|Extension|Estates|Dale|Creek|Crossing|Cove|Corner|Common|Center|Canyon|Camp|Bypass|Brook|Bridge|Branch|Bend|Beach|Bluff|Inlet|Junction|Knoll|Lake|Landing|Lodge|Mall|Manor|Mews|Mills|Orchard|Park|Pass|Path|Pike|Pine|Plain|Prairie|Ranch|Ridge|River|Route|Run|Shoal|Shore|Spring|Spur|Station|Stream|Trace|Track|Tunnel|Turnpike|Union|Valley|Via|View|Village|Ville|Vista|Well";
const STREET_WORDS: &str = "Main|Oak|Elm|Maple|Pine|Cedar|Washington|Lincoln|Park|Lake|Hill|Church|School|High|Center|Spring|River|Mill|Walnut|Chestnut|Highland|Sunset|Railroad|Jackson|Franklin|Prospect|Broad|Market|Willow|Cherry|Summer|Winter|1st|2nd|3rd|4th|5th|12th|42nd|151st|Martin Luther King|Beacon|Commonwealth|Old Post|Country Club";
const HOSPITAL_ENDS: &str = "Hospital|General Hospital|Memorial Hospital|Community Hospital|Regional Hospital|Medical Center|Medical Center|Regional Medical Center|Community Clinic|Clinic|Family Clinic|Health Center|Health System|Healthcare|Cancer Center|Nursing Home|Rehabilitation Center|Rehab|Hospice|Manor|Nursing and Rehabilitation Center|Care Center|Assisted Living|Urgent Care|Medical Group|Children's Hospital|VA Medical Center|Heart Institute|Surgery Center|Infirmary|Pediatrics|Family Medicine|Dialysis Center|Senior Living|Village";
const HOSPITALS: &str = "Massachusetts General Hospital|Mass General|Brigham and Women's Hospital|Johns Hopkins|Johns Hopkins Hospital|Mayo Clinic|Cleveland Clinic|Mount Sinai|Cedars-Sinai|Stanford|Duke|Emory|MD Anderson|Memorial Sloan Kettering|Kaiser|Kaiser Permanente|St. Jude|Northwestern|Beth Israel|Beth Israel Deaconess|Yale New Haven|Good Samaritan|Sacred Heart|Providence|Bellevue|Montefiore|Geisinger|Intermountain|Sunrise Senior Living|Golden Oaks|Shady Pines|Spaulding|the VA|the Jimmy Fund|Lahey|Faulkner";
const HOSPITAL_CODES: &str = "MGH|BWH|BIDMC|UCSF|UCLA|NYU|UPMC|JHH|HUP|CHOP|NYP|UAB|UNC|VUMC|OHSU|MSKCC|UTSW|UMass|NEMC|BMC|CCF|UMMC|KUMC|PVH|CMC|SFGH|LAC";
const COMPANIES: &str = "Walmart|Amazon|UPS|FedEx|Target|Costco|Boeing|Ford|General Motors|Home Depot|Starbucks|McDonald's|Google|IBM|Verizon|AT&T|Comcast|Kroger|Walgreens|CVS|Wells Fargo|Bank of America|Delta|United Airlines|Microsoft|Raytheon|Lockheed Martin|the Postal Service|Aetna|Cigna|Humana|Blue Cross|Blue Cross Blue Shield|Tufts Health Plan|Harvard Pilgrim|Anthem|Rite Aid|Best Buy|Lowe's|Tyson Foods|Burger King|Stop & Shop|Whole Foods";
const JOBS: &str = "driver|teacher|nurse|engineer|carpenter|plumber|electrician|cashier|manager|waitress|cook|clerk|secretary|lawyer|accountant|mechanic|welder|janitor|custodian|bus driver|truck driver|police officer|firefighter|farmer|software engineer|sales manager|machinist|librarian|security guard|social worker|pharmacist|hairdresser|bartender|supervisor|technician|landscaper|roofer|foreman";
const DISEASES: &str = "hypertension|diabetes|type 2 diabetes mellitus|COPD|asthma|CHF|congestive heart failure|coronary artery disease|CAD|atrial fibrillation|pneumonia|hip fracture|low back pain|chest pain|shortness of breath|abdominal pain|syncope|stroke|TIA|seizures|migraine|depression|anxiety|GERD|hypothyroidism|breast cancer|prostate cancer|lung cancer|colon cancer|UTI|sepsis|cellulitis|DVT|pulmonary embolism|ESRD on HD|CKD stage 3|anemia|osteoarthritis|rheumatoid arthritis|dementia|Alzheimer's disease|Parkinson's disease|knee pain|rash|cough|fever|altered mental status|appendicitis|cholecystitis|pancreatitis|cirrhosis|hepatitis C|HIV|gout|kidney stones|BPH|sore throat|headache|dizziness|otitis media|preeclampsia|multiple sclerosis";
const DRUGS: &str = "lisinopril|metformin|Lasix|Lipitor|atorvastatin|metoprolol|Toprol XL|aspirin|Plavix|Coumadin|warfarin|Eliquis|heparin|insulin glargine|Lantus|Humalog|prednisone|albuterol|Advair|levothyroxine|Synthroid|omeprazole|Prilosec|Zoloft|sertraline|Prozac|Xanax|Ativan|gabapentin|Neurontin|Tylenol|acetaminophen|ibuprofen|Motrin|oxycodone|Percocet|morphine|vancomycin|Zosyn|ceftriaxone|Keflex|amoxicillin|azithromycin|ciprofloxacin|Norvasc|amlodipine|Cozaar|hydrochlorothiazide|Flomax|Aricept|Namenda|Sinemet|Dilantin|Keppra";
const RELATIONS: &str = "wife|husband|daughter|son|mother|father|sister|brother|niece|nephew|aunt|uncle|grandson|granddaughter|friend|neighbor|partner|cousin|fiancee|girlfriend|boyfriend|guardian|roommate|caregiver|grandmother|daughter-in-law";
const COUNTRIES: &str = "Mexico|China|India|Haiti|Brazil|Guatemala|Vietnam|Korea|Italy|Poland|Russia|Ireland|Portugal|the Dominican Republic|Cape Verde|El Salvador|Honduras|Ethiopia|Somalia|Nigeria|the Philippines|Canada|Germany|England|Cuba|Colombia|Peru|Japan|Thailand|Iran|Pakistan";
const HOLIDAYS: &str = "Christmas|Thanksgiving|New Year's|Easter|Labor Day|Memorial Day|Halloween|the 4th of July|Mother's Day";

/// The lists, cut once.
pub(crate) struct Lists {
    male: Vec<&'static str>,
    female: Vec<&'static str>,
    surnames: Vec<&'static str>,
    places: Vec<&'static str>,
}

/// A person of a note.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) middle: String,
    pub(crate) male: bool,
}

impl Lists {
    pub(crate) fn new() -> Self {
        let sex = |mark| {
            let lines = GIVEN.lines().filter_map(|line| line.split_once(' '));
            lines
                .filter(|(_, marks)| marks.contains(mark))
                .map(|(name, _)| name)
                .collect()
        };
        Self {
            male: sex('m'),
            female: sex('f'),
            surnames: SURNAMES.lines().collect(),
            places: PLACES.lines().collect(),
        }
    }

    /// A rank, the first ones oftener; sometimes any.
    fn ranked(list: &[&'static str], random: &mut Random) -> &'static str {
        let at = if random.percent(35) {
            random.below(list.len())
        } else {
            let part = random.below(1_000);
            part * part * part * list.len() / 1_000_000_000
        };
        list[at]
    }

    pub(crate) fn given(&self, male: bool, random: &mut Random) -> String {
        title(Self::ranked(
            if male { &self.male } else { &self.female },
            random,
        ))
    }

    pub(crate) fn surname(&self, random: &mut Random) -> String {
        let last = title(Self::ranked(&self.surnames, random));
        match random.below(40) {
            0 => format!("{last}-{}", title(Self::ranked(&self.surnames, random))),
            1 => format!("O'{last}"),
            2 => format!(
                "{}{last}",
                random.word("De |Van |de la |Mc|Mac|St. |Al-|El-|Di|La|Van der ")
            ),
            // A name that stands in no list.
            3 | 4 => syllables(random),
            _ => last,
        }
    }

    pub(crate) fn person(&self, random: &mut Random) -> Person {
        let male = random.percent(50);
        let first = if random.percent(4) {
            syllables(random)
        } else {
            self.given(male, random)
        };
        Person {
            first,
            last: self.surname(random),
            middle: self.given(male, random),
            male,
        }
    }

    pub(crate) fn city(&self, random: &mut Random) -> String {
        match random.below(10) {
            0..=5 => title(Self::ranked(&self.places, random)),
            6 => format!("{} {}", random.word("West|East|North|South|Port|New|Lake"), self.surname(random)),
            7 => format!(
                "{}{}",
                self.given(random.percent(50), random),
                random.word("ville|burgh|stad|furt|mouth|land|haven|side|chester|ton|view|port|shire|fort|borough|bury|berg|town")
            ),
            8 => format!(
                "{} {}{}",
                random.word("West|East|North|South|Port|New|Lake"),
                self.given(random.percent(50), random),
                random.word("ville|burgh|stad|furt|mouth|land|haven|side|chester|ton|view|port")
            ),
            _ => format!("{}{}", self.surname(random), random.word("ville|burg| Springs| Falls| Heights| Beach|ton| City| Park| Valley| Grove|")),
        }
    }

    pub(crate) fn street(&self, random: &mut Random) -> String {
        if random.percent(5) {
            let format = random_box(random);
            return random.filled(format);
        }
        let number = random.between(1, 9_999).to_string();
        let number = if random.percent(20) {
            random.filled("NNNNN")
        } else {
            number
        };
        let name = match random.below(4) {
            0 => random.word(STREET_WORDS).to_owned(),
            1 => self.given(random.percent(50), random),
            2 => title(Self::ranked(&self.places, random)),
            _ => self.surname(random),
        };
        let side = if random.percent(10) {
            random.word("N. |S. |East |West |NW |E ")
        } else {
            ""
        };
        let flat = match random.below(5) {
            0 => format!(
                "{} {}",
                random.word(" Apt.| Suite|, Apt|, Apt.| Unit|, Unit| #|, Suite"),
                random.between(1, 999)
            ),
            1 if random.percent(30) => random.filled(", Apt NL"),
            _ => String::new(),
        };
        format!("{number} {side}{name} {}{flat}", random.word(STREETS))
    }

    pub(crate) fn hospital(&self, random: &mut Random) -> String {
        match random.below(12) {
            0 => format!("St. {}'s {}", self.given(random.percent(50), random), random.word(HOSPITAL_ENDS)),
            1 => format!("University of {} {}", random.word(STATES), random.word("Hospital|Medical Center|Hospitals")),
            2 | 3 => random.word(HOSPITALS).to_owned(),
            4 => random.word(HOSPITAL_CODES).to_owned(),
            5 => format!("Mount {} {}", self.surname(random), random.word(HOSPITAL_ENDS)),
            6 => format!("{} {}", random.word("Mercy|Holy Cross|Good Samaritan|Sunrise|Lakeside|Riverside|Valley|Pine Ridge|Evergreen|Harbor View|Meadowbrook|Sacred Heart|Baptist|Methodist|Presbyterian|Adventist|Shriners|Bayview|Oak Hill|Maple Grove|Northside|Eastside"), random.word(HOSPITAL_ENDS)),
            7 => format!("{} {}", self.surname(random), random.word(HOSPITAL_ENDS)),
            _ => format!("{} {}", self.city(random), random.word(HOSPITAL_ENDS)),
        }
    }

    pub(crate) fn organization(&self, random: &mut Random) -> String {
        let mut name = || self.surname(random);
        let (a, b, c) = (name(), name(), name());
        match random.below(10) {
            0 => format!("{a} {}", random.word("LLC|Inc|Ltd|PLC|Group|Corp|Inc.|Co.")),
            1 => format!("{a}-{b}"),
            2 => format!("{a}, {b} and {c}"),
            3 => format!("{a} and Sons"),
            4 => format!("{a} {}", random.word("Industries|Logistics|Construction|Plumbing|Electric|Farms|Foods|Motors|Realty|Insurance|Bank|Partners|& Associates|Trucking|Landscaping|Consulting|Brothers|Manufacturing|Software|Auto Body")),
            5 => format!("{} {}", self.city(random), random.word("Public Schools|Fire Department|Police Department|School District|Public Library|City Hall|Sheriff's Office|Gas & Electric|Transit Authority")),
            _ => random.word(COMPANIES).to_owned(),
        }
    }

    pub(crate) fn school(&self, random: &mut Random) -> String {
        match random.below(5) {
            0 => format!("University of {}", random.word(STATES)),
            1 => format!("{} University", self.surname(random)),
            2 => format!("{} State", random.word(STATES)),
            3 => format!("{} College", self.surname(random)),
            _ => format!(
                "{} {}",
                self.city(random),
                random.word("High School|Elementary School|Middle School|Community College")
            ),
        }
    }

    /// A value by the name of its place, with its label when it identifies.
    pub(crate) fn value(&self, place: &str, random: &mut Random) -> (Option<Label>, String) {
        let label = match place {
            "date" | "md" | "mon" | "my" | "holiday" => Label::Date,
            "old" => Label::Age,
            "phone" | "pager" | "ext" => Label::Phone,
            "fax" => Label::Fax,
            "email" => Label::Email,
            "url" => Label::Url,
            "ip" => Label::Ip,
            "ssn" => Label::Ssn,
            "mrn" => Label::Mrn,
            "plan" => Label::HealthPlan,
            "acct" => Label::Account,
            "lic" => Label::Licence,
            "plate" | "vin" => Label::Vehicle,
            "device" => Label::Device,
            "acc" => Label::Accession,
            "id" => Label::Id,
            "street" => Label::Address,
            "city" | "country" => Label::City,
            "state" | "st" => Label::State,
            "zip" => Label::Zip,
            "hosp" | "habbr" => Label::Hospital,
            "org" | "school" => Label::Organization,
            _ => return (None, plain(place, random)),
        };
        (Some(label), self.identifier(place, random))
    }

    fn identifier(&self, place: &str, random: &mut Random) -> String {
        match place {
            "date" => date(random),
            "md" => month_day(random),
            "mon" => random.word(MONTHS).to_owned(),
            "my" => month_year(random),
            "holiday" => random.word(HOLIDAYS).to_owned(),
            "old" => random.between(90, 106).to_string(),
            "phone" | "fax" => phone(random),
            "email" => self.email(random),
            "street" => self.street(random),
            "city" => self.city(random),
            "country" => random.word(COUNTRIES).to_owned(),
            "state" => random.word(STATES).to_owned(),
            "st" => random.word(STATE_CODES).to_owned(),
            "hosp" => self.hospital(random),
            "habbr" => random.word(HOSPITAL_CODES).to_owned(),
            "org" => self.organization(random),
            "school" => self.school(random),
            _ => {
                let format = random.word(format_of(place)).to_owned();
                random.filled(&format)
            }
        }
    }

    fn email(&self, random: &mut Random) -> String {
        let person = self.person(random);
        let (first, last) = (person.first.to_lowercase(), person.last.to_lowercase());
        let user = match random.below(4) {
            0 => format!("{first}.{last}"),
            1 => format!("{first}{}", random.below(100)),
            2 => format!("{}{last}", &first[..1]),
            _ => format!("{last}{first}"),
        };
        let user: String = user
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '.')
            .collect();
        format!("{user}@{}", random.word("gmail.com|yahoo.com|hotmail.com|example.com|example.net|example.org|aol.com|partners.org|hospital.org|med.umich.edu"))
    }
}

fn random_box(random: &mut Random) -> &'static str {
    [
        "P.O. Box NNN",
        "PO Box NNNN",
        "RR 2 Box NN",
        "PSC NNNN, Box NNNN",
    ][random.below(4)]
}

/// Formats of numbers, `N` a digit and `L` a letter.
fn format_of(place: &str) -> &'static str {
    match place {
        "pager" => "NNNNN|NNNN|NNN-NNNN|#NNNN|NNNNN",
        "ext" => "NNNN|NNNNN|NNN",
        "url" => {
            "www.example.com|https://portal.example.org/visit/NNNN|http://www.myhealth.org|mychart.example.org|www.LLL.com"
        }
        "ip" => "1NN.NN.NN.NN|10.N.NN.NN|192.168.N.NN",
        "ssn" => "NNN-NN-NNNN|NNN-NN-NNNN|NNN NN NNNN|NNNNNNNNN|xxx-xx-NNNN",
        "mrn" => {
            "NNNNNNN|NNNNNNNN|NNNNNN|NNN-NN-NN|NN-NN-NN|LNNNNNNN|NNN NN NN|NNNNNNNNN|LLNNNNNN|NNNNN"
        }
        "plan" => {
            "LLLNNNNNNNNN|NNNNNNNNNL|LNNNNNNNN|NNNNNNNNN|LLLNNNLNNNNN|NNNNNN-NN|NLLN-LLN-LLNN"
        }
        "acct" => "NNNNNNNNN|NNNNNNNNNNNN|LNNNNNNNN|NNNNNNN|V0NNNNNNNN",
        "lic" => "LNNNNNNN|LLNNNNNNN|NNNNNNNNNN|LNN-NNN-NNN|NNNNNN|NNN-NN-NNNN",
        "plate" => "LLL NNNN|NLLLNNN|LLLNNN|NNN LLL|LLL-NNNN",
        "vin" => "NLLLLNNLNLNNNNNNN",
        "device" => "LLNNNNN-NN|LLNNNNNN|NNNNNNNN|LLLNNNNNNL|LNNLNNNN|NNNN-LNNN|LLN-NNNNN",
        "acc" => "LNNNNNNN|NN-NNNNN|SNN-NNNNN|NNNNNNN|LLNN-NNNN|SPNN-NNNN|NN:SNNNNN|LNN-NNNN",
        "id" => "NNNNNN|NNNNNNN|NNNN-NNNN|LLNNNN|NNNNNNNN|NNN-NN",
        "zip" => "NNNNN|NNNNN|NNNNN-NNNN",
        _ => "NNNN",
    }
}

/// Values that identify nobody.
fn plain(place: &str, random: &mut Random) -> String {
    match place {
        "age" => random.between(1, 89).to_string(),
        "year" => random.between(1950, 2025).to_string(),
        "bp" => format!("{}/{}", random.between(90, 180), random.between(50, 100)),
        "num1" => random.between(1, 9).to_string(),
        "num2" => random.between(10, 99).to_string(),
        "num3" => random.between(100, 450).to_string(),
        "dose" => random.word("5 mg|10 mg|20 mg|40 mg|81 mg|100 mg|500 mg|1000 mg|0.5 mg|25 mcg|12.5 mg|1 g|2 tabs").to_owned(),
        "dx" => random.word(DISEASES).to_owned(),
        "drug" => random.word(DRUGS).to_owned(),
        "job" => random.word(JOBS).to_owned(),
        "brand" => brand(random),
        "eponym" => random.word("Crohn|Hashimoto|Parkinson|Alzheimer|Hodgkin|Wilson|Addison|Cushing|Raynaud|Sjogren|Marfan|Bell|Graves|Paget|Huntington|Kawasaki|Smith-Magenis|Ehlers-Danlos|Guillain-Barre|Stevens-Johnson|Wolff-Parkinson-White|Osgood-Schlatter|Legg-Calve-Perthes|Prader-Willi|Von Willebrand|Henoch-Schonlein|Budd-Chiari|Down|Turner|Klinefelter|Tourette|Asperger|Meniere|Peyronie|Dupuytren|Charcot|Barrett|Zenker|Baker|Noonan|Angelman|Gilbert|Fanconi|Whipple|Behcet|Still|Reiter|Mallory-Weiss|Dressler|Horner|Lynch|Gardner").to_owned(),
        "sign" => random.word("Hoffman|Homan|Murphy|Tinel|Phalen|Lachman|McMurray|Babinski|Romberg|Spurling|Kernig|Brudzinski|Trousseau|Chvostek|Rovsing|Finkelstein|Neer|Hawkins|Apley|Thompson|Trendelenburg|Patrick|Lhermitte|Dix-Hallpike|Epley|Valsalva|Allen|Weber|Rinne").to_owned(),
        "relation" => random.word(RELATIONS).to_owned(),
        "Relation" => title(random.word(RELATIONS)),
        other => other.to_owned(),
    }
}

/// A drug's name such as nobody has heard.
fn brand(random: &mut Random) -> String {
    let start = random.word("Ab|Bri|Cel|Dup|Epi|Far|Gly|Hum|Inv|Jar|Kes|Lat|Mic|Nex|Ort|Pra|Qul|Res|Sim|Tal|Ult|Vyv|Wel|Xel|Yaz|Zol|Ent|Trul|Oz|Loe");
    let middle = random.word("a|i|o|u|ova|ilo|exa|ara|ibo|era|ofe|ati|ige|uvo");
    let end = random.word("duo|strin|gestin|via|xia|pril|stat|mab|zole|cillin|nex|ril|tra|quin|pam|lax|fen|dine|sone|vir|tant|mune|tek|ta|ris|gen|to|la|pro");
    format!("{start}{middle}{end}")
}

fn phone(random: &mut Random) -> String {
    let format = random.word("NNN-NNN-NNNN|(NNN) NNN-NNNN|(NNN)NNN-NNNN|NNN.NNN.NNNN|NNNNNNNNNN|+1-NNN-NNN-NNNN|001-NNN-NNN-NNNN|1-NNN-NNN-NNNN|NNN-NNNN|NNN NNN NNNN|NNN/NNN-NNNN|(NNN) NNN NNNN");
    let end = if random.percent(25) {
        random.word("xNNN|xNNNN|xNNNNN| ext. NNNN| x NNNN| ext NN")
    } else {
        ""
    };
    random.filled(&format!("{format}{end}"))
}

fn parts(random: &mut Random) -> (usize, usize, usize) {
    (
        random.between(1930, 2026),
        random.between(1, 12),
        random.between(1, 28),
    )
}

fn month(number: usize) -> &'static str {
    MONTHS.split('|').nth(number - 1).unwrap_or("May")
}

fn date(random: &mut Random) -> String {
    let (y, m, d) = parts(random);
    let short = y % 100;
    let name = month(m);
    let abbreviated = &name[..3];
    match random.below(20) {
        0..=3 => format!("{m:02}/{d:02}/{y}"),
        4 | 5 => format!("{m:02}/{d:02}/{short:02}"),
        6 => format!("{m}/{d}/{short:02}"),
        7 => format!("{m}/{d}/{y}"),
        8..=10 => format!("{y}-{m:02}-{d:02}"),
        11 | 12 => format!("{name} {d:02}, {y}"),
        13 => format!("{name} {d}, {y}"),
        14 => format!("{d} {abbreviated} {y}"),
        15 => format!("{abbreviated} {d}, {y}"),
        16 => format!("{d:02}-{abbreviated}-{y}"),
        17 => format!("{m:02}-{d:02}-{y}"),
        18 => format!("{name} {d}{} {y}", ordinal(d)),
        _ => format!("{m}-{d}-{short:02}"),
    }
}

fn ordinal(d: usize) -> &'static str {
    match (d % 10, d / 10) {
        (1, tens) if tens != 1 => "st",
        (2, tens) if tens != 1 => "nd",
        (3, tens) if tens != 1 => "rd",
        _ => "th",
    }
}

fn month_day(random: &mut Random) -> String {
    let (_, m, d) = parts(random);
    match random.below(7) {
        0..=2 => format!("{m}/{d}"),
        3 => format!("{m:02}/{d:02}"),
        4 => format!("{} {d}", month(m)),
        5 => format!("{} {d}{}", month(m), ordinal(d)),
        _ => format!("{m}-{d}"),
    }
}

fn month_year(random: &mut Random) -> String {
    let (y, m, _) = parts(random);
    match random.below(6) {
        0 | 1 => format!("{} {y}", month(m)),
        2 => format!("{m:02}/{y}"),
        3 => format!("{m}/{:02}", y % 100),
        4 => format!("{} {y}", &month(m)[..3]),
        _ => format!("{} of {y}", month(m)),
    }
}

/// Capitals at the start of each part.
pub(crate) fn title(words: &str) -> String {
    let mut out = String::new();
    let mut start = true;
    for letter in words.chars() {
        if start {
            out.extend(letter.to_uppercase());
        } else {
            out.push(letter);
        }
        start = matches!(letter, ' ' | '-' | '\'');
    }
    out
}

/// A made-up name of two or three syllables.
fn syllables(random: &mut Random) -> String {
    let count = random.between(2, 3);
    let one = |_| {
        format!(
            "{}{}",
            random.word("b|br|ch|d|dr|f|g|gr|h|j|k|kr|l|m|n|ng|p|r|s|sh|st|t|tr|v|w|y|z|"),
            random.word("a|e|i|o|u|ai|ei|ou|an|en|in|on|ar|er|ia|ow|aj|ek")
        )
    };
    title(&(0..count).map(one).collect::<String>())
}
