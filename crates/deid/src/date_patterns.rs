//! The patterns of dates in English clinical text, in figures and in words. What a date moved by
//! days becomes is decided in [`crate::moved`], which reads their groups.

/// English months, full and short.
macro_rules! month {
    () => {
        concat!(
            r"(?P<mon>January|February|March|April|May|June|July|August|September|October|",
            r"November|December|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b\.?"
        )
    };
}

/// A month that is no other word: `may` and `march` are months with a capital only.
macro_rules! sure_month {
    () => {
        concat!(
            r"(?P<mon>(?i:January|February|April|June|July|August|September|October|November|",
            r"December|Jan|Feb|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)|March|May|Mar|MARCH|MAR)",
            r"\b\.?"
        )
    };
}

/// A weekday.
macro_rules! day_name {
    () => {
        r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?"
    };
}

/// A weekday before a date; it would give away the shift within the week, so it goes.
macro_rules! weekday {
    () => {
        concat!(
            r"(?i)(?P<w>(?:\b(?:last|this|next|this past|this coming)[ \t]+)?",
            day_name!(),
            r",?[ \t]+(?:the[ \t]+)?)?\b"
        )
    };
}

/// The day of a month in words.
macro_rules! day_in_words {
    () => {
        concat!(
            r"(?P<n>(?:twenty|thirty)[- ](?:first|second|third|fourth|fifth|sixth|seventh|",
            r"eighth|ninth)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|",
            r"eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|",
            r"eighteenth|nineteenth|twentieth|thirtieth)\b"
        )
    };
}

/// A year of four digits, and of two after an apostrophe.
macro_rules! year {
    () => {
        r"(?:(?P<y>(?:1[89]|2[0-2])\d{2})|['’](?P<yy>\d{2}))\b"
    };
}

/// A year in words; such a date is not moved.
macro_rules! year_in_words {
    () => {
        concat!(
            r"(?P<u>,?[ \t]+(?:two[ -]thousand|twenty|nineteen)(?:[ -](?:and[ -])?(?:hundred|",
            r"oh|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|",
            r"fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|",
            r"sixty|seventy|eighty|ninety)){1,3})?\b"
        )
    };
}

