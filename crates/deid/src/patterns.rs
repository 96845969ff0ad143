//! The patterns of identifiers in English clinical text, in one list. Where a pattern has a group
//! `x`, that group is the identifier; otherwise the whole match is.
//!
//! They are written for recall: a number after the word `serial` is taken whatever it looks like.
//! Formats follow North American habits for telephones, postal codes and social security numbers.

use crate::labels::Label;

/// A name of one to three words, perhaps with an initial.
macro_rules! name {
    () => {
        r"\p{Lu}[\p{L}'’-]+(?:[ \t]+\p{Lu}\.)?(?:[ \t]+\p{Lu}[\p{L}'’-]+){0,2}"
    };
}

/// What stands between the name of a number and the number.
macro_rules! number_label {
    () => {
        concat!(
            r"(?:[ \t]*(?:(?:id|identifier|number|num|no|nr)\b\.?|",
            r"\#))?[ \t]*(?:is[ \t]+)?[:#]?[ \t]*"
        )
    };
}

/// A number that may have letters and dashes, with a digit early on.
macro_rules! number {
    () => {
        r"(?P<x>[A-Za-z]{0,5}-?\d(?:[\dA-Za-z]|[-/.][\dA-Za-z]){3,})"
    };
}

/// Telephone digits in their usual groups after the area code, with or without extension.
macro_rules! phone {
    () => {
        concat!(
            r"(?:[ ]?[-./ ][ ]?)?\d{3}(?:[ ]?[-./ ][ ]?)?\d{4}",
            r"(?:,?[ ]?(?:(?i:x|ext\b\.?|extension))[ ]?\d{1,6})?"
        )
    };
}

/// The words of an institution's name before the word that says what it is.
macro_rules! institution {
    () => {
        concat!(
            r"\b(?:\p{Lu}[\p{L}'’.&-]+[ \t]+){1,4}",
            r"(?:of[ \t]+(?:the[ \t]+)?(?:\p{Lu}[\p{L}'’.-]+[ \t]+){1,2})?"
        )
    };
}

/// Patterns that are right too seldom to be believed: what they find, the tagger judges.
pub(crate) const HINTS: &[(Label, &str)] = &[
    (
        Label::Date,
        r"\b(?P<x>(?:0?[1-9]|1[0-2])[/-](?:0?[1-9]|[12]\d|3[01]))\b",
    ),
    (
        Label::City,
        r"\b(?P<city>\p{Lu}[\p{L}'’.-]+(?:[ \t]\p{Lu}[\p{L}'’.-]+){0,2}),[ \t]*(?P<state>\p{Lu}\p{L}+)\b",
    ),
    (Label::Zip, r"\b\d{5}(?:-\d{4})?\b"),
    (Label::Phone, r"\b\d{3}[-. ]\d{4}\b"),
    (
        Label::Id,
        r"\b[A-Za-z]{1,5}-?\d{3,}[\dA-Za-z-]*\b|\b\d{4,}\b",
    ),
    (
        Label::Id,
        concat!(
            r"\b(?:[A-Z]*\d+[A-Z]+\d[A-Z\d]*|[A-Z]+\d+[A-Z]+\d*)(?:[-/.][A-Z\d]+)*\b|",
            r"\b[A-Z\d]*\d[A-Z\d]*(?:[-/.][A-Z\d]+){2,}\b|#[A-Z]?\d{3,}|\b\d{4,}-\d{1,4}\b"
        ),
    ),
    (
        Label::Date,
        r"\b(?P<x>(?:0?[1-9]|1[0-2])\.(?:0?[1-9]|[12]\d|3[01]))\b",
    ),
    (
        Label::Date,
        concat!(
            r"(?i)\b(?:last|this past|this coming|next)[ \t]+(?:mon|tues|wednes|thurs|",
            r"fri|satur|sun)day\b|\bthe[ \t]+[0-3]?\d(?:st|nd|rd|th)\b"
        ),
    ),
    (
        Label::Name,
        r"\b\p{Lu}\p{Ll}+,[ \t]+\p{Lu}\p{Ll}+\b|\b\p{Lu}\.[ \t]?(?:\p{Lu}\.[ \t]?)?\p{Lu}\p{Ll}+",
    ),
    (
        Label::Organization,
        r"(?i:\b(?:at|for|by|from|with|to))[ \t]+(?P<x>\p{Lu}[\p{L}'’&-]+(?:[ \t]\p{Lu}[\p{L}'’&-]+){0,3})",
    ),
];

