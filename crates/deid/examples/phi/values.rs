//! Values for the braces of `sentences.txt`: names, dates, numbers, places, made up at random.

use crate::dates::{MONTHS, after_a_day, date, in_words, month_day, month_year};
use crate::random::Random;
use crate::spelling::Spelling;
use crate::unseen::Names;
use longitude_deid::Label;

const GIVEN: &str = include_str!("../../data/given.txt");
const SURNAMES: &str = include_str!("../../data/surnames.txt");
const PLACES: &str = include_str!("../../data/places.txt");
const ABROAD: &str = include_str!("../../data/abroad.txt");
const HOSPITALS: &str = include_str!("../../data/hospitals.txt");
const COMPANIES: &str = include_str!("../../data/firms.txt");
const STATES: &str = "Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Georgia|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|Virginia|Washington|West Virginia|Wisconsin|Wyoming|Puerto Rico";
const STATE_CODES: &str = "AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IN|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY|DC|PR|GU|VI|MP|AS";
const STREETS: &str = "Street|St|St.|Avenue|Ave|Ave.|Road|Rd|Rd.|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Place|Terrace|Circle|Square|Highway|Parkway|Pkwy|Trail|Row|Alley|Loop|Crescent|Plaza|Points|Port|Harbor|Isle|Island|Club|Forks|Mount|Mountain|Mission|Keys|Land|Summit|Cliff|Walk|Garden|Skyway|Causeway|Passage|Meadows|Hills|Hollow|Haven|Heights|Glen|Grove|Green|Gateway|Ford|Forge|Field|Flats|Falls|Extension|Estates|Dale|Creek|Crossing|Cove|Corner|Common|Center|Canyon|Camp|Bypass|Brook|Bridge|Branch|Bend|Beach|Bluff|Inlet|Junction|Knoll|Lake|Landing|Lodge|Mall|Manor|Mews|Mills|Orchard|Park|Pass|Path|Pike|Pine|Plain|Prairie|Ranch|Ridge|River|Route|Run|Shoal|Shore|Spring|Spur|Station|Stream|Trace|Track|Tunnel|Turnpike|Union|Valley|Via|View|Village|Ville|Vista|Well";
const STREET_WORDS: &str = "Main|Oak|Elm|Maple|Pine|Cedar|Washington|Lincoln|Park|Lake|Hill|Church|School|High|Center|Spring|River|Mill|Walnut|Chestnut|Highland|Sunset|Railroad|Jackson|Franklin|Prospect|Broad|Market|Willow|Cherry|Summer|Winter|1st|2nd|3rd|4th|5th|12th|42nd|151st|Martin Luther King|Beacon|Commonwealth|Old Post|Country Club";
const HOSPITAL_ENDS: &str = "Hospital|General Hospital|Memorial Hospital|Community Hospital|Regional Hospital|Medical Center|Medical Center|Regional Medical Center|Community Clinic|Clinic|Family Clinic|Health Center|Health System|Healthcare|Cancer Center|Nursing Home|Rehabilitation Center|Rehab|Hospice|Manor|Nursing and Rehabilitation Center|Care Center|Assisted Living|Urgent Care|Medical Group|Children's Hospital|VA Medical Center|Heart Institute|Surgery Center|Infirmary|Pediatrics|Family Medicine|Dialysis Center|Senior Living|Village";
const HOSPITAL_CODES: &str = "MGH|BWH|BIDMC|UCSF|UCLA|NYU|UPMC|JHH|HUP|CHOP|NYP|UAB|UNC|VUMC|OHSU|MSKCC|UTSW|UMass|NEMC|BMC|CCF|UMMC|KUMC|PVH|CMC|SFGH|LAC";
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
    abroad: Vec<&'static str>,
    hospitals: Vec<&'static str>,
    companies: Vec<&'static str>,
    spelt_given: Spelling,
    spelt_surnames: Spelling,
    spelt_places: Spelling,
    /// When set, every value is one that nothing was learnt from.
    unseen: Option<Names>,
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
            abroad: ABROAD.lines().collect(),
            hospitals: HOSPITALS.lines().collect(),
            companies: COMPANIES.lines().collect(),
            spelt_given: Spelling::of(GIVEN.lines().filter_map(|line| line.split(' ').next())),
            spelt_surnames: Spelling::of(SURNAMES.lines()),
            spelt_places: Spelling::of(PLACES.lines().filter(|name| !name.contains(' '))),
            unseen: None,
        }
    }

    /// Values that nothing was learnt from.
    pub(crate) fn unseen() -> Self {
        Self {
            unseen: Some(Names::new()),
            ..Self::new()
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
        if let Some(names) = &self.unseen {
            return names.given(male, random);
        }
        match random.below(100) {
            0..=17 => return title(&self.spelt_given.name(random)),
            18..=24 => return title(self.abroad(if male { 'm' } else { 'f' }, random)),
            _ => {}
        }
        title(Self::ranked(
            if male { &self.male } else { &self.female },
            random,
        ))
    }

    pub(crate) fn surname(&self, random: &mut Random) -> String {
        if let Some(names) = &self.unseen {
            return names.surname(random);
        }
        let last = match random.below(100) {
            0..=17 => title(&self.spelt_surnames.name(random)),
            18..=24 => title(self.abroad('s', random)),
            _ => title(Self::ranked(&self.surnames, random)),
        };
        match random.below(40) {
            0 => format!("{last}-{}", title(Self::ranked(&self.surnames, random))),
            1 => format!("O'{last}"),
            2 => format!(
                "{}{last}",
                random.word(
                    "De |Van |de la |Mc|Mac|St. |Al-|El-|Di|La|Van der |von |del |dos |ben |bin "
                )
            ),
            // A name that stands in no list.
            3 | 4 => syllables(random),
            _ => last,
        }
    }

    /// A name of the list of names from abroad, with a mark.
    fn abroad(&self, mark: char, random: &mut Random) -> &'static str {
        loop {
            let line = self.abroad[random.below(self.abroad.len())];
            if let Some((name, marks)) = line.split_once(' ')
                && marks.contains(mark)
            {
                return name;
            }
        }
    }

    pub(crate) fn person(&self, random: &mut Random) -> Person {
        if let Some(names) = &self.unseen {
            return names.person(random);
        }
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
            0 => title(&self.spelt_places.name(random)),
            1..=5 => title(Self::ranked(&self.places, random)),
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
        if random.percent(8) {
            let road = random.word("County Road NN|Highway NN|State Route N|Route NN|Calle LAST|Rue LAST|Avenida LAST|RR N|Interstate NN|Via LAST|Camino LAST");
            let road = random.filled(road).replace("LAST", &self.surname(random));
            return format!("{number} {road}");
        }
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
                random.word(" Apt.| Suite|, Apt|, Apt.| Unit|, Unit| #|, Suite|, Ste| Lot| Rm| Fl"),
                random.between(1, 999)
            ),
            1 if random.percent(30) => random.filled(", Apt NL"),
            _ => String::new(),
        };
        let kind = match random.below(8) {
            0 => String::new(),
            1 => format!(
                " {} {}",
                random.word("St|Ave|Rd|Blvd"),
                random.word("NW|SE|N|S|West")
            ),
            _ => format!(" {}", random.word(STREETS)),
        };
        format!("{number} {side}{name}{kind}{flat}")
    }

    pub(crate) fn hospital(&self, random: &mut Random) -> String {
        match random.below(15) {
            0 => format!("St. {}'s {}", self.given(random.percent(50), random), random.word(HOSPITAL_ENDS)),
            1 => format!("University of {} {}", random.word(STATES), random.word("Hospital|Medical Center|Hospitals")),
            2..=4 => self.hospitals[random.below(self.hospitals.len())].to_owned(),
            10 => self.bare_hospital(random),
            11 => Self::hospital_code(random),
            5 => format!("Mount {} {}", self.surname(random), random.word(HOSPITAL_ENDS)),
            6 => format!("{} {}", random.word("Mercy|Holy Cross|Good Samaritan|Sunrise|Lakeside|Riverside|Valley|Pine Ridge|Evergreen|Harbor View|Meadowbrook|Sacred Heart|Baptist|Methodist|Presbyterian|Adventist|Shriners|Bayview|Oak Hill|Maple Grove|Northside|Eastside"), random.word(HOSPITAL_ENDS)),
            7 => format!("{} {}", self.surname(random), random.word(HOSPITAL_ENDS)),
            _ => format!("{} {}", self.city(random), random.word(HOSPITAL_ENDS)),
        }
    }

    /// A hospital by a name that does not say what it is.
    fn bare_hospital(&self, random: &mut Random) -> String {
        match random.below(6) {
            0 => self.city(random),
            1 => self.surname(random),
            2 => format!("St. {}'s", self.given(random.percent(50), random)),
            3 => format!("{} {}", self.city(random), random.word("Regional|Memorial|General|Baptist|Methodist|Lutheran")),
            4 => format!("{} {}", random.word("Sacred|Holy|Blessed|Good|Golden|Silver|Autumn|Maple|Willow|Cedar|Harbor|River|Prairie"), random.word("Heart|Spirit|Cross|Hope|Oaks|Pines|Meadows|Terrace|Ridge|Glen|Haven|View")),
            _ => format!("{}-{}", self.surname(random), self.surname(random)),
        }
    }

    /// A hospital by its letters.
    fn hospital_code(random: &mut Random) -> String {
        if random.percent(70) {
            return random.word(HOSPITAL_CODES).to_owned();
        }
        let form = random.word("LLH|LLLH|LMC|LLMC|LRMC|LGH|UL|LHS|LLVA|SLH");
        random.filled(form)
    }

    pub(crate) fn organization(&self, random: &mut Random) -> String {
        let mut name = || self.surname(random);
        let (a, b, c) = (name(), name(), name());
        match random.below(14) {
            6 => self.bare_organization(random),
            7 => format!("{} {}", self.city(random), random.word("Diner|Paper Mill|Marina|Daycare|Quarry|Dairy|Casino|Airport|Zoo|Schools|Water Department|Garage|Cafe|Brewing|Golf Club|Country Club|Gazette|Cab|EMS|Fire")),
            8 => format!("the {} {}", self.city(random), random.word("Police|Library|Fair|Mission|YMCA|Food Bank|Planning Board")),
            9 => format!("{} {}", title(Self::ranked(&self.surnames, random)), random.word("Church|Baptist Church|Parish|Temple|Academy|Elementary|Middle School|Hardware|Dental|Nails|Towing|Steel|Glass|Timber|Salon|Pharmacy|Preschool|Nursery")),
            0 => format!("{a} {}", random.word("LLC|Inc|Ltd|PLC|Group|Corp|Inc.|Co.")),
            1 => format!("{a}-{b}"),
            2 => format!("{a}, {b} and {c}"),
            3 => format!("{a} and Sons"),
            4 => format!("{a} {}", random.word("Industries|Logistics|Construction|Plumbing|Electric|Farms|Foods|Motors|Realty|Insurance|Bank|Partners|& Associates|Trucking|Landscaping|Consulting|Brothers|Manufacturing|Software|Auto Body")),
            5 => format!("{} {}", self.city(random), random.word("Public Schools|Fire Department|Police Department|School District|Public Library|City Hall|Sheriff's Office|Gas & Electric|Transit Authority")),
            _ => self.companies[random.below(self.companies.len())].to_owned(),
        }
    }

    /// An employer by a name that does not say what it is.
    fn bare_organization(&self, random: &mut Random) -> String {
        match random.below(6) {
            0 => self.surname(random),
            1 => brand(random),
            2 => format!("{} {}", random.word("Blue|Red|Iron|Golden|Silver|Sunny|Granite|Eagle|Cascade|Liberty|Pioneer|Summit|Keystone|Lone Star|Great Lakes"), random.word("Line|Point|Bridge|Acres|Valley|Harvest|Mountain|Works|Horizon|Freight|Solutions|Home Care|Stores")),
            3 => format!("Local {}", random.between(2, 999)),
            4 => random.filled("LLL"),
            _ => format!("{} & {}", self.surname(random), self.surname(random)),
        }
    }

    pub(crate) fn school(&self, random: &mut Random) -> String {
        match random.below(5) {
            0 => format!("University of {}", random.word(STATES)),
            1 => format!("{} University", self.surname(random)),
            2 => format!("{} State", random.word(STATES)),
            3 => format!(
                "{} {}",
                self.surname(random),
                random.word("College|Academy|Prep|Charter School|Tech|")
            )
            .trim_end()
            .to_owned(),
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
            "date" | "md" | "mon" | "my" | "wd" | "rd" | "holiday" => Label::Date,
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
            "id" | "user" => Label::Id,
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
        let unseen = self.unseen.as_ref();
        if let Some(value) = unseen.and_then(|names| names.value(place, random)) {
            return value;
        }
        match place {
            "date" => date(random),
            "md" => month_day(random),
            "mon" => random.word(MONTHS).to_owned(),
            "my" => month_year(random),
            "wd" => in_words(random),
            "rd" => after_a_day(random),
            "user" => format!(
                "@{}{}",
                self.surname(random).to_lowercase().replace(' ', ""),
                random.word("|1|_x|99|.md")
            ),
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
            "habbr" => Self::hospital_code(random),
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
        "pager" => "NNNNN|NNNN|NNN-NNNN|#NNNN|NNNNN|xNNNN|N-NNNN",
        "ext" => "NNNN|NNNNN|NNN",
        "url" => {
            "www.example.com|https://portal.example.org/visit/NNNN|http://www.myhealth.org|mychart.example.org|www.LLL.com|patient.LLL.org/LLNNN|www.clinic.example/LLL"
        }
        "ip" => "1NN.NN.NN.NN|10.N.NN.NN|192.168.N.NN",
        "ssn" => {
            "NNN-NN-NNNN|NNN-NN-NNNN|NNN NN NNNN|NNNNNNNNN|xxx-xx-NNNN|XXX-XX-NNNN|NNN.NN.NNNN|NNNN"
        }
        "mrn" => {
            "NNNNNNN|NNNNNNNN|NNNNNN|NNN-NN-NN|NN-NN-NN|LNNNNNNN|NNN NN NN|NNNNNNNNN|LLNNNNNN|NNNNN|NNNNNNN-N|L-NNNNN|NN.NN.NN|#NNNNNN|LLLNNNNNNNN|NNNN-NNN"
        }
        "plan" => {
            "LLLNNNNNNNNN|NNNNNNNNNL|LNNNNNNNN|NNNNNNNNN|LLLNNNLNNNNN|NNNNNN-NN|NLLN-LLN-LLNN|NLLNLLNLLNN|LLLNNNNNNNNNNN|LNNNNNNNNNN|NNN-NNNN-LLL"
        }
        "acct" => {
            "NNNNNNNNN|NNNNNNNNNNNN|LNNNNNNNN|NNNNNNN|V0NNNNNNNN|NNNNN-N|NNN-NNNNNN|LLNNNNNNNN|NNNN NNNN NNNN NNNN"
        }
        "lic" => {
            "LNNNNNNN|LLNNNNNNN|NNNNNNNNNN|LNN-NNN-NNN|NNNNNN|NNN-NN-NNNN|LL-NNNN|NNLLNNNN|LNNN-NNNN-NNNN"
        }
        "plate" => "LLL NNNN|NLLLNNN|LLLNNN|NNN LLL|LLL-NNNN|NNNN LLL|LL NNNNL|LNN LLL|NNL-NNN",
        "vin" => "NLLLLNNLNLNNNNNNN",
        "device" => {
            "LLNNNNN-NN|LLNNNNNN|NNNNNNNN|LLLNNNNNNL|LNNLNNNN|NNNN-LNNN|LLN-NNNNN|NNNNNN|NNNNNNNNNN|LLL-NNNNL|NNLNNNNNN|LL NNNNNN"
        }
        "acc" => {
            "LNNNNNNN|NN-NNNNN|SNN-NNNNN|NNNNNNN|LLNN-NNNN|SPNN-NNNN|NN:SNNNNN|LNN-NNNN|LLL-NN-NNNNNN|NNNNNNNN-NNNN|LNNNNNNL|#LNNNNNN|NNLLNNNNN"
        }
        "id" => "NNNNNN|NNNNNNN|NNNN-NNNN|LLNNNN|NNNNNNNN|NNN-NN|LNNNNN|NN/NNNN|LLL/NNN|NNNNN-LL",
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
    let format = random.word("NNN-NNN-NNNN|(NNN) NNN-NNNN|(NNN)NNN-NNNN|NNN.NNN.NNNN|NNNNNNNNNN|+1-NNN-NNN-NNNN|001-NNN-NNN-NNNN|1-NNN-NNN-NNNN|NNN-NNNN|NNN NNN NNNN|NNN/NNN-NNNN|(NNN) NNN NNNN|+NN NN NNNN NNNN|NNN - NNN-NNNN|(NNN) NNN-NNNN");
    let end = if random.percent(25) {
        random.word("xNNN|xNNNN|xNNNNN| ext. NNNN| x NNNN| ext NN| ext NNN|, x NNN| Ext. NNNNN")
    } else {
        ""
    };
    random.filled(&format!("{format}{end}"))
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
