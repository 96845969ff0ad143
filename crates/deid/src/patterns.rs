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
        r"(?P<x>[A-Za-z]{0,5}-?\d[\dA-Za-z-]{3,})"
    };
}

/// Telephone digits in their usual groups after the area code, with or without extension.
macro_rules! phone {
    () => {
        r"[ ]?\d{3}[-. ]?\d{4}(?:[ ]?(?:x|ext\.?)[ ]?\d{1,6})?"
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
    (Label::Ip, r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b"),
    (Label::Ip, r"\b(?:[0-9A-Fa-f]{1,4}:){4,7}[0-9A-Fa-f]{1,4}\b"),
    (Label::Ssn, r"\b\d{3}-\d{2}-\d{4}\b"),
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
            r"(?P<x>[+(]?\d[\d().\- ]{3,}\d(?:[ ]?x[ ]?\d+)?)"
        ),
    ),
    (
        Label::Phone,
        concat!(r"(?:\+\d{1,3}[-. ]?|\b(?:001|1)[-. ]?)?\(\d{3}\)", phone!()),
    ),
    (
        Label::Phone,
        concat!(
            r"(?:\+\d{1,3}[-. ]?|\b(?:001|1)[-. ]?|\b)\d{3}[-. ]?",
            phone!()
        ),
    ),
    (
        Label::Phone,
        concat!(
            r"(?i)\b(?:pager|beeper|phone|tel|telephone|mobile|cell|ext|extension|call)\.?",
            number_label!(),
            r"(?P<x>[+(]?\d[\d().\- ]{2,}\d(?:[ ]?x[ ]?\d+)?)"
        ),
    ),
    (
        Label::Mrn,
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
        Label::HealthPlan,
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
            r"(?P<x>[A-Z0-9]{1,4}[- ]?\d[A-Z0-9-]{2,})"
        ),
    ),
    (Label::Vehicle, r"\b[A-HJ-NPR-Z0-9]{11}\d{6}\b"),
    (
        Label::Device,
        concat!(
            r"(?i)\b(?:serial|s/n|device|udi|imei|lot|model)",
            number_label!(),
            number!()
        ),
    ),
    (
        Label::Account,
        concat!(
            r"(?i)\b(?:account|acct\.?|invoice|claim|billing|encounter|visit|csn|har)",
            number_label!(),
            number!()
        ),
    ),
    (
        Label::Accession,
        concat!(
            r"(?i)\b(?:accession|specimen|requisition|case|order|study)",
            number_label!(),
            number!()
        ),
    ),
    (
        Label::Id,
        concat!(
            r"(?i)\b(?:record|reference|ref\.?|confirmation)",
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
    (Label::Address, r"(?i)\bP\.?[ ]?O\.?[ ]?Box[ ]+\d+"),
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
            r"(?:(?:Regional |University |Veterans |VA )?Medical Cent(?:er|re)|Medical Group|",
            r"(?:General |Memorial |Community |Regional |University |Children['’]s )?Hospital|",
            r"(?:Community |Family |Medical |Pediatric |Walk-[Ii]n )?Clinic|Infirmary|",
            r"Health System|Healthcare|Health Cent(?:er|re)|Cancer (?:Cent(?:er|re)|Institute)|",
            r"Surgery Cent(?:er|re)|Heart (?:Institute|Cent(?:er|re))|Urgent Care|Nursing Home|",
            r"Nursing (?:and Rehabilitation )?(?:Facility|Cent(?:er|re))|Hospice|",
            r"Rehabilitation (?:Cent(?:er|re)|Hospital|Facility)|Rehab|Assisted Living|",
            r"Dialysis(?: Cent(?:er|re))?|Care Cent(?:er|re)|Pharmacy)\b"
        ),
    ),
    (
        Label::Organization,
        concat!(
            institution!(),
            r"(?:University|College|High School|Middle School|Elementary School|Academy)\b"
        ),
    ),
    (
        Label::Organization,
        concat!(
            r"\b\p{Lu}[\p{L}'’-]+(?:(?:,[ \t]*|[ \t]+(?:and|&)[ \t]+|",
            r"[ \t]+)\p{Lu}[\p{L}'’-]+){0,3}[ \t]+(?:PLC|LLC|LLP|Ltd|Inc|Corp|Co|GmbH|Group|",
            r"Company|Corporation|Industries|Associates|Partners|and Sons)\b"
        ),
    ),
    (
        Label::Organization,
        concat!(
            r"(?i:\b(?:work(?:s|ed|ing)?|employed|job|retired|driver|manager|teacher|",
            r"engineer|clerk)\b[^.;:\n]{0,40}?\b(?:for|at|by|",
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
                r"\b(?i:dr|mr|mrs|ms|miss|mx|prof|professor|doctor|nurse|sister|father|rev|sir|",
                r"madam|sgt|capt)\b\.?[ \t]+(?P<x>"
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
                r"contact|proxy|roommate)[ \t]*(?:,|is|named)?[ \t]+(?P<x>"
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
            r"(?i)(?P<w>\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?",
            r"[ \t]+(?:the[ \t]+)?)?\b"
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
    concat!(
        r"(?i)(?P<w>\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?",
        r"[ \t]+)(?P<m>0?[1-9]|1[0-2])/(?P<d>[0-3]?\d)\b"
    ),
    r"\b(?P<m>0?[1-9]|1[0-2])[/-](?P<y>(?:19|20|21|22)\d{2})\b",
    concat!(
        r"(?i)\b(?P<d>\d{1,2})(?P<mon>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
        r"(?P<y>\d{4}|\d{2})\b"
    ),
    concat!(
        r"\b(?:[Ii]n|[Ss]ince|[Ee]arly|[Ll]ate|[Mm]id|of|[Uu]ntil|[Dd]uring|[Ll]ast|",
        r"[Tt]his|[Bb]y|[Tt]hrough|[Ff]rom)[ \t-]+(?P<x>(?P<mon>January|February|March|April|",
        r"May|June|July|August|September|October|November|December|Jan|Feb|Mar|Apr|Jun|Jul|",
        r"Aug|Sept|Sep|Oct|Nov|Dec))\b"
    ),
    concat!(
        r"(?i)\b(?P<x>Christmas(?: Eve| Day)?|Thanksgiving(?: Day)?|New Year['’]?s(?: Eve| Day)?|",
        r"Halloween|Independence Day|Memorial Day|Labor Day|Mother['’]?s Day|Father['’]?s Day|",
        r"Valentine['’]?s Day|(?:Fourth|4th) of July)(?:\W|$)"
    ),
    concat!(
        r"(?i)\b(?:on|since|dated?|from|until|before|after|by|",
        r"through)[ \t]+(?P<x>(?P<m>0?[1-9]|1[0-2])/(?P<d>[0-3]?\d))\b"
    ),
];
