//! Texts in, readings out.

use super::*;
use expect_test::{Expect, expect};
use proptest::prelude::*;

fn shown(text: &str, decimal: Decimal) -> String {
    match read(text, decimal) {
        Reading::Number {
            comparator,
            number,
            unit,
        } => {
            let sign = comparator.map_or("", Comparator::sign);
            let unit = unit.map_or(String::new(), |unit| format!(" in {unit}"));
            let assumed = if number.assumed { " (assumed)" } else { "" };
            format!("{sign}{}{unit}{assumed}", number.value)
        }
        Reading::Range { low, high } => format!("{low} to {high}"),
        Reading::Titre {
            comparator,
            reciprocal,
        } => format!(
            "{}1 in {reciprocal}",
            comparator.map_or("", Comparator::sign)
        ),
        Reading::Coded(coded) => coded.to_string(),
        Reading::Text => "text".to_owned(),
    }
}

fn check(decimal: Decimal, texts: &[&str], expected: &Expect) {
    let lines: Vec<String> = texts
        .iter()
        .map(|text| format!("{text} | {}", shown(text, decimal)))
        .collect();
    expected.assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn results_are_read() {
    let texts: Vec<&str> = concat!(
        "7.1; 12 ;-3;<0.01;> 100;>=1:80;≥ 5;less than 5;1:80;1 : 160;1:;1:0;3.5-5.0;",
        "3-5;5-3;0 to 2;1,234;1,234.5;1.234,5;3,5;12,345,678;1 234;1'234;1,23,4;1.2.3;",
        "5 mg/dL;5mg/dL;10e3;1.5e-3;2.5 x 10^3;2.5x10^3/uL;.5;5.;2024-05-06;12:30;",
        "12/31/2020;O POSITIVE;Negative;NEG.;trace;2+;+++;See comment;___;QNS;POS;;",
        "12 of 20 fields were seen to hold;nan;inf;1e999;−4",
    )
    .split(';')
    .collect();
    check(
        Decimal::Point,
        &texts,
        &expect![[r"
            7.1 | 7.1
             12  | 12
            -3 | -3
            <0.01 | <0.01
            > 100 | >100
            >=1:80 | >=1 in 80
            ≥ 5 | >=5
            less than 5 | <5
            1:80 | 1 in 80
            1 : 160 | 1 in 160
            1: | text
            1:0 | text
            3.5-5.0 | 3.5 to 5
            3-5 | 3 to 5
            5-3 | text
            0 to 2 | 0 to 2
            1,234 | 1234 (assumed)
            1,234.5 | 1234.5
            1.234,5 | 1234.5
            3,5 | 3.5
            12,345,678 | 12345678
            1 234 | 1234
            1'234 | 1234
            1,23,4 | text
            1.2.3 | text
            5 mg/dL | 5 in mg/dL
            5mg/dL | 5 in mg/dL
            10e3 | 10000
            1.5e-3 | 0.0015
            2.5 x 10^3 | 2500
            2.5x10^3/uL | 2.5 in x10^3/uL
            .5 | 0.5
            5. | 5
            2024-05-06 | text
            12:30 | text
            12/31/2020 | text
            O POSITIVE | text
            Negative | NEGATIVE
            NEG. | NEGATIVE
            trace | TRACE
            2+ | 2+
            +++ | 3+
            See comment | COMMENT
            ___ | COMMENT
            QNS | NOT_MEASURED
            POS | POSITIVE
             | text
            12 of 20 fields were seen to hold | text
            nan | text
            inf | text
            1e999 | text
            −4 | -4
        "]],
    );
}

#[test]
fn results_with_decimal_commas_are_read() {
    let texts: Vec<&str> = "1,234;1.234;1,234.5;0,5;0.5;<1,5;3,5-5,0;0.123"
        .split(';')
        .collect();
    check(
        Decimal::Comma,
        &texts,
        &expect![[r"
        1,234 | 1.234
        1.234 | 1234 (assumed)
        1,234.5 | 1234.5
        0,5 | 0.5
        0.5 | 0.5
        <1,5 | <1.5
        3,5-5,0 | 3.5 to 5
        0.123 | 0.123
    "]],
    );
}

#[test]
fn reference_ranges_are_read() {
    let texts: Vec<&str> = concat!(
        "3.5-5.0;3.5 - 5.0;[3,5 - 5,0];(0-0.04);<200;<= 5;> 60;up to 40;Negative;",
        "M: 13-17, F: 12-15;10-5;;-2 - 3;-2--1",
    )
    .split(';')
    .collect();
    let shown = |end: Option<f64>| end.map_or("..".to_owned(), |end| end.to_string());
    let lines: Vec<String> = texts
        .iter()
        .map(|text| match reference_range(text, Decimal::Point) {
            Some(range) => format!("{text} | {} {}", shown(range.low), shown(range.high)),
            None => format!("{text} | none"),
        })
        .collect();
    expect![[r"
        3.5-5.0 | 3.5 5
        3.5 - 5.0 | 3.5 5
        [3,5 - 5,0] | 3.5 5
        (0-0.04) | 0 0.04
        <200 | .. 200
        <= 5 | .. 5
        > 60 | 60 ..
        up to 40 | .. 40
        Negative | none
        M: 13-17, F: 12-15 | none
        10-5 | none
         | none
        -2 - 3 | -2 3
        -2--1 | -2 1
    "]]
    .assert_eq(&(lines.join("\n") + "\n"));
}

#[test]
fn the_table_of_words_is_sorted_and_in_lower_case() {
    for pair in CODED.windows(2) {
        assert!(pair[0].0 < pair[1].0, "{} {}", pair[0].0, pair[1].0);
    }
    for (spelling, coded) in CODED {
        assert_eq!(spelling.to_ascii_lowercase(), *spelling);
        assert_eq!(words::coded(&spelling.to_uppercase()), Some(*coded));
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,30}") {
        for decimal in [Decimal::Point, Decimal::Comma] {
            let _reading = read(&text, decimal);
            let _range = reference_range(&text, decimal);
        }
    }

    #[test]
    fn plain_numbers_are_what_they_say(number in -1e12f64..1e12) {
        let text = number.to_string();
        let Reading::Number { number: found, .. } = read(&text, Decimal::Point) else {
            return Err(TestCaseError::fail(text));
        };
        prop_assert_eq!(found.value.to_bits(), number.to_bits());
    }
}
