//! The patterns of identifiers in English clinical text, in one list. Where a pattern has a group
//! `x`, that group is the identifier; otherwise the whole match is.
//!
//! They are written for recall: a number after the word `serial` is taken whatever it looks like.
//! Formats follow North American habits for telephones, postal codes and social security numbers.

use crate::policy::Identifier;

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
        r"(?P<x>[A-Za-z]{0,5}-?\d[\dA-Za-z-]{3,})"
    };
}

/// Telephone digits in their usual groups after the area code, with or without extension.
macro_rules! phone {
    () => {
        r"[ ]?\d{3}[-. ]?\d{4}(?:[ ]?(?:x|ext\.?)[ ]?\d{1,6})?"
    };
}

/// The patterns, the more telling first: where two find the same place, the earlier names it.
pub(crate) const PATTERNS: &[(Identifier, &str)] = &[
    (Identifier::Email, r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    (
        Identifier::Url,
        r"(?i)\b(?:https?|ftp)://[^\s<>]+|\bwww\.[^\s<>]+",
    ),
    (Identifier::Ip, r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b"),
    (
        Identifier::Ip,
        r"\b(?:[0-9A-Fa-f]{1,4}:){4,7}[0-9A-Fa-f]{1,4}\b",
    ),
    (Identifier::Ssn, r"\b\d{3}-\d{2}-\d{4}\b"),
    (
        Identifier::Ssn,
        concat!(
            r"(?i)\b(?:ssn|social security)",
            number_label!(),
            r"(?P<x>\d[\d -]{6,10}\d)"
        ),
    ),
    (
        Identifier::Fax,
        concat!(
            r"(?i)\b(?:fax|facsimile)",
            number_label!(),
            r"(?P<x>[+(]?\d[\d().\- ]{3,}\d(?:[ ]?x[ ]?\d+)?)"
        ),
    ),
    (
        Identifier::Phone,
        concat!(r"(?:\+\d{1,3}[-. ]?|\b(?:001|1)[-. ]?)?\(\d{3}\)", phone!()),
    ),
    (
        Identifier::Phone,
        concat!(
            r"(?:\+\d{1,3}[-. ]?|\b(?:001|1)[-. ]?|\b)\d{3}[-. ]?",
            phone!()
        ),
    ),
    (
        Identifier::Phone,
        concat!(
            r"(?i)\b(?:pager|beeper|phone|tel|telephone|mobile|cell|ext|extension|call)\.?",
            number_label!(),
            r"(?P<x>[+(]?\d[\d().\- ]{2,}\d(?:[ ]?x[ ]?\d+)?)"
        ),
    ),
    (
        Identifier::Mrn,
        concat!(
            concat!(
                r"(?i)\b(?:mrn|medical record|patient id|patient number|patient no\.?|chart|",
                r"hospital (?:id|number|no\.?)|unit (?:number|no\.?)|unit \#)"
            ),
            number_label!(),
            number!()
        ),
    ),
    (
        Identifier::HealthPlan,
        concat!(
            concat!(
                r"(?i)\b(?:member|subscriber|policy|group|insurance|beneficiary|medicare|",
                r"medicaid|health plan|plan)"
            ),
            number_label!(),
            number!()
        ),
    ),
    (
        Identifier::Licence,
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
        Identifier::Vehicle,
        concat!(
            r"(?i)\b(?:licen[sc]e plate|plate|vin|vehicle|registration)",
            number_label!(),
            r"(?P<x>[A-Z0-9]{1,4}[- ]?\d[A-Z0-9-]{2,})"
        ),
    ),
    (Identifier::Vehicle, r"\b[A-HJ-NPR-Z0-9]{11}\d{6}\b"),
    (
        Identifier::Device,
        concat!(
            r"(?i)\b(?:serial|s/n|device|udi|imei|lot|model)",
            number_label!(),
            number!()
        ),
    ),
    (
        Identifier::Account,
        concat!(
            r"(?i)\b(?:account|acct\.?|invoice|claim|billing|encounter|visit|csn|har)",
            number_label!(),
            number!()
        ),
    ),
    (
        Identifier::Other,
        concat!(
            concat!(
                r"(?i)\b(?:accession|specimen|requisition|case|order|study|record|reference|",
                r"ref\.?|confirmation)"
            ),
            number_label!(),
            number!()
        ),
    ),
    (
        Identifier::Phone,
        r"\+\d{1,3}[-. ]?(?:\(?\d{1,4}\)?[-. ]?){2,5}\d{2,4}\b",
    ),
    (
        Identifier::Phone,
        r"(?:\b|\()0\d{1,4}\)?[-. ]\d{2,4}[- ]?\d{2,4}(?:[- ]?\d{2,4})?\b",
    ),
    (
        Identifier::Phone,
        r"\b\d{2,4}-\d{2,4}-\d{3,4}(?:-\d{2,4})?\b",
    ),
    (
        Identifier::Account,
        r"\b[A-Z]{2}\d{2}[ ]?(?:[A-Z0-9]{4}[ ]?){2,7}[A-Z0-9]{1,4}\b",
    ),
    (Identifier::Other, r"\b[A-Z]{1,4}-?\d{6,}(?:-\d+)?\b"),
    (Identifier::Other, r"\b\d{7,}\b"),
    (
        Identifier::Age,
        concat!(
            r"(?i)\b(?P<x>(?:9\d|1[0-4]\d))(?:[ \t-]*(?:years?|yrs?)\b|[ \t]*(?:y\.?o\.?|",
            r"y/o|yo)\b|[ \t]*[MF]\b)"
        ),
    ),
    (
        Identifier::Age,
        r"(?i)\b(?:aged?|turned|turns)[ \t]*:?[ \t]*(?P<x>(?:9\d|1[0-4]\d))\b",
    ),
    (
        Identifier::Age,
        concat!(
            r"(?i)\b(?P<x>(?:ninety|one hundred|a hundred)(?:[- ](?:and[- ])?(?:one|two|",
            r"three|four|five|six|seven|eight|nine|ten))?)[ -]years?[ -]old\b"
        ),
    ),
    (
        Identifier::Address,
        concat!(
            concat!(
                r"\b\d{1,6}[A-Z]?[ \t]+(?:[NSEW]\.?[ \t]+)?(?:\p{Lu}[\p{L}'’.-]+[ \t]+|\d+(?:st|",
                r"nd|rd|th)[ \t]+){1,4}?"
            ),
            concat!(
                r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|",
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
                r"(?:,?[ \t]*(?:Apt|Apartment|Suite|Ste|Unit|Room|Rm|Floor|Fl|",
                r"\#)\.?[ \t]*\#?\w+)?"
            )
        ),
    ),
    (Identifier::Address, r"(?i)\bP\.?[ ]?O\.?[ ]?Box[ ]+\d+"),
    (
        Identifier::Address,
        concat!(
            r"(?i)\b(?:lives|resides|residing|living|home|address)[ \t]*(?:at|is|",
            r":)[ \t]*(?P<x>\d[^,;\n]{3,60})"
        ),
    ),
    (
        Identifier::Place,
        concat!(
            r"(?P<x>\p{Lu}[\p{L}'’.-]+(?:[ \t]\p{Lu}[\p{L}'’.-]+){0,3},[ \t]*[A-Z]{2})[ \t]+",
            r"\d{5}\b"
        ),
    ),
    (
        Identifier::Place,
        concat!(
            r"(?i:\b(?:lives in|living in|resides in|resident of|moved from|moved to|",
            r"born in|native of|grew up in|travell?ed (?:to|from)|",
            r"visiting from))[ \t]+(?P<x>\p{Lu}[\p{L}'’.-]+(?:[ \t]\p{Lu}[\p{L}'’.-]+){0,2}(",
            r"?:,[ \t]*\p{Lu}\p{L}+)?)"
        ),
    ),
    (
        Identifier::Zip,
        r"\b[A-Z]{2}[ \t]+(?P<x>\d{5}(?:-\d{4})?)\b",
    ),
    (
        Identifier::Zip,
        r"(?i)\b(?:zip|postal)(?:[ ]?code)?[: ]+(?P<x>\d{5}(?:-\d{4})?)\b",
    ),
    (
        Identifier::Organization,
        concat!(
            concat!(
                r"\b(?:\p{Lu}[\p{L}'’.&-]+[ \t]+){1,4}(?:of[ \t]+(?:\p{Lu}[\p{L}'’.-]+[ \t]+)",
                r"{1,2})?"
            ),
            concat!(
                r"(?:Medical Cent(?:er|re)|General Hospital|Memorial Hospital|",
                r"Community Hospital|Community Clinic|Children's Hospital|Hospital|Clinic|",
                r"Infirmary|Health System|Healthcare|Nursing Home|Hospice|",
                r"Rehabilitation Cent(?:er|re)|University|College|High School|",
                r"Elementary School)\b"
            )
        ),
    ),
    (
        Identifier::Organization,
        concat!(
            r"\b\p{Lu}[\p{L}'’-]+(?:(?:,[ \t]*|[ \t]+(?:and|&)[ \t]+|",
            r"[ \t]+)\p{Lu}[\p{L}'’-]+){0,3}[ \t]+(?:PLC|LLC|LLP|Ltd|Inc|Corp|Co|GmbH|Group|",
            r"Company|Corporation|Industries|Associates|Partners|and Sons)\b"
        ),
    ),
    (
        Identifier::Organization,
        concat!(
            r"(?i:\b(?:work(?:s|ed|ing)?|employed|job|retired|driver|manager|teacher|",
            r"engineer|clerk)\b[^.;:\n]{0,40}?\b(?:for|at|by|",
            r"from))[ \t]+(?P<x>\p{Lu}[\p{L}'’&-]+(?:(?:,[ \t]*|[ \t]+)(?:(?:and|&|",
            r"of)[ \t]+)?\p{Lu}[\p{L}'’&-]+){0,4})"
        ),
    ),
    (
        Identifier::Name,
        concat!(
            r"(?im)^[ \t]*(?:patient(?:'s)?(?: name)?|name|pt(?: name)?|",
            r"attending(?: physician)?|provider|physician|surgeon|pcp|author|dictated by|",
            r"referring(?: physician| provider)?|interpreter|emergency contact|next of kin|",
            r"guardian)[ \t]*:[ \t]*(?P<x>[\p{L}'’.-]+(?:,?[ \t]+[\p{L}'’.-]+){0,3})"
        ),
    ),
    (
        Identifier::Name,
        concat!(
            concat!(
                r"\b(?i:dr|mr|mrs|ms|miss|mx|prof|professor|doctor|nurse|sister|father|rev|sir|",
                r"madam|sgt|capt)\b\.?[ \t]+(?P<x>"
            ),
            name!(),
            ")"
        ),
    ),
    (
        Identifier::Name,
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
        Identifier::Name,
        concat!(
            concat!(
                r"\b(?i:spouse|wife|husband|partner|fianc[eé]e?|boyfriend|girlfriend|mother|mom|",
                r"father|dad|son|daughter|brother|sister|aunt|uncle|cousin|niece|nephew|",
                r"grandmother|grandfather|grandson|granddaughter|friend|neighbou?r|caregiver|",
                r"contact|proxy|roommate)[ \t]*(?:,|is|named)?[ \t]+(?P<x>"
            ),
            name!(),
            ")"
        ),
    ),
    (
        Identifier::Name,
        concat!(
            r"\b(?P<x>",
            name!(),
            concat!(
                r"),?[ \t]+(?:MD|M\.D\.|DO|D\.O\.|RN|NP|PA|PA-C|PhD|Ph\.D\.|DDS|LPN|CRNA|FNP|",
                r"MBBS|DPT|LCSW)\b"
            )
        ),
    ),
];

/// English months, full and short.
macro_rules! month {
    () => {
        concat!(
            r"(?P<mon>January|February|March|April|May|June|July|August|September|October|",
            r"November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b\.?"
        )
    };
}

/// A weekday before a date; it would give away the shift within the week, so it goes.
macro_rules! weekday {
    () => {
        concat!(
            r"(?i)(?P<w>\b(?:mon|tues|wednes|thurs|fri|satur|",
            r"sun)day,?[ \t]+(?:the[ \t]+)?)?\b"
        )
    };
}

/// Dates. Groups: `y`, `m` or `mon`, `d`, `o` (the ending of an ordinal), `w` (a weekday).
pub(crate) const DATES: &[&str] = &[
    concat!(
        weekday!(),
        r"(?P<y>(?:1[89]|2[0-2])\d{2})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})"
    ),
    concat!(
        weekday!(),
        r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4}|\d{2})\b"
    ),
    concat!(
        weekday!(),
        r"(?P<m>\d{1,2})-(?P<d>\d{1,2})-(?P<y>\d{4}|\d{2})\b"
    ),
    concat!(
        weekday!(),
        r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})\b"
    ),
    concat!(
        weekday!(),
        month!(),
        r"[ \t]*(?P<d>\d{1,2})(?P<o>st|nd|rd|th)?\b,?[ \t]+(?P<y>\d{4})\b"
    ),
    concat!(
        weekday!(),
        r"(?P<d>\d{1,2})(?P<o>st|nd|rd|th)?[ \t-]+(?:of[ \t]+)?",
        month!(),
        r"[ \t,-]+(?P<y>\d{4}|\d{2})\b"
    ),
    concat!(
        weekday!(),
        month!(),
        r",?[ \t]+(?:of[ \t]+)?(?P<y>(?:1[89]|2[0-2])\d{2})\b"
    ),
    concat!(
        weekday!(),
        month!(),
        r"[ \t]*(?P<d>[0-3]?\d)(?P<o>st|nd|rd|th)?\b"
    ),
    concat!(
        weekday!(),
        r"(?P<d>[0-3]?\d)(?P<o>st|nd|rd|th)?[ \t]+(?:of[ \t]+)?",
        month!()
    ),
    r"\b(?P<m>0?[1-9]|1[0-2])/(?P<y>(?:19|20|21|22)\d{2})\b",
    concat!(
        r"(?i)\b(?:on|since|dated?|from|until|before|after|by|",
        r"through)[ \t]+(?P<x>(?P<m>0?[1-9]|1[0-2])/(?P<d>[0-3]?\d))\b"
    ),
];
