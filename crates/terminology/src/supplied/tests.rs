//! Small files of each kind by its publisher's documentation, and what is wrong with bad ones.

use super::*;
use crate::standing::{Standing, Terminology};
use expect_test::{Expect, expect};
use std::fs;
use std::io::Write;
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn codes(wanted: &[&str]) -> BTreeSet<Code> {
    wanted.iter().map(|one| Code::from_meds(one)).collect()
}

fn show(supplied: &Supplied) -> String {
    let mut lines = Vec::new();
    for (code, entry) in &supplied.entries {
        let name = entry.description.as_deref().unwrap_or("-");
        let mark = if entry.is_header { " (header)" } else { "" };
        let above: Vec<_> = entry.parents.iter().map(Code::to_meds).collect();
        let above = above.join(", ");
        lines.push(format!("{}: {name}{mark} < {above}", code.to_meds()));
    }
    lines.push(format!("whole {:?}", supplied.whole));
    for source in &supplied.sources {
        let name = source.path.file_name().unwrap().to_string_lossy();
        let (read, used) = (source.rows_read, source.rows_used);
        let skipped = source.rows_skipped;
        lines.push(format!(
            "{:?} {name}: {read} read, {used} used, {skipped} skipped",
            source.kind
        ));
    }
    for path in &supplied.ignored {
        lines.push(format!("ignored {}", path.file_name().unwrap().display()));
    }
    lines.join("\n")
}

fn check(files: &[(&str, &str)], wanted: &[&str], expected: &Expect) {
    let folder = folder(files);
    let supplied = Supplied::read(folder.path(), &codes(wanted)).unwrap();
    expected.assert_eq(&show(&supplied));
}

/// The error of a file, or of the folder of several.
fn error(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let path = match files {
        [(name, _)] => folder.path().join(name),
        _ => folder.path().to_owned(),
    };
    let error = Supplied::read(&path, &codes(&["SNOMED//44054006"])).unwrap_err();
    let shown = error.to_string();
    shown.replace(&*folder.path().to_string_lossy(), "DIR")
}

const CONCEPT: &str = "\
concept_id\tconcept_name\tvocabulary_id\tstandard_concept\tconcept_code\tvalid_end_date
201826\tType 2 diabetes mellitus\tSNOMED\tS\t44054006\t20991231
201820\tDiabetes mellitus\tSNOMED\tS\t73211009\t20991231
4000001\tNot needed \"at all\tSNOMED\tS\t999\t20991231
35206882\tType 2 diabetes, no complications\tICD10CM\t\tE11.9\t20991231
1567956\tType 2 diabetes mellitus\tICD10CM\t\tE11\t20991231
2211414\tRadiologic examination, chest\tCPT4\tS\t71046\t20991231
2001000\tClosed [endoscopic] biopsy\tICD9Proc\tS\t45.25\t20991231
21600744\tBIGUANIDES\tATC\tC\tA10BA\t20991231
";

