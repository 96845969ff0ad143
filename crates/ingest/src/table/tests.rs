//! Tables as they come: quotes, line ends, damage, archives, Parquet, and pieces of any size.

use super::{Header, Piece, Rows, each, text};
use crate::Options;
use crate::files::{self, SourceFile};
use crate::pipeline::Payload;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn small() -> Options {
    Options {
        chunk_bytes_max: 16,
        line_bytes_max: 64,
        ..Options::standard(1)
    }
}

fn read(name: &str, bytes: &[u8], options: &Options) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    read_all(&path, options)
}

fn read_all(path: &Path, options: &Options) -> String {
    let mut out = String::new();
    for source in files::find(path).unwrap().files {
        out.push_str(&show(&source, options));
    }
    out
}

fn show(source: &SourceFile, options: &Options) -> String {
    let mut out = String::new();
    super::send(source, options, &mut |payload, _cost| {
        match payload {
            Payload::Table(Piece::Header(header)) => {
                writeln!(out, "{:?}", header.names()).unwrap();
                for note in header.notes() {
                    writeln!(out, "! {}", note.detail).unwrap();
                }
            }
            Payload::Table(Piece::Rows(rows)) => rows.each(|number, row| match row {
                Ok(row) => {
                    let fields: Vec<_> = row.fields().collect();
                    writeln!(out, "{number} {fields:?}").unwrap();
                }
                Err(fault) => writeln!(out, "{number} {fault:?}").unwrap(),
            }),
            Payload::LongLine { row } => writeln!(out, "{row} long").unwrap(),
            Payload::End { fault, bytes, .. } => {
                let fault = fault.map(|(fault, row)| (fault.note().detail, row));
                writeln!(out, "end {bytes} {fault:?}").unwrap();
            }
            Payload::Unopened => out.push_str("unopened\n"),
            Payload::Lines { .. } | Payload::Document => out.push_str("not a table\n"),
        }
        true
    });
    out
}

fn check(bytes: &[u8], expected: &Expect) {
    for chunk in [1, 7, 16, 1 << 20] {
        let options = Options {
            chunk_bytes_max: chunk,
            ..Options::standard(1)
        };
        expected.assert_eq(&read("t.csv", bytes, &options));
    }
}

