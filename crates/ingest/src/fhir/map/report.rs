//! DiagnosticReport: that a report came out, its conclusions and the texts in it. Its results are
//! Observations of their own, or contained in it.

use super::{document, observation, record, refuse};
use crate::batch::Note;
use crate::fhir::json::{Attachment, CodeableConcept, Period, Present, Reference, Text};
use crate::fhir::rows::Mapper;
use crate::fhir::time::When;
use crate::fhir::types;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiagnosticReport<'a> {
    #[serde(default)]
    resource_type: Present,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    encounter: Option<Reference<'a>>,
    #[serde(borrow)]
    issued: Option<Text<'a>>,
    #[serde(borrow)]
    effective_date_time: Option<Text<'a>>,
    #[serde(borrow)]
    effective_period: Option<Period<'a>>,
    #[serde(borrow)]
    conclusion: Option<Text<'a>>,
    #[serde(borrow, default)]
    conclusion_code: Vec<CodeableConcept<'a>>,
    #[serde(borrow, default)]
    presented_form: Vec<Attachment<'a>>,
    #[serde(borrow, default)]
    contained: Vec<&'a RawValue>,
    #[serde(default)]
    modifier_extension: Present,
}

record!(DiagnosticReport, map);

fn map(
    report: &DiagnosticReport<'_>,
    mapper: &mut Mapper<'_>,
    _id: Option<&str>,
) -> Result<(), Note> {
    refuse(
        report.status.as_ref(),
        &["entered-in-error", "cancelled"],
        "DiagnosticReport.status",
    )?;
    mapper.subject(report.subject.as_ref())?;
    mapper.encounter(report.encounter.as_ref());
    if report.modifier_extension.0 {
        mapper.modified();
    }
    let period = report.effective_period.as_ref();
    // A report is known when it is issued, which may be long after what it reports.
    let when = mapper.place(&[
        ("DiagnosticReport.issued", report.issued.as_ref()),
        (
            "DiagnosticReport.effectiveDateTime",
            report.effective_date_time.as_ref(),
        ),
        (
            "DiagnosticReport.effectivePeriod.end",
            period.and_then(|period| period.end.as_ref()),
        ),
        (
            "DiagnosticReport.effectivePeriod.start",
            period.and_then(|period| period.start.as_ref()),
        ),
    ])?;
    let code = mapper.coded(report.code.as_ref(), "DiagnosticReport.code")?;
    mapper.event(code.clone(), Some(when), "DiagnosticReport.code");
    for concept in &report.conclusion_code {
        let element = "DiagnosticReport.conclusionCode";
        match mapper.coded(Some(concept), element) {
            Ok(code) => {
                let code = mapper.within("REPORT_CONCLUSION", &code);
                mapper.event(code, Some(when), element);
            }
            Err(note) => mapper.warn(note),
        }
    }
    results(report, mapper, when);
    if let Some(text) = &report.conclusion {
        let text = text.as_str();
        document::add(mapper, &code, (when, text), "DiagnosticReport.conclusion");
    }
    for (place, attachment) in report.presented_form.iter().enumerate() {
        let element = format!("DiagnosticReport.presentedForm[{place}]");
        if let Err(fault) = document::note(mapper, &code, (when, attachment), &element) {
            mapper.warn(fault);
        }
    }
    Ok(())
}

/// The Observations that stand inside the report. They have no identifier that others know, so
/// that they are this row's events.
fn results(report: &DiagnosticReport<'_>, mapper: &mut Mapper<'_>, when: When) {
    for resource in &report.contained {
        let kind = types::of_resource(resource.get());
        if kind.as_deref() != Some("Observation") {
            continue;
        }
        let seen = mapper.parse::<observation::Observation<'_>>(resource.get());
        let mapped = seen.and_then(|seen| observation::contained(&seen, mapper, when));
        if let Err(note) = mapped {
            mapper.warn(note);
        }
    }
}