#[test]
fn athena_gives_names_hierarchies_and_standard_concepts() {
    let relationship = "\
concept_id_1\tconcept_id_2\trelationship_id\tvalid_start_date\tvalid_end_date\tinvalid_reason
35206882\t201826\tMaps to\t19700101\t20991231\t
35206882\t1567956\tIs a\t19700101\t20991231\t
35206882\t4000001\tMaps to\t19700101\t20991231\tD
201826\t201826\tMaps to\t19700101\t20991231\t
201820\t201826\tSubsumes\t19700101\t20991231\t
2211414\t777\tIs a\t19700101\t20991231\t
";
    let ancestor = "\
ancestor_concept_id\tdescendant_concept_id\tmin_levels_of_separation\tmax_levels_of_separation
201820\t201826\t1\t2
201826\t201826\t0\t0
4000001\t201826\t2\t2
";
    let files = [
        ("CONCEPT.csv", CONCEPT),
        ("CONCEPT_RELATIONSHIP.csv", relationship),
        ("concept_ancestor.csv", ancestor),
        (
            "CONCEPT_CLASS.csv",
            "concept_class_id\tconcept_class_name\n",
        ),
    ];
    check(
        &files,
        &[
            "DIAGNOSIS//ICD//10//E119",
            "CPT4//71046",
            "CPT//71046",
            "PROCEDURE//ICD//9//4525",
            "ATC//A10BA",
            "SNOMED//1",
        ],
        &expect![[r#"
            ATC//A10BA: BIGUANIDES (header) < 
            CPT//71046: Radiologic examination, chest < 
            CPT4//71046: Radiologic examination, chest < CPT//71046
            DIAGNOSIS//ICD//10//E119: Type 2 diabetes, no complications < ICD10CM//E11.9
            ICD10CM//E11: Type 2 diabetes mellitus < 
            ICD10CM//E11.9: Type 2 diabetes, no complications < ICD10CM//E11, SNOMED//44054006
            ICD9PCS//45.25: Closed [endoscopic] biopsy < 
            PROCEDURE//ICD//9//4525: Closed [endoscopic] biopsy < ICD9PCS//45.25
            SNOMED//44054006: Type 2 diabetes mellitus < SNOMED//73211009
            SNOMED//73211009: Diabetes mellitus < 
            whole ["ATC", "CPT", "CPT4", "ICD10CM", "ICD9PCS", "ICD9Proc", "SNOMED"]
            OmopConcept CONCEPT.csv: 8 read, 7 used, 0 skipped
            OmopAncestor concept_ancestor.csv: 3 read, 1 used, 0 skipped
            OmopRelationship CONCEPT_RELATIONSHIP.csv: 6 read, 3 used, 0 skipped
            ignored CONCEPT_CLASS.csv"#]],
    );
}

#[test]
fn hand_made_copies_of_athena_have_commas_capitals_and_bad_rows() {
    let concept = "\
CONCEPT_ID,CONCEPT_NAME,VOCABULARY_ID,CONCEPT_CODE
1,\"Fall, from \"\"bed\"\"\",SNOMED,1
2,Fall, from bed,SNOMED,2
";
    check(
        &[("concept.csv", concept)],
        &["SNOMED//1"],
        &expect![[r#"
        SNOMED//1: Fall, from "bed" < 
        whole ["SNOMED"]
        OmopConcept concept.csv: 2 read, 1 used, 1 skipped"#]],
    );
}

#[test]
fn a_quote_is_one_only_where_a_field_begins() {
    let commas = "\
concept_id,concept_name,vocabulary_id,concept_code
1,Tube of 5\" length,SNOMED,1
2,\"Tube, long\",SNOMED,2
";
    let tabs = "\"concept_id\"\t\"concept_name\"\t\"vocabulary_id\"\t\"concept_code\"
3\t\"Tube\"\t\"SNOMED\"\t\"3\"
";
    check(
        &[("a/CONCEPT.csv", commas), ("b/CONCEPT.csv", tabs)],
        &["SNOMED//1", "SNOMED//2", "SNOMED//3"],
        &expect![[r#"
            SNOMED//1: Tube of 5" length < 
            SNOMED//2: Tube, long < 
            SNOMED//3: Tube < 
            whole ["SNOMED"]
            OmopConcept CONCEPT.csv: 2 read, 2 used, 0 skipped
            OmopConcept CONCEPT.csv: 1 read, 1 used, 0 skipped"#]],
    );
}

const LOINC: &str = "\
\"LOINC_NUM\",\"COMPONENT\",\"STATUS\",\"LONG_COMMON_NAME\"
\"2160-0\",\"Creatinine\",\"ACTIVE\",\"Creatinine [Mass/volume] in Serum or Plasma\"
\"1009-0\",\"Deprecated x\",\"DEPRECATED\",\"Deprecated Direct antiglobulin test
of a name on two lines\"
\"1-1\",\"Other\",\"ACTIVE\",\"Other\"
";
const HIERARCHY: &str = "\
PATH_TO_ROOT,SEQUENCE,IMMEDIATE_PARENT,CODE,CODE_TEXT
,1,,LP432695-7,{component}
LP432695-7,1,LP432695-7,LP29693-6,Laboratory
LP432695-7.LP29693-6,1,LP29693-6,LP385540-5,Creatinine | Serum or Plasma
LP432695-7.LP29693-6.LP385540-5,1,LP385540-5,2160-0,Creatinine SerPl-mCnc
LP432695-7.LP29693-6,2,LP29693-6,1-1,Other
";

#[test]
fn loinc_gives_names_and_the_components_above() {
    check(
        &[
            ("LoincTable/Loinc.csv", LOINC),
            (
                "AccessoryFiles/Hierarchy/ComponentHierarchyBySystem.csv",
                HIERARCHY,
            ),
            (
                "AccessoryFiles/ImagingDocuments.csv",
                "LOINC_NUM,LONG_COMMON_NAME\n",
            ),
            ("readme.pdf", "%PDF"),
        ],
        &["LOINC//2160-0", "LOINC//1009-0", "LOINC//9-9"],
        &expect![[r#"
            LOINC//1009-0: Deprecated Direct antiglobulin test
            of a name on two lines < 
            LOINC//2160-0: Creatinine [Mass/volume] in Serum or Plasma < LOINC//LP385540-5
            LOINC//LP29693-6: Laboratory (header) < LOINC//LP432695-7
            LOINC//LP385540-5: Creatinine | Serum or Plasma (header) < LOINC//LP29693-6
            LOINC//LP432695-7: {component} (header) < 
            whole ["LOINC"]
            LoincTable Loinc.csv: 3 read, 2 used, 0 skipped
            LoincHierarchy ComponentHierarchyBySystem.csv: 5 read, 4 used, 0 skipped
            ignored ImagingDocuments.csv
            ignored readme.pdf"#]],
    );
}

const CONSO: &str = "\
860975|ENG||||||1|||| RXNORM_OTHER|SCD|860975|metformin, by another source||N||
860975|ENG||||||2||860975||RXNORM|SY|860975|a synonym||N||
860975|ENG||||||3||860975||RXNORM|SCD|860975|24 HR metformin 500 MG Oral Tablet||N|4096|
861025|ENG||||||4||861025||RXNORM|SCDC|861025|metformin hydrochloride 500 MG||N||
235743|ENG||||||5||235743||RXNORM|PIN|235743|metformin hydrochloride||N||
6809|ENG||||||6||6809||RXNORM|IN|6809|metformin||N||
6809|ENG||||||7||A10BA02||ATC|IN|A10BA02|metformin||N||
1111|ENG||||||8||A10BA||ATC|PT|A10BA|Biguanides||N||
1112|ENG||||||9||A10||ATC|PT|A10|DRUGS USED IN DIABETES||N||
151827|ENG||||||10||151827||RXNORM|BN|151827|Glucophage||N||
999|ENG||||||11||999||RXNORM|IN|999|not needed||N||
";
const REL: &str = "\
861025||CUI|RO|860975||CUI|consists_of|1||RXNORM||||N||
860975||CUI|RO|861025||CUI|constitutes|2||RXNORM||||N||
235743||CUI|RO|861025||CUI|has_precise_ingredient|3||RXNORM||||N||
6809||CUI|RN|235743||CUI|form_of|4||RXNORM||||N||
235743||CUI|RB|6809||CUI|has_form|5||RXNORM||||N||
6809||CUI|RO|151827||CUI|tradename_of|6||RXNORM||||N||
999||CUI|RO|860975||CUI|has_ingredient|7||RXNORM||||O||
|1|AUI|RO||2|AUI|has_ingredient|8||MMSL||||N||
";

#[test]
fn rxnorm_leads_from_a_drug_to_its_ingredient_and_to_atc() {
    check(
        &[("rrf/RXNCONSO.RRF", CONSO), ("rrf/RXNREL.RRF", REL)],
        &["RxNorm//860975", "RxNorm//151827", "RxNorm//5", "RxNorm//x"],
        &expect![[r#"
            ATC//A: - (header) < 
            ATC//A10: DRUGS USED IN DIABETES (header) < ATC//A
            ATC//A10B: - (header) < ATC//A10
            ATC//A10BA: Biguanides (header) < ATC//A10B
            ATC//A10BA02: metformin < ATC//A10BA
            RxNorm//151827: Glucophage < RxNorm//6809
            RxNorm//235743: metformin hydrochloride < RxNorm//6809
            RxNorm//6809: metformin < ATC//A10BA02
            RxNorm//860975: 24 HR metformin 500 MG Oral Tablet < RxNorm//861025
            RxNorm//861025: metformin hydrochloride 500 MG < RxNorm//235743
            whole ["RxNorm"]
            RxNormConcepts RXNCONSO.RRF: 11 read, 8 used, 0 skipped
            RxNormRelationships RXNREL.RRF: 8 read, 4 used, 0 skipped"#]],
    );
}

#[test]
fn atc_has_its_hierarchy_in_its_letters() {
    let list = "\
ATC code;ATC level name;DDD
A;ALIMENTARY TRACT AND METABOLISM;
A10;DRUGS USED IN DIABETES;
A10BA02;metformin;2 g
A10BA02;metformin;1 g
B;BLOOD AND BLOOD FORMING ORGANS;
DDD: defined daily dose;;
";
    check(
        &[("list.csv", list)],
        &["ATC//A10BA02", "ATC//C01"],
        &expect![[r#"
            ATC//A: ALIMENTARY TRACT AND METABOLISM (header) < 
            ATC//A10: DRUGS USED IN DIABETES (header) < ATC//A
            ATC//A10B: - (header) < ATC//A10
            ATC//A10BA: - (header) < ATC//A10B
            ATC//A10BA02: metformin < ATC//A10BA
            whole ["ATC"]
            Atc list.csv: 6 read, 4 used, 1 skipped"#]],
    );
}

#[test]
fn a_list_of_drugs_is_no_list_of_atc() {
    let drugs = ("drugs.csv", "atc,name\nA10BA02,Glucophage\n");
    assert!(error(&[drugs]).contains("holds no vocabulary"));
    let list = folder(&[("ATC_2026.csv", drugs.1)]);
    assert!(Supplied::read(list.path(), &codes(&["ATC//A10BA02"])).is_ok());
}

#[test]
fn an_icd_code_has_its_phecodes_above_it() {
    let map = "\
\"code\",\"vocabulary_id\",\"phecode\"
\"250.00\",\"ICD9CM\",\"EM_202.2\"
\"E11.9\",\"ICD10CM\",\"EM_202.2\"
\"E11\",\"ICD10CM\",\"EM_999\"
";
    let labels = "\
\"phenotype\",\"description\",\"icd10_only\",\"groupnum\",\"group\",\"color\"
\"EM_202\",\"Diabetes mellitus\",0,4,\"Endocrine/Metab\",\"#0000FF\"
\"EM_202.2\",\"Type 2 diabetes\",0,4,\"Endocrine/Metab\",\"#0000FF\"
";
    let roll_up = "\
\"code\",\"phecode_unrolled\"
\"EM_202\",\"EM_202\"
\"EM_202.2\",\"EM_202\"
\"EM_202.2\",\"EM_202.2\"
";
    let files = [
        ("phecodeX_R_map.csv", map),
        ("phecodeX_R_labels.csv", labels),
        ("phecodeX_R_rollup_map.csv", roll_up),
    ];
    check(
        &files,
        &["ICD9CM//25000", "ICD//10//E119"],
        &expect![[r#"
        ICD//10//E119: - < ICD10CM//E11.9
        ICD10CM//E11.9: - < PhecodeX//EM_202.2
        ICD9CM//250.00: - < PhecodeX//EM_202.2
        ICD9CM//25000: - < ICD9CM//250.00
        PhecodeX//EM_202: Diabetes mellitus (header) < 
        PhecodeX//EM_202.2: Type 2 diabetes (header) < PhecodeX//EM_202
        whole ["PhecodeX"]
        PhecodeMap phecodeX_R_map.csv: 3 read, 2 used, 0 skipped
        PhecodeRollup phecodeX_R_rollup_map.csv: 3 read, 3 used, 0 skipped
        PhecodeLabels phecodeX_R_labels.csv: 2 read, 2 used, 0 skipped"#]],
    );
}

#[test]
fn several_paths_are_read_as_one() {
    let rxnorm = folder(&[("RXNCONSO.RRF", CONSO), ("RXNREL.RRF", REL)]);
    let atc = folder(&[(
        "atc.csv",
        "code,name\nA10BA02,metformin of the list\nA,Alimentary\n",
    )]);
    let wanted = codes(&["RxNorm//6809"]);
    let supplied = Supplied::read_all(&[atc.path(), rxnorm.path()], &wanted).unwrap();
    expect![[r#"
        ATC//A: Alimentary (header) < 
        ATC//A10: DRUGS USED IN DIABETES (header) < ATC//A
        ATC//A10B: - (header) < ATC//A10
        ATC//A10BA: Biguanides (header) < ATC//A10B
        ATC//A10BA02: metformin < ATC//A10BA
        RxNorm//6809: metformin < ATC//A10BA02
        whole ["ATC", "RxNorm"]
        RxNormConcepts RXNCONSO.RRF: 11 read, 2 used, 0 skipped
        RxNormRelationships RXNREL.RRF: 8 read, 0 used, 0 skipped
        Atc atc.csv: 2 read, 2 used, 0 skipped"#]]
    .assert_eq(&show(&supplied));
}

#[test]
fn a_gzip_file_is_told_by_its_first_bytes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("Loinc.csv.gz");
    let file = fs::File::create(&path).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gzip.write_all(LOINC.as_bytes()).unwrap();
    gzip.finish().unwrap();
    let wanted = codes(&["LOINC//2160-0"]);
    let supplied = Supplied::read(&path, &wanted).unwrap();
    assert_eq!(supplied.entries.len(), 1);

    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    let error = Supplied::read(&path, &wanted).unwrap_err();
    assert!(matches!(error, SuppliedError::Read { .. }), "{error}");
}

#[test]
fn terminology_takes_what_was_supplied() {
    let folder = folder(&[("RXNCONSO.RRF", CONSO), ("RXNREL.RRF", REL)]);
    let drug = Code::new("RxNorm", "860975");
    let wanted = codes(&["RxNorm//860975", "RxNorm//5"]);
    let supplied = Supplied::read(folder.path(), &wanted).unwrap();
    let all = Terminology::shipped().with(supplied.entries, supplied.whole);
    let lineage: Vec<_> = all
        .lineage(&drug)
        .into_keys()
        .map(|code| code.to_string())
        .collect();
    expect!["ATC A, ATC A10, ATC A10B, ATC A10BA, ATC A10BA02, RxNorm 235743, RxNorm 6809, RxNorm 860975, RxNorm 861025"].assert_eq(&lineage.join(", "));
    let unknown = all.look_up(&Code::new("RxNorm", "5"));
    assert_eq!(unknown, Standing::Unknown(Entry::default()));
    let class = all.look_up(&Code::new("ATC", "A10BA"));
    assert!(matches!(class, Standing::Known(entry) if entry.is_header));
}

#[test]
fn edges_that_circle_end() {
    let rel = "\
2||CUI|RO|1||CUI|isa|1||RXNORM||||N||
1||CUI|RO|2||CUI|isa|2||RXNORM||||N||
";
    let conso = "\
1|ENG||||||1||1||RXNORM|IN|1|one||N||
2|ENG||||||2||2||RXNORM|IN|2|two||N||
";
    let folder = folder(&[("RXNCONSO.RRF", conso), ("RXNREL.RRF", rel)]);
    let supplied = Supplied::read(folder.path(), &codes(&["RxNorm//1"])).unwrap();
    let all = Terminology::shipped().with(supplied.entries, supplied.whole);
    assert_eq!(all.lineage(&Code::new("RxNorm", "1")).len(), 2);
}

#[test]
fn errors_name_file_line_and_mend() {
    let cut = &CONCEPT[..CONCEPT.len() - 10];
    let header = CONCEPT.lines().next().unwrap();
    let number = format!("{header}\n12345678901\tx\tSNOMED\tS\t44054006\t\n");
    let open = format!("{LOINC}\"2\",\"x\ny");
    let inside = format!("{LOINC}\"2\",\"x\"y\",a,\"b\"\n");
    let long = format!("{LOINC}{}\n", "x".repeat(2 << 20));
    let cases: &[&[(&str, &str)]] = &[
        &[("x.csv", "a,b\n1,2\n")],
        &[("x.csv", ""), ("y.pdf", "%")],
        &[("CONCEPT.csv", "concept_id,concept_name\n")],
        &[("CONCEPT.csv", cut)],
        &[("CONCEPT.csv", &number)],
        &[("RXNREL.RRF", REL)],
        &[("RXNCONSO.RRF", "1|ENG|x|\n")],
        &[("Loinc.csv", &open)],
        &[("Loinc.csv", &inside)],
        &[("Loinc.csv", &long)],
    ];
    let shown: Vec<_> = cases.iter().map(|files| error(files)).collect();
    // In several lines, for the width.
    let shown = shown.join("\n").replace(": ", ":\n    ");
    let shown = shown.replace(" or PhecodeX", "\n    or PhecodeX");
    let shown = shown.replace("), RxNorm", "),\n    RxNorm");
    expect![[r"
        DIR/x.csv holds no vocabulary that is read:
            give a folder or file of OMOP Athena (CONCEPT.csv), LOINC (Loinc.csv),
            RxNorm (RXNCONSO.RRF), ATC (columns atc_code and atc_name)
            or PhecodeX (phecodeX_R_map.csv), unpacked or gzip
        DIR holds no vocabulary that is read:
            give a folder or file of OMOP Athena (CONCEPT.csv), LOINC (Loinc.csv),
            RxNorm (RXNCONSO.RRF), ATC (columns atc_code and atc_name)
            or PhecodeX (phecodeX_R_map.csv), unpacked or gzip
        DIR/CONCEPT.csv, line 1:
            no column vocabulary_id:
            take the file as its publisher ships it
        DIR/CONCEPT.csv, line 9:
            5 fields where 6 belong:
            the file is cut off or was written anew by a program; take it as its publisher ships it
        DIR/CONCEPT.csv, line 2:
            concept_id is no whole number of 32 bits:
            mend or remove the row
        DIR/RXNREL.RRF says nothing without RXNCONSO.RRF:
            put both into one folder and give the folder
        DIR/RXNCONSO.RRF, line 1:
            4 fields where 19 belong:
            the file is cut off or was written anew by a program; take it as its publisher ships it
        DIR/Loinc.csv, line 6:
            a quote that does not close:
            write quotes in a field twice
        DIR/Loinc.csv, line 6:
            a quote that does not close:
            write quotes in a field twice
        DIR/Loinc.csv, line 6:
            a row of more than 1 MiB:
            a quote does not close, or the file is no table"]]
    .assert_eq(&shown);
}

#[test]
fn what_is_not_utf_8_is_an_error() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("Loinc.csv");
    let mut bytes = LOINC.as_bytes().to_vec();
    bytes.extend(b"1,caf\xe9,a,b\n");
    fs::write(&path, bytes).unwrap();
    let error = Supplied::read(&path, &BTreeSet::new()).unwrap_err();
    assert!(
        matches!(error, SuppliedError::Encoding { line: 6, .. }),
        "{error}"
    );
    let absent = Supplied::read(&folder.path().join("absent"), &BTreeSet::new());
    assert!(matches!(absent.unwrap_err(), SuppliedError::Read { .. }));
}

mod arbitrary {
    use super::*;
    use proptest::prelude::*;

    /// Names and header lines, so that rows are reached.
    const STARTS: &[(&str, &str)] = &[
        ("x.csv", ""),
        (
            "CONCEPT.csv",
            "concept_id,concept_name,vocabulary_id,concept_code\n",
        ),
        (
            "CONCEPT.csv",
            "concept_id\tconcept_name\tvocabulary_id\tconcept_code\n",
        ),
        ("Loinc.csv", "loinc_num,component,status,long_common_name\n"),
        (
            "MultiAxialHierarchy.csv",
            "immediate_parent,code,code_text\n",
        ),
        ("RXNCONSO.RRF", ""),
        ("atc.csv", "code;name\n"),
        ("phecodeX_R_map.csv", "code,vocabulary_id,phecode\n"),
    ];

    /// Bytes that mean something to a table more often than others.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let letters = prop_oneof![
            Just(b"\"".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"|".repeat(18)),
            Just(b",".to_vec()),
            Just(b"\t".to_vec()),
            Just(b";A10BA02;".to_vec()),
            Just(b"E11.9,ICD10CM,".to_vec()),
            Just("\u{e9}".as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 1..4),
            Just(b"1".to_vec()),
        ];
        prop::collection::vec(letters, 0..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn no_bytes_panic_and_no_lineage_is_endless(
            (start, bytes) in (prop::sample::select(STARTS), bytes()),
            wanted in prop::collection::btree_set("[a-zA-Z0-9./]{0,12}", 0..4),
        ) {
            let folder = TempDir::new().unwrap();
            let path = folder.path().join(start.0);
            fs::write(&path, [start.1.as_bytes(), &bytes].concat()).unwrap();
            let wanted: BTreeSet<_> = wanted.iter().map(|one| Code::from_meds(one)).collect();
            if let Ok(supplied) = Supplied::read(&path, &wanted) {
                for source in &supplied.sources {
                    prop_assert!(source.rows_used + source.rows_skipped <= source.rows_read);
                }
                let all = Terminology::shipped().with(supplied.entries, supplied.whole);
                for code in &wanted {
                    prop_assert!(all.lineage(code).contains_key(code));
                }
            }
        }

        #[test]
        fn a_quoted_table_comes_back(
            rows in prop::collection::vec(
                prop::collection::vec("[a-z\",;\n\u{e9} ]{0,8}", 3),
                0..8,
            ),
        ) {
            let mut text = "code,vocabulary_id,phecode\n".to_owned();
            for row in &rows {
                let quoted: Vec<_> = row
                    .iter()
                    .map(|field| format!("\"{}\"", field.replace('"', "\"\"")))
                    .collect();
                text.push_str(&quoted.join(","));
                text.push_str("\r\n");
            }
            let folder = folder(&[("phecodeX_R_map.csv", &text)]);
            let mut read = Rows::open(&folder.path().join("phecodeX_R_map.csv")).unwrap();
            for row in &rows {
                prop_assert!(read.next().unwrap());
                let fields: Vec<_> = (0..3).map(|place| read.field(place)).collect();
                prop_assert_eq!(&fields, row);
            }
            prop_assert!(!read.next().unwrap());
        }
    }
}