#[test]
fn quotes_line_ends_and_delimiters() {
    check(
        b"\xEF\xBB\xBFid, Name ,note\r\n1,\"a, b\",\"say \"\"hi\"\"\nthere\"\r\n2,,\n\n3,x,y",
        &expect![[r#"
            ["id", "Name", "note"]
            2 ["1", "a, b", "say \"hi\"\nthere"]
            4 ["2", "", ""]
            6 ["3", "x", "y"]
            end 58 None
        "#]],
    );
    check(
        b"id;v\n1;2,5\n",
        &expect![[r#"
            ["id", "v"]
            2 ["1", "2,5"]
            end 11 None
        "#]],
    );
    check(
        b"id\tv\r1\t\"t\"\r\t\r",
        &expect![[r#"
            ["id", "v"]
            2 ["1", "t"]
            3 ["", ""]
            end 13 None
        "#]],
    );
}

#[test]
fn a_bad_row_costs_one_line() {
    check(
        b"id,v\n1,\"never closed\n2,b\n3,\"x\"y,\n4,a\"b\n5\n6,a,b\n7,\xff\n8,\0\n9,\"ok\"\n",
        &expect![[r#"
            ["id", "v"]
            2 Quote
            3 ["2", "b"]
            4 Quote
            5 ["4", "a\"b"]
            6 TooFew
            7 TooMany
            8 Encoding
            9 Nul
            10 ["9", "ok"]
            end 62 None
        "#]],
    );
}

#[test]
fn headers_are_diagnosed() {
    check(
        b"a,b,A\n1,2,3\n",
        &expect![[r#"
            ["a", "b", "A"]
            ! column named twice: a
            2 ["1", "2", "3"]
            end 12 None
        "#]],
    );
    check(
        b"",
        &expect![[r#"
        end 0 Some(("empty file", 0))
    "#]],
    );
    check(
        b"\xff\xfea\0,\0b\0\n\0",
        &expect![[r#"
        end 10 Some(("file in UTF-16", 0))
    "#]],
    );
    check(
        b"a\0,\0b\0\n\0",
        &expect![[r#"
        end 8 Some(("file in UTF-16", 0))
    "#]],
    );
    check(
        b"a,\xe9\n1,2\n",
        &expect![[r#"
            end 8 Some(("the header is not UTF-8", 0))
        "#]],
    );
    let header = Header::new(vec!["Person_ID".into(), "x".into()], None);
    assert_eq!(header.find("person_id"), Some(0));
    assert_eq!(header.find("y"), None);
}

#[test]
fn a_long_row_is_passed_over() {
    let long = "x".repeat(100);
    let text = format!("id,v\n1,{long}\n2,b\n3,\"{long}\n4,c\n");
    expect![[r#"
        ["id", "v"]
        2 ["1", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"]
        3 ["2", "b"]
        4 Quote
        5 ["4", "c"]
        end 220 None
    "#]]
    .assert_eq(&read("t.csv", text.as_bytes(), &small()));
}

#[test]
fn a_cut_file_gives_its_whole_rows() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all(b"id,v\n1,a\n2,b\n3,c\n").unwrap();
    let packed = packed.finish().unwrap();
    let shown = read("t.csv.gz", &packed[..packed.len() - 10], &small());
    expect![[r#"
        ["id", "v"]
        2 ["1", "a"]
        3 ["2", "b"]
        end 30 Some(("gzip", 4))
    "#]]
    .assert_eq(&shown);
}

/// A zip archive of one file, written by hand: local header, data, directory, end.
fn zip(name: &str, content: &[u8], packed: &[u8], method: u16) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let (stored, plain) = (length(packed), length(content));
    let mut common = vec![20, 0, 0, 0];
    common.extend(method.to_le_bytes());
    common.extend([0; 4]);
    for number in [crc.sum(), stored, plain] {
        common.extend(number.to_le_bytes());
    }
    common.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    common.extend([0, 0]);
    let mut out = b"PK\x03\x04".to_vec();
    out.extend(&common);
    out.extend(name.as_bytes());
    out.extend(packed);
    let directory = length(&out);
    out.extend(b"PK\x01\x02\x14\x00");
    out.extend(&common);
    out.extend([0; 14]);
    out.extend(name.as_bytes());
    let size = length(&out) - directory;
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend(size.to_le_bytes());
    out.extend(directory.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

#[test]
fn a_zip_is_read_like_a_folder() {
    let content = b"id,v\n1,a\n2,b\n";
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflated.write_all(content).unwrap();
    let deflated = deflated.finish().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("all.zip");
    for (packed, method) in [(&content[..], 0), (&deflated[..], 8)] {
        fs::write(&path, zip("x/T.CSV", content, packed, method)).unwrap();
        let found = files::find(folder.path()).unwrap();
        assert_eq!(&*found.files[0].name, "all.zip/x/T.CSV");
        let shown = show(&found.files[0], &small());
        assert!(shown.contains("3 [\"2\", \"b\"]\nend"), "{shown}");
        assert!(shown.ends_with("None\n"), "{shown}");
    }
    // A method that is not read, damaged data, and no archive at all.
    fs::write(&path, zip("t.csv", content, content, 12)).unwrap();
    assert_eq!(read_all(folder.path(), &small()), "unopened\n");
    fs::write(&path, zip("t.csv", b"id,v\n9,a\n2,b\n", content, 0)).unwrap();
    let shown = read_all(folder.path(), &small());
    assert!(shown.contains("damaged gzip"), "{shown}");
    fs::write(&path, b"PK no archive").unwrap();
    let found = files::find(folder.path()).unwrap();
    assert_eq!(found.unreadable, ["all.zip"]);
}

#[test]
fn parquet_has_the_same_texts() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("Id", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ("text", Arc::new(StringArray::from(vec![Some("a,b"), None]))),
        ("value", Arc::new(Float64Array::from(vec![1.5, -0.1]))),
        ("day", Arc::new(Date32Array::from(vec![0, -1]))),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(vec![1, 1_000_000])),
        ),
        (
            "zoned",
            Arc::new(TimestampMicrosecondArray::from(vec![0, 0]).with_timezone("UTC")),
        ),
        (
            "money",
            Arc::new(
                Decimal128Array::from(vec![-5, 1234])
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ),
        ),
        ("flag", Arc::new(BooleanArray::from(vec![true, false]))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let shown = read("t.parquet", &bytes, &small());
    let shown: Vec<_> = shown.lines().take(3).collect();
    expect![[r#"
        ["Id", "text", "value", "day", "at", "zoned", "money", "flag"]
        1 ["1", "a,b", "1.5", "1970-01-01", "1970-01-01T00:00:00.000001", "1970-01-01T00:00:00+00:00", "-0.05", "true"]
        2 ["", "", "-0.1", "1969-12-31", "1970-01-01T00:00:01", "1970-01-01T00:00:00+00:00", "12.34", "false"]"#]]
    .assert_eq(&shown.join("\n"));
    let shown = read("t.parquet", b"no parquet", &small());
    assert!(shown.contains("not readable as Parquet"), "{shown}");
    parquet_inside_an_archive(&bytes);
}

/// The same rows as outside, and a clear word about a file that is too large for memory, cut or no
/// Parquet.
fn parquet_inside_an_archive(bytes: &[u8]) {
    let outside = read("t.parquet", bytes, &small());
    let rows = |shown: &str| shown.lines().take(3).collect::<Vec<_>>().join("\n");
    let inside = read("all.zip", &zip("t.parquet", bytes, bytes, 0), &small());
    assert_eq!(rows(&inside), rows(&outside));
    assert!(!inside.contains("Some(("), "{inside}");
    let options = Options {
        bundle_bytes_max: bytes.len() - 1,
        ..small()
    };
    let large = read("all.zip", &zip("t.parquet", bytes, bytes, 0), &options);
    assert!(large.contains("unpack the archive"), "{large}");
    let none = read("all.zip", &zip("t.parquet", b"no", b"no", 0), &small());
    assert!(none.contains("not readable as Parquet"), "{none}");
}

/// Fields with everything that has to be quoted.
fn field() -> impl Strategy<Value = String> {
    "[a\",\\n\\r\u{e9}\t; ]{0,6}"
}

fn quoted(fields: &[String]) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|field| format!("\"{}\"", field.replace('"', "\"\"")))
        .collect();
    fields.join(",")
}

proptest! {
    /// What was written comes back, whatever the size of the pieces.
    #[test]
    fn written_rows_come_back(
        rows in prop::collection::vec(prop::collection::vec(field(), 3), 0..8),
        chunk in 1_usize..64,
    ) {
        let mut text = String::from("a,b,c\n");
        for row in &rows {
            text.push_str(&quoted(row));
            text.push('\n');
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        fs::write(&path, &text).unwrap();
        let options = Options { chunk_bytes_max: chunk, ..Options::standard(1) };
        let source = &files::find(&path).unwrap().files[0];
        let mut back = Vec::new();
        let fault = each(source, &options, &AtomicBool::new(false), |_header, _number, row| {
            back.push(row.unwrap().fields().map(str::to_owned).collect::<Vec<_>>());
        });
        prop_assert!(fault.is_none());
        prop_assert_eq!(back, rows);
    }

    /// No bytes make it panic, and pieces of any size tell the same rows.
    #[test]
    fn pieces_agree(bytes in prop::collection::vec(
        prop::sample::select(b"ab,\"\n\r\0\xff ".to_vec()), 0..200), chunk in 1_usize..40) {
        let whole = read("t.csv", &bytes, &Options::standard(1));
        let options = Options { chunk_bytes_max: chunk, ..Options::standard(1) };
        prop_assert_eq!(read("t.csv", &bytes, &options), whole);
    }
}

#[test]
fn a_row_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    fs::write(&path, "id,v\n1,\"a\nb\"\n2,c\r\n3,d").unwrap();
    let source = &files::find(&path).unwrap().files[0];
    let find = |row| super::row_of(source, &small(), row);
    assert_eq!(find(2).as_deref(), Some(&b"1,\"a\nb\""[..]));
    assert_eq!(find(3), None);
    assert_eq!(find(4).as_deref(), Some(&b"2,c\r"[..]));
    assert_eq!(find(5).as_deref(), Some(&b"3,d"[..]));
    assert_eq!(find(6), None);
}

#[test]
fn rows_are_numbered_by_lines() {
    let rows = Rows {
        header: Arc::new(Header::new(vec!["a".into()], Some(b','))),
        content: super::Content::Text {
            bytes: b"\"x\ny\"\nz\n".to_vec(),
            dialect: super::Dialect::sniff(b"a\n"),
        },
        first_row: 5,
    };
    let mut numbers = Vec::new();
    rows.each(|number, _row| numbers.push(number));
    assert_eq!(numbers, [5, 7]);
    let mut none = 0;
    text::each(b"", super::Dialect::sniff(b"a\n"), (1, 1), |_, _| none += 1);
    assert_eq!(none, 0);
}