/// Dates. Groups: `x`, what is taken, where it is not the whole; `y` and `yy` (year), `m` or `mon`,
/// `d` or `n` (in words), `o` (the ending of an ordinal), `w` (a weekday), `u` (something beside it
/// that cannot be moved).
pub(crate) const DATES: &[&str] = &[
    concat!(
        weekday!(),
        r"(?P<y>(?:1[89]|2[0-2])\d{2})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})",
        r"(?:[T ]\d{2}:\d{2}(?::\d{2})?Z?)?"
    ),
    concat!(
        weekday!(),
        r"(?P<m>\d{1,2})[ ]?/[ ]?(?P<d>\d{1,2})[ ]?/[ ]?(?P<y>\d{4}|\d{2})\b"
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
        r"(?P<m>0?[1-9]|1[0-2])\.(?P<d>0?[1-9]|[12]\d|3[01])\.(?P<y>\d{4}|\d{2})\b"
    ),
    r"\b(?P<y>19[2-9]\d|20[0-4]\d)(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])\b",
    concat!(
        weekday!(),
        month!(),
        r"[ \t]*(?P<d>\d{1,2})(?P<o>st|nd|rd|th)?\b,?[ \t]+",
        year!()
    ),
    concat!(
        weekday!(),
        r"(?:the[ \t]+)?(?P<d>\d{1,2})(?P<o>st|nd|rd|th)?[ \t-]+(?:of[ \t]+)?",
        month!(),
        r"[ \t,-]+(?P<y>\d{4}|\d{2})\b"
    ),
    concat!(weekday!(), month!(), r",?[ \t]+(?:of[ \t]+)?", year!()),
    concat!(
        weekday!(),
        month!(),
        r"[ \t]*(?P<d>[0-3]?\d)(?P<o>st|nd|rd|th)?\b"
    ),
    // From one day to another: the second cannot be moved by itself.
    concat!(
        weekday!(),
        month!(),
        r"[ \t]*(?P<d>[0-3]?\d)(?:st|nd|rd|th)?[ ]?(?P<u>(?:-|–|to|and|through)[ ]?",
        r"[0-3]?\d(?:st|nd|rd|th)?)\b(?:,?[ \t]+(?:1[89]|2[0-2])\d{2}\b)?"
    ),
    concat!(
        weekday!(),
        r"(?:the[ \t]+)?(?P<d>[0-3]?\d)(?P<o>st|nd|rd|th)?[ \t]+(?:of[ \t]+)?",
        month!()
    ),
    concat!(
        weekday!(),
        r"(?:the[ \t]+)?",
        day_in_words!(),
        r"[ \t]+(?:day[ \t]+)?(?:of[ \t]+)?",
        month!(),
        year_in_words!(),
        r"(?:,?[ \t]+",
        year!(),
        ")?"
    ),
    concat!(
        weekday!(),
        month!(),
        r"[ \t]+(?:the[ \t]+)?",
        day_in_words!(),
        year_in_words!(),
        r"(?:,?[ \t]+",
        year!(),
        ")?"
    ),
    concat!(
        weekday!(),
        month!(),
        r"[ \t]+the[ \t]+(?P<d>[0-3]?\d)(?P<o>st|nd|rd|th)\b(?:,?[ \t]+",
        year!(),
        ")?"
    ),
    concat!(
        r"(?i)(?:",
        day_name!(),
        r",?[ \t]+(?:the[ \t]+)?(?P<u>[0-3]?\d(?:st|nd|rd|th)))\b"
    ),
    concat!(
        r"(?i)(?P<w>",
        day_name!(),
        r",?[ \t]+|\b(?:yesterday|today|tomorrow|tonight)[, (]+)",
        r"(?P<m>0?[1-9]|1[0-2])[/.](?P<d>[0-3]?\d)\b"
    ),
    r"\b(?P<m>0?[1-9]|1[0-2])[/-](?P<y>(?:19|20|21|22)\d{2})\b",
    r"\b(?P<y>(?:19|20)\d{2})-(?P<m>0[1-9]|1[0-2])\b",
    concat!(r"(?i)\b", month!(), r"[ -]?['’](?P<yy>\d{2})\b"),
    concat!(
        r"(?i)\b(?P<mon>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)-",
        r"(?P<yy>\d{2})\b"
    ),
    concat!(r"(?i)['’](?P<yy>\d{2})[ \t]+", month!()),
    concat!(
        r"(?i)\b(?P<d>\d{1,2})(?P<mon>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
        r"(?P<y>\d{4}|\d{2})\b"
    ),
    concat!(
        r"(?i:\b(?:in|since|of|until|during|by|through|from|after|before))[ \t]+(?P<x>",
        sure_month!(),
        ")"
    ),
    concat!(
        r"(?P<x>(?i:\b(?:early|late|mid|last|this(?: past| coming)?|next)[ \t-]+)",
        sure_month!(),
        r"(?:,?[ \t]+",
        year!(),
        r")?)"
    ),
    concat!(
        r"(?i)\b(?P<mon>January|February|April|June|July|August|September|October|November|",
        r"December)\b"
    ),
    concat!(
        r"(?i)\b(?P<u>(?:early |late |mid[- ]?)?(?:spring|summer|fall|autumn|winter)(?: of)?)",
        r"[ \t]+(?:(?:1[89]|2[0-2])\d{2}|['’]\d{2})\b"
    ),
    concat!(
        r"(?i)\b(?P<x>Christmas(?: Eve| Day)?|Thanksgiving(?: Day)?|New Year['’]?s(?: Eve| Day)?|",
        r"Halloween|Independence Day|Memorial Day|Labor Day|Mother['’]?s Day|Father['’]?s Day|",
        r"Valentine['’]?s Day|(?:Fourth|4th) of July|Veterans['’]? Day|Columbus Day|",
        r"President['’]?s['’]? Day|St\.? Patrick['’]?s Day|Martin Luther King Day|MLK Day|",
        r"Good Friday|Ash Wednesday|Easter(?: Sunday| Monday)?|Passover|Yom Kippur|",
        r"Rosh Hashanah|Hanukkah|Ramadan|Eid|Diwali|Kwanzaa|Boxing Day|Cinco de Mayo|",
        r"Juneteenth|Mardi Gras)(?:\W|$)"
    ),
    concat!(
        r"(?i)\b(?:on|since|dated?|from|until|till|til|before|after|by|through|thru|seen|drawn|",
        r"due|starting|started|ending|again on|appt|f/u|dob)[ \t]*:?[ \t]+(?P<x>",
        r"(?P<m>0?[1-9]|1[0-2])/(?P<d>[0-3]?\d))\b"
    ),
    concat!(
        r"(?i)\b(?:date|dob|birth|service|seen|visit|admitted|discharged|admission|discharge|",
        r"collected|received|reported)[ \t]*:[ \t]*(?P<x>(?P<m>0?[1-9]|1[0-2])\.",
        r"(?P<d>0?[1-9]|[12]\d|3[01]))\b"
    ),
];