/// The patterns, the more telling first: where two find the same place, the earlier names it.
pub(crate) const PATTERNS: &[(Label, &str)] = &[
    (Label::Email, r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    (
        Label::Url,
        r"(?i)\b(?:https?|ftp)://[^\s<>]+|\bwww\.[^\s<>]+",
    ),
    (
        Label::Url,
        concat!(
            r"(?i)\b[a-z\d][a-z\d-]*(?:\.[a-z\d-]+)*\.(?:com|org|net|edu|gov|io|health|example|",
            r"info|us|co\.uk)\b(?:/[^\s<>]*)?"
        ),
    ),
    (Label::Id, r"\B@[A-Za-z][\w.-]{2,}"),
    (Label::Ip, r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b"),
    (Label::Ip, r"\b(?:[0-9A-Fa-f]{1,4}:){4,7}[0-9A-Fa-f]{1,4}\b"),
    (Label::Ssn, r"\b\d{3}[-. ]\d{2}[-. ]\d{4}\b"),
    (Label::Ssn, r"[*xX]{3}[- ]?[*xX]{2}[- ]?\d{4}\b"),
    (
        Label::Ssn,
        concat!(
            r"(?i)\b(?:ssn|social security)(?: number)?[ \t:]*(?:ending|ends|last (?:four|4)",
            r"(?: digits)?)(?:[ ](?:in|with|of|is))?[ \t:]*(?P<x>\d{4})\b"
        ),
    ),
    (
        Label::Ssn,
        concat!(
            r"(?i)\b(?:ssn|social security)",
            number_label!(),
            r"(?P<x>\d[\d -]{6,10}\d)"
        ),
    ),
    (
        Label::Fax,
        concat!(
            r"(?i)\b(?:fax|facsimile)",
            number_label!(),
            r"(?P<x>[+(]?\d[\d()./\- ]{3,}\d(?:,?[ ]?(?:x|ext\b\.?)[ ]?\d+)?)"
        ),
    ),
    (
        Label::Phone,
        concat!(r"(?:\+\d{1,3}[-. ]?|\b(?:001|1)[-. ]?)?\(\d{3}\)", phone!()),
    ),
    (
        Label::Phone,
        concat!(r"(?:\+\d{1,3}[-. ]?|\b(?:001|1)[-. ]?|\b)\d{3}", phone!()),
    ),
    (
        Label::Phone,
        concat!(
            r"(?i)\b(?:pager|beeper|pgr|phone|tel|telephone|mobile|cell|ext|extension|call|",
            r"callback|cb|ph)\.?",
            number_label!(),
            r"(?P<x>(?:p[ ]?|x)?[+(]?\d[\d()./\- ]{2,}\d(?:,?[ ]?(?:x|ext\b\.?)[ ]?\d+)?)"
        ),
    ),
    (
        Label::Phone,
        r"\b[xX]\d{4,5}\b|\bp\d[\d-]{3,6}\b|(?i:\bext(?:ension)?\.?[: ]*)\d{2,6}\b",
    ),
    (
        Label::Mrn,
        concat!(
            concat!(
                r"(?i)\b(?:mrn|mr|med rec|medical record|patient id|patient number|patient no\.?|chart|",
                r"hospital (?:id|number|no\.?)|unit (?:number|no\.?)|unit \#)"
            ),
            number_label!(),
            number!()
        ),
    ),
    (
        Label::HealthPlan,
        concat!(
            concat!(
                r"(?i)\b(?:member|subscriber|policy|group|grp|insurance|beneficiary|medicare|mbi|",
                r"medicaid|health plan|plan)"
            ),
            number_label!(),
            number!()
        ),
    ),
    (
        Label::Licence,
        concat!(
            concat!(
                r"(?i)\b(?:driver'?s? licen[sc]e|licen[sc]e|certificate|certification|dea|npi|",
                r"dl)"
            ),
            number_label!(),
            number!()
        ),
    ),
    (
        Label::Vehicle,
        concat!(
            r"(?i)\b(?:licen[sc]e plate|plate|vin|vehicle|registration)",
            number_label!(),
            r"(?P<x>[A-Z0-9]{1,4}[- ]?\d[A-Z0-9-]{2,}|\d{2,4}[ -]?[A-Z]{2,3}\b|\d[A-Z]{2}-[A-Z]\d{2})"
        ),
    ),
    (Label::Vehicle, r"\b[A-HJ-NPR-Z0-9]{11}\d{6}\b"),
    (
        Label::Device,
        concat!(
            r"(?i)\b(?:serial|s/n|sn|device|udi|imei|lot|model|scope|pump|generator)",
            number_label!(),
            number!()
        ),
    ),
    (
        Label::Account,
        concat!(
            r"(?i)\b(?:account|acct\.?|invoice|claim|billing|encounter|visit|csn|har|fin)",
            number_label!(),
            number!()
        ),
    ),
    (
        Label::Accession,
        concat!(
            r"(?i)\b(?:accession|acc\.?|specimen|spec|path|requisition|req\.?|case|order|study|slide)",
            number_label!(),
            number!()
        ),
    ),
    (
        Label::Id,
        concat!(
            r"(?i)\b(?:record|reference|ref\.?|confirmation|document|doc|job|report|alien|a-number)",
            number_label!(),
            number!()
        ),
    ),
    (
        Label::Phone,
        r"\+\d{1,3}[-. ]?(?:\(?\d{1,4}\)?[-. ]?){2,5}\d{2,4}\b",
    ),
    (
        Label::Phone,
        r"(?:\b|\()0\d{1,4}\)?[-. ]\d{2,4}[- ]?\d{2,4}(?:[- ]?\d{2,4})?\b",
    ),
    (Label::Phone, r"\b\d{2,4}-\d{2,4}-\d{3,4}(?:-\d{2,4})?\b"),
    (
        Label::Account,
        r"\b[A-Z]{2}\d{2}[ ]?(?:[A-Z0-9]{4}[ ]?){2,7}[A-Z0-9]{1,4}\b",
    ),
    (Label::Id, r"\b[A-Z]{1,4}-?\d{6,}(?:-\d+)?\b"),
    (Label::Id, r"\b\d{7,}\b"),
    (
        Label::Age,
        concat!(
            r"(?i)\b(?P<x>(?:9\d|1[0-4]\d))(?:[ \t-]*(?:years?|yrs?)\b|[ \t]*(?:y\.?o\.?|",
            r"y/o|yo)\b|[ \t]*[MF]\b)"
        ),
    ),
    (
        Label::Age,
        r"(?i)\bin (?:his|her|their) (?P<x>(?:early |mid |late |early-|mid-|late-)?(?:9\d['’]?s|nineties))\b",
    ),
    (
        Label::Age,
        r"(?i)\b(?:aged?|turned|turns)[ \t]*:?[ \t]*(?P<x>(?:9\d|1[0-4]\d))\b",
    ),
    (
        Label::Age,
        concat!(
            r"(?i)\b(?P<x>(?:ninety|one hundred|a hundred)(?:[- ](?:and[- ])?(?:one|two|",
            r"three|four|five|six|seven|eight|nine|ten))?)[ -]years?[ -]old\b"
        ),
    ),
    (
        Label::Address,
        concat!(
            concat!(
                r"\b\d{1,6}[A-Z]?[ \t]+(?:[NSEW]\.?[ \t]+)?(?:\p{Lu}[\p{L}'’.-]+[ \t]+|\d+(?:st|",
                r"nd|rd|th)[ \t]+){1,4}?"
            ),
            concat!(
                r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Trl|",
                r"Place|Pl|Terrace|Ter|Circles?|Cir|Square|Sq|Highway|Hwy|Parkways?|Pkwy|",
                r"Trails?|Row|Alley|Loop|Crescent|Plaza|Points?|Ports?|Harbors?|Harbours?|",
                r"Isles?|Islands?|Clubs?|Forks?|Mounts?|Mountains?|Mission|Keys?|Lands?|Summit|",
                r"Cliffs?|Walks?|Gardens?|Skyway|Causeway|Passage|Meadows?|Hills?|Hollow|Haven|",
                r"Heights|Glens?|Groves?|Greens?|Gateway|Fords?|Forges?|Fields?|Flats?|Falls|",
                r"Extensions?|Expressway|Estates?|Dale|Dam|Creek|Crossing|Cove|Course|Corners?|",
                r"Common|Centers?|Canyon|Camp|Bypass|Burgs?|Brooks?|Bridge|Branch|Bend|Bayou|",
                r"Beach|Bluffs?|Bottom|Inlet|Junctions?|Knolls?|Lakes?|Landing|Lights?|Locks?|",
                r"Lodge|Mall|Manors?|Mews|Mills?|Motorway|Neck|Orchard|Oval|Overpass|Parks?|",
                r"Pass|Path|Pike|Pines?|Plains?|Prairie|Radial|Ramp|Ranch|Rapids?|Rest|Ridges?|",
                r"River|Route|Run|Shoals?|Shores?|Springs?|Spurs?|Station|Stravenue|Stream|",
                r"Throughway|Trace|Track|Trafficway|Tunnel|Turnpike|Underpass|Unions?|Valleys?|",
                r"Viaduct|Views?|Villages?|Ville|Vista|Wall|Wells?)\b\.?"
            ),
            concat!(
                r"(?:[ \t]+(?:N|S|E|W|NE|NW|SE|SW)\b)?",
                r"(?:,?[ \t]*(?:Apt|Apartment|Suite|Ste|Unit|Room|Rm|Floor|Fl|Lot|Bldg|",
                r"\#)\.?[ \t]*\#?\w+)?"
            )
        ),
    ),
    (Label::Address, r"(?i)\bP\.?[ ]?O\.?[ ]?Box[ ]+\d+"),
    (
        Label::Address,
        concat!(
            r"(?i)\b(?:\d{1,6}[ \t]+)?(?:county (?:road|rd|route)|state (?:route|road|rd|hwy)|",
            r"rural route|highway|hwy|interstate|route|RR)[ \t]+#?\d{1,4}[A-Z]?",
            r"(?:[ \t]+(?:north|south|east|west|[NSEW])\b)?",
            r"(?:,?[ \t]+(?:apt|unit|lot|box|bldg|ste|suite|\#)\.?[ \t]*\#?\w{1,5}\b)?"
        ),
    ),
    (
        Label::Address,
        concat!(
            r"(?i)\b(?:lives|resides|residing|living|home|address)[ \t]*(?:at|is|",
            r":)[ \t]*(?P<x>\d[^,;\n]{3,60})"
        ),
    ),
    (
        Label::City,
        concat!(
            r"(?P<city>\p{Lu}[\p{L}'’.-]+(?:[ \t]\p{Lu}[\p{L}'’.-]+){0,3}),",
            r"\s*(?P<state>[A-Z]{2})[ \t]+(?P<zip>\d{5}(?:-\d{4})?)\b"
        ),
    ),
    (
        Label::City,
        concat!(
            r"(?i:\b(?:lives in|living in|resides in|resident of|moved from|moved to|",
            r"born in|native of|grew up in|travell?ed (?:to|from)|",
            r"visiting from))[ \t]+(?P<city>\p{Lu}[\p{L}'’.-]+(?:[ \t]\p{Lu}[\p{L}'’.-]+){0,2})(",
            r"?:,[ \t]*(?P<state>\p{Lu}\p{L}+))?"
        ),
    ),
    (Label::Zip, r"\b[A-Z]{2}[ \t]+(?P<x>\d{5}(?:-\d{4})?)\b"),
    (
        Label::Zip,
        r"(?i)\b(?:zip|postal)(?:[ ]?code)?[: ]+(?P<x>\d{5}(?:-\d{4})?)\b",
    ),
    (
        Label::Hospital,
        concat!(
            institution!(),
            r"(?i:(?:Regional |University |Veterans |VA )?Medical Cent(?:er|re)|Medical Group|",
            r"(?:General |Memorial |Community |Regional |University |Children['’]s )?Hospital|",
            r"(?:Community |Family |Medical |Pediatric |Walk-[Ii]n )?Clinic|Infirmary|",
            r"Health System|Healthcare|Health Cent(?:er|re)|Cancer (?:Cent(?:er|re)|Institute)|",
            r"Surgery Cent(?:er|re)|Heart (?:Institute|Cent(?:er|re))|Urgent Care|Nursing Home|",
            r"Nursing (?:and Rehabilitation )?(?:Facility|Cent(?:er|re))|Hospice|",
            r"Rehab(?:ilitation)? and Nursing(?: Cent(?:er|re))?|",
            r"Rehabilitation (?:Cent(?:er|re)|Hospital|Facility)|Rehab|Assisted Living|",
            r"Dialysis(?: Cent(?:er|re))?|Care Cent(?:er|re)|Pharmacy|Senior Living|",
            r"Family (?:Practice|Medicine|Health)|Cardiology|Dermatology|Orthopa?edics|",
            r"Pediatrics|Oncology|Eye Cent(?:er|re)s?|Imaging|Behavioral Health|",
            r"Recovery Cent(?:er|re)|Treatment Cent(?:er|re)|Surgical Hospital|",
            r"Memorial|Regional|Physicians|Sanatorium)\b"
        ),
    ),
    (
        Label::Hospital,
        concat!(
            r"\b(?:(?:S(?:ain)?t|Mt|Mount)\.?[ \t]+\p{Lu}[\p{L}]+['’]s\b|Our Lady of(?: the)? ",
            r"\p{Lu}\p{L}+|Sacred Heart|Good Samaritan|Holy (?:Cross|Name|Family|Spirit)|",
            r"Mercy|Providence|Ascension|Kaiser|Sutter|Baptist)",
            r"(?:[ \t]+(?:of |de )?\p{Lu}[\p{L}'’-]+){0,2}"
        ),
    ),
    (
        Label::Organization,
        concat!(
            institution!(),
            r"(?i:University|College|High School|Middle School|Elementary(?: School)?|Academy|",
            r"School District|Public Schools|Parish|Church|Synagogue|Mosque|Temple|Daycare|",
            r"(?:Police|Fire|Sheriff['’]?s) (?:Department|Office))\b"
        ),
    ),
    (
        Label::Organization,
        concat!(
            r"\b\p{Lu}[\p{L}'’-]+(?:(?:,[ \t]*|[ \t]+(?:and|&)[ \t]+|",
            r"[ \t]+)\p{Lu}[\p{L}'’-]+){0,3},?[ \t]+(?:PLC|LLC|LLP|Ltd|Inc|Corp|Co|GmbH|Group|",
            r"Company|Corporation|Industries|Associates|Partners|and Sons|Foods|Motors|",
            r"Airlines|Logistics|Insurance|Bank|Railroad|Trucking|Roofing|Construction|",
            r"Plumbing|Electric|Steel|Glass|Timber|Mining|Marina|Farms|Supermarkets?)\b"
        ),
    ),
    (
        Label::Organization,
        concat!(
            r"(?i:\b(?:work(?:s|ed|ing)?|employed|job|retired|driver|drives|manager|teach(?:er|es)|",
            r"engineer|clerk|laid off|fired|volunteers|employee|cashier|student|studies|shift|",
            r"on leave|attends)\b[^.;:\n]{0,40}?\b(?:for|at|by|",
            r"from))[ \t]+(?P<x>\p{Lu}[\p{L}'’&-]+(?:(?:,[ \t]*|[ \t]+)(?:(?:and|&|",
            r"of)[ \t]+)?\p{Lu}[\p{L}'’&-]+){0,4})"
        ),
    ),
    (
        Label::Name,
        concat!(
            r"(?im)^[ \t]*(?:patient(?:'s)?(?: name)?|name|pt(?: name)?|",
            r"attending(?: physician)?|provider|physician|surgeon|pcp|author|dictated by|",
            r"referring(?: physician| provider)?|interpreter|emergency contact|next of kin|",
            r"guardian)[ \t]*:[ \t]*(?P<x>[\p{L}'’.-]+(?:,?[ \t]+[\p{L}'’.-]+){0,3})"
        ),
    ),
    (
        Label::Name,
        concat!(
            concat!(
                r"\b(?i:drs?|mr|mrs|ms|miss|mx|prof|professor|doctor|nurse|sister|father|rev|sir|",
                r"madam|sgt|capt|fr|rabbi|pastor|imam|chaplain|officer|detective|lt|mme|sra?|",
                r"judge|coach|deacon|aunt|uncle|grandma|grandpa|nana)\b\.?[ \t]+(?P<x>"
            ),
            name!(),
            ")"
        ),
    ),
    (
        Label::Name,
        concat!(
            concat!(
                r"\b(?i:electronically signed by|signed by|signed|dictated by|transcribed by|",
                r"reviewed by|seen by|discussed with|spoke with|spoken with|referred by|",
                r"evaluated by|performed by|accompanied by|per|cc:|attn:|dear|named|name is|",
                r"called)[ \t]+(?:(?i:dr|mr|mrs|ms)\.?[ \t]+)?(?P<x>"
            ),
            name!(),
            ")"
        ),
    ),
    (
        Label::Name,
        concat!(
            concat!(
                r"\b(?i:spouse|wife|husband|partner|fianc[eé]e?|boyfriend|girlfriend|mother|mom|",
                r"father|dad|son|daughter|brother|sister|aunt|uncle|cousin|niece|nephew|",
                r"grandmother|grandfather|grandson|granddaughter|friend|neighbou?r|caregiver|",
                r"contact|proxy|roommate|sibling|twin|stepfather|stepmother|stepson|landlord|",
                r"attorney|lawyer|coworker|adjuster|doula|interpreter|chaplain|teacher|",
                r"baby (?:boy|girl)|infant|BB|BG)[ \t]*(?:,|is|named)?[ \t]+(?P<x>"
            ),
            name!(),
            ")"
        ),
    ),
    (
        Label::Name,
        concat!(
            r"\b(?P<x>",
            name!(),
            concat!(
                r"),?[ \t]+(?:MD|M\.D\.|DO|D\.O\.|RN|NP|PA|PA-C|PhD|Ph\.D\.|DDS|LPN|CRNA|FNP|",
                r"MBBS|DPT|LCSW|LICSW|MSW|APRN|CNM|CNS|PharmD|RPh|NNP|CPNP|EMT|FACS|FACC|FACP|CGC|DVM|",
                r"DMD|PsyD|MPH|PGY[- ]?\d|MS[34]|RRT|CNA|LVN)\b"
            )
        ),
    ),
];
