//! What the clock of tables reads, and what it refuses.

use super::*;
use expect_test::expect;

fn show(zone: &str, format: &str, text: &str) -> String {
    let zone = Zone::named(zone).unwrap();
    let Some(written) = Format::parse(format).unwrap().read(text) else {
        return "refused".to_owned();
    };
    let moment = zone.moment(written.point).unwrap();
    let offset = moment
        .offset_minutes
        .map_or(String::new(), |m| format!(" {m:+}"));
    let doubt = moment.doubt.map_or(String::new(), |d| format!(" {d:?}"));
    format!("{} {:?}{offset}{doubt}", moment.instant, written.precision)
}

#[test]
fn times_as_sources_write_them() {
    let cases = [
        ("naive", "iso", "2180-07-23 12:36:00"),
        ("naive", "iso", "2180-07-23T12:36"),
        ("naive", "iso", "2180-07-23"),
        ("naive", "iso", "2180-07"),
        ("naive", "iso", "2180"),
        ("naive", "iso", "2180-07-23 12:36:00.25+02:00"),
        ("naive", "iso", "2180-07-23T12:36:00Z"),
        ("naive", "%m/%d/%Y %H:%M", "7/4/2155 5:07"),
        ("naive", "%d.%m.%Y", "04.07.2155"),
        ("naive", "%Y%m%d%H%M%S%z", "20200102030405-0500"),
        ("naive", "%m/%Y", "7/2155"),
        ("America/New_York", "iso", "2020-01-15 12:00:00"),
        ("America/New_York", "iso", "2020-07-15 12:00:00"),
        ("America/New_York", "iso", "2020-11-01 01:30:00"),
        ("America/New_York", "iso", "2020-03-08 02:30:00"),
        ("America/New_York", "iso", "2020-03-08"),
        ("naive", "iso", "2023-02-29"),
        ("naive", "iso", "0001-01-01"),
        ("naive", "iso", "9999-12-31 00:00:00"),
        ("naive", "iso", "2180-07-23 25:00:00"),
        ("naive", "iso", "2020-01-01 10:00:00+99:00"),
        ("naive", "iso", "2020-01-01 10:00:00 Mars"),
        ("naive", "iso", "7/4/2155"),
        ("naive", "iso", "２０２０"),
        ("naive", "iso", ""),
    ];
    let mut shown = String::new();
    for (zone, format, text) in cases {
        shown.push_str(&format!("{text} | {}\n", show(zone, format, text)));
    }
    expect![[r"
        2180-07-23 12:36:00 | 2180-07-23T12:36:00Z Time
        2180-07-23T12:36 | 2180-07-23T12:36:00Z Time
        2180-07-23 | 2180-07-23T00:00:00Z Day
        2180-07 | 2180-07-01T00:00:00Z Month
        2180 | 2180-01-01T00:00:00Z Year
        2180-07-23 12:36:00.25+02:00 | 2180-07-23T10:36:00.25Z Time +120
        2180-07-23T12:36:00Z | 2180-07-23T12:36:00Z Time +0
        7/4/2155 5:07 | 2155-07-04T05:07:00Z Time
        04.07.2155 | 2155-07-04T00:00:00Z Day
        20200102030405-0500 | 2020-01-02T08:04:05Z Time -300
        7/2155 | 2155-07-01T00:00:00Z Month
        2020-01-15 12:00:00 | 2020-01-15T17:00:00Z Time -300
        2020-07-15 12:00:00 | 2020-07-15T16:00:00Z Time -240
        2020-11-01 01:30:00 | 2020-11-01T05:30:00Z Time -240 Twice
        2020-03-08 02:30:00 | 2020-03-08T07:30:00Z Time -240 Skipped
        2020-03-08 | 2020-03-08T05:00:00Z Day -300
        2023-02-29 | refused
        0001-01-01 | refused
        9999-12-31 00:00:00 | refused
        2180-07-23 25:00:00 | refused
        2020-01-01 10:00:00+99:00 | refused
        2020-01-01 10:00:00 Mars | refused
        7/4/2155 | refused
        ２０２０ | refused
         | refused
    "]]
    .assert_eq(&shown);
}

#[test]
fn patterns_are_checked() {
    for wrong in ["%H:%M", "%q", "", "%d", "%Y %H"] {
        assert!(Format::parse(wrong).is_err(), "{wrong}");
    }
    assert!(Zone::named("Mars/Olympus").is_none());
    assert!(Zone::named("Europe/Berlin").is_some());
}

#[test]
fn clocks_and_lengths() {
    assert_eq!(elapsed_seconds("47:30"), Some(47 * 3_600 + 1_800));
    assert_eq!(elapsed_seconds("-0:01:05"), Some(-65));
    for wrong in [
        "",
        ":",
        "1:60",
        "1",
        "1:2:3:4",
        "99999999999999999999:00",
        "a:b",
        "+1:00",
    ] {
        assert_eq!(elapsed_seconds(wrong), None, "{wrong}");
    }
    assert_eq!(clock_time(b"9:05"), Time::new(9, 5, 0, 0).ok());
    assert_eq!(clock_time(b"23:59:60"), Time::new(23, 59, 59, 0).ok());
    assert_eq!(clock_time(b"24:00"), None);
}

#[test]
fn offsets_cross_a_change_of_the_clocks() {
    let zone = Zone::named("America/New_York").unwrap();
    let start = Format::Iso.read("2020-03-08 01:00:00").unwrap().point;
    let later = start.plus_micros(&zone, 2 * 3_600_000_000).unwrap();
    let moment = zone.moment(later).unwrap();
    assert_eq!(moment.instant.to_string(), "2020-03-08T08:00:00Z");
    assert_eq!(moment.offset_minutes, Some(-240));
    let day = later.plus_calendar(Span::new().days(-1)).unwrap();
    assert_eq!(
        zone.moment(day).unwrap().instant.to_string(),
        "2020-03-07T08:00:00Z"
    );
}
