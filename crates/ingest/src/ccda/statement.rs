//! Clinical statements into events, one function a kind. A statement in another mood than event
//! (`EVN`) is a plan or an order: it says so behind its code, at the time when it was made.

use super::header::encounter_id;
use super::kinds::Kind;
use super::map::{Context, Mapper};
use super::narrative::plain;
use super::read::Span;
use super::tree::Element;
use crate::batch::Note;
use crate::when::When;
use longitude_core::{Code, IssueKind};
use longitude_units::reading::{Decimal, reference_range};

/// A statement, with what stands for its time and its code.
struct Said<'t> {
    statement: Element<'t, 't>,
    when: When,
    /// What stands behind the code: nothing for what happened.
    suffix: &'static str,
}

impl<'t> Mapper<'_, 't> {
    /// The events of a statement, or why there are none.
    pub(super) fn map(
        &mut self,
        kind: Kind,
        statement: Element<'t, 't>,
        context: &Context,
    ) -> Result<(), Note> {
        self.subject()?;
        refuse(statement)?;
        match kind {
            Kind::Problem => self.problem(statement, context),
            Kind::Allergy => self.allergy(statement, context),
            Kind::Drug | Kind::Vaccine => self.drug(kind, statement, context),
            Kind::Supply => self.supply(statement, context),
            Kind::Observation => self.observation(statement, context),
            Kind::Procedure => self.procedure(statement, context),
            Kind::Encounter => self.met(statement, context),
            Kind::Family => self.relative(statement, context),
            Kind::Note => self.note(statement, context),
            Kind::Aside => {
                let detail = "statement about another or instruction";
                Err(Note::new(
                    IssueKind::NotClinical,
                    statement.name().to_owned(),
                    detail,
                ))
            }
        }
    }

    /// When a statement happened, or when the plan that it is was made.
    fn said(
        &mut self,
        statement: Element<'t, 't>,
        own: Option<When>,
        context: &Context,
    ) -> Result<Said<'t>, Note> {
        let suffix = match statement.attribute("moodCode") {
            None | Some("EVN") => "",
            Some("RQO") => "REQUESTED",
            Some("INT" | "PRMS" | "PRP" | "ARQ" | "APT" | "GOL") => "PLANNED",
            Some(_) => return Err(Note::at(IssueKind::Filtered, "moodCode")),
        };
        let when = if suffix.is_empty() {
            self.dated(own, statement, context)?
        } else {
            self.planned(statement)?
        };
        Ok(Said {
            statement,
            when,
            suffix,
        })
    }

    fn add(&mut self, said: &Said<'t>, code: Code, path: &str) -> &mut longitude_core::Event {
        let code = match said.suffix {
            "" => code,
            suffix => self.rows.suffixed(&code, suffix),
        };
        self.rows.event(code, Some(said.when), path)
    }

    fn problem(&mut self, statement: Element<'t, 't>, context: &Context) -> Result<(), Note> {
        let span = self.span(statement);
        let code = self.coded(statement.child("value"), "value")?;
        // The end of a problem alone says nothing of its start.
        let own = span.low.or(span.at);
        let said = self.said(statement, own, context)?;
        let end = ends(span, said.when);
        self.add(&said, code, &path(context, "value")).end_time = end;
        Ok(())
    }

    fn allergy(&mut self, statement: Element<'t, 't>, context: &Context) -> Result<(), Note> {
        let span = self.span(statement);
        let substance = statement.at(&["participant", "participantRole", "playingEntity", "code"]);
        let name = "participant/participantRole/playingEntity/code";
        let code = self.coded(substance, name)?;
        let said = self.said(statement, span.low.or(span.at), context)?;
        let code = self.rows.within("ALLERGY", &code);
        self.add(&said, code, &path(context, name));
        self.reactions(&said, statement, &path(context, "entryRelationship"));
        Ok(())
    }

    /// What an allergy shows itself by and how badly: each an event at the time of the allergy.
    fn reactions(&mut self, said: &Said<'t>, statement: Element<'t, 't>, path: &str) {
        for relation in statement.all("entryRelationship") {
            let Some(within) = relation.child("observation") else {
                continue;
            };
            let asked = within.child("code").and_then(|code| code.attribute("code"));
            let is_shown = relation.attribute("typeCode") == Some("MFST");
            // SEV: severity, of the allergy or of one reaction; LOINC 82606-5: criticality.
            let system = match asked {
                Some("SEV") => "ALLERGY_SEVERITY",
                Some("82606-5") => "ALLERGY_CRITICALITY",
                _ if is_shown => "ALLERGY_REACTION",
                _ => continue,
            };
            let is_negated = within.attribute("negationInd") == Some("true");
            if !is_negated {
                match self.coded(within.child("value"), "entryRelationship/observation/value") {
                    Ok(code) => {
                        let code = self.rows.within(system, &code);
                        self.add(said, code, path);
                    }
                    Err(note) => self.rows.warn(note),
                }
            }
            if is_shown && !is_negated {
                self.reactions(said, within, path);
            }
        }
    }

    /// What a drug statement is of, with the dose and, as a text, route and frequency.
    fn drug(
        &mut self,
        kind: Kind,
        statement: Element<'t, 't>,
        context: &Context,
    ) -> Result<(), Note> {
        let product = [
            "consumable",
            "manufacturedProduct",
            "manufacturedMaterial",
            "code",
        ];
        let name = "consumable/manufacturedProduct/manufacturedMaterial/code";
        let code = self.coded(statement.at(&product), name)?;
        let span = self.span(statement);
        let is_plan = context.section == "18776-5";
        let mood = statement.attribute("moodCode");
        // In a list of drugs an intended one is a prescription, which is the plain code.
        let is_order = kind == Kind::Drug && mood == Some("INT") && !is_plan;
        let mut said = self.said(statement, span.start(), context)?;
        if is_order {
            said.suffix = "";
        } else if said.suffix.is_empty() && kind == Kind::Drug {
            // 29549-3: medications administered.
            let given = context.section == "29549-3";
            said.suffix = if given { "ADMINISTERED" } else { "STATED" };
        }
        let dose = statement
            .child("doseQuantity")
            .map(|dose| self.quantity(dose));
        let (number, unit) = dose.unwrap_or_default();
        let how = how(statement);
        let end = ends(span, said.when);
        let event = self.add(&said, code, &path(context, name));
        event.numeric_value = number;
        event.unit = unit;
        event.end_time = end;
        event.text_value = how.map(Into::into);
        Ok(())
    }

    /// A dispense, an order of a supply, or equipment.
    fn supply(&mut self, statement: Element<'t, 't>, context: &Context) -> Result<(), Note> {
        let material = [
            "product",
            "manufacturedProduct",
            "manufacturedMaterial",
            "code",
        ];
        let device = ["participant", "participantRole", "playingDevice", "code"];
        let drug = statement.at(&material);
        let drug = drug.filter(|code| code.attribute("nullFlavor").is_none());
        let is_drug = drug.is_some();
        let code = if let Some(drug) = drug {
            self.coded(Some(drug), "product")?
        } else {
            let code = self.coded(statement.at(&device), "playingDevice/code")?;
            self.rows.within("DEVICE", &code)
        };
        let span = self.span(statement);
        let mut said = self.said(statement, span.known(), context)?;
        if is_drug && said.suffix.is_empty() {
            said.suffix = "DISPENSED";
        }
        let quantity = statement
            .child("quantity")
            .map(|amount| self.quantity(amount));
        let (number, unit) = quantity.unwrap_or_default();
        let event = self.add(&said, code, &path(context, "product"));
        event.numeric_value = number;
        event.unit = unit;
        Ok(())
    }

    fn procedure(&mut self, statement: Element<'t, 't>, context: &Context) -> Result<(), Note> {
        let span = self.span(statement);
        let code = self.coded(statement.child("code"), "code")?;
        let said = self.said(statement, span.start(), context)?;
        let end = ends(span, said.when);
        self.add(&said, code, &path(context, "code")).end_time = end;
        // An implanted or used device is an event of its own.
        for participant in statement.all("participant") {
            let device = participant.at(&["participantRole", "playingDevice", "code"]);
            if let Some(Ok(code)) = device.map(|device| self.coded(Some(device), "code")) {
                let code = self.rows.within("DEVICE", &code);
                self.add(&said, code, &path(context, "participant"));
            }
        }
        Ok(())
    }

    /// Any observation: its code with its value; an assertion is what it asserts.
    fn observation(&mut self, statement: Element<'t, 't>, context: &Context) -> Result<(), Note> {
        let span = self.span(statement);
        let said = self.said(statement, span.known(), context)?;
        let asked = statement.child("code");
        let is_assertion = asked.and_then(|code| code.attribute("code")) == Some("ASSERTION");
        let is_goal = statement.attribute("moodCode") == Some("GOL");
        let values: Vec<_> = statement.all("value").collect();
        if is_assertion {
            let code = self.coded(values.first().copied(), "value")?;
            self.add(&said, code, &path(context, "value"));
            return Ok(());
        }
        let mut code = self.coded(asked, "code")?;
        if is_goal {
            code = self.rows.within("GOAL", &code);
        }
        let said = Said {
            suffix: if is_goal { "" } else { said.suffix },
            ..said
        };
        if values.is_empty() {
            self.add(&said, code, &path(context, "code"));
            return Ok(());
        }
        for value in values {
            self.measured(&said, &code, value, context)?;
        }
        Ok(())
    }

    fn measured(
        &mut self,
        said: &Said<'t>,
        code: &Code,
        value: Element<'t, 't>,
        context: &Context,
    ) -> Result<(), Note> {
        let valued = self.value(value, said.when)?;
        let code = match &valued.suffix {
            Some(suffix) => self.rows.suffixed(code, suffix),
            None => code.clone(),
        };
        let flags = said.statement.all("interpretationCode");
        let flags: Vec<&str> = flags.filter_map(|flag| flag.attribute("code")).collect();
        let flag = (!flags.is_empty()).then(|| self.rows.name(&flags.join("~")));
        let range = valued.number.and_then(|_| range(said.statement));
        let event = self.add(said, code, &path(context, "value"));
        event.numeric_value = valued.number;
        event.unit = valued.unit;
        event.text_value = valued.text;
        if valued.comparator.is_some() || flag.is_some() || range.is_some() {
            let written = event.as_written_mut();
            written.comparator = valued.comparator;
            written.flag = flag;
            (written.range_low, written.range_high) = range.unwrap_or_default();
        }
        Ok(())
    }

    /// A disease of a relative.
    fn relative(&mut self, statement: Element<'t, 't>, context: &Context) -> Result<(), Note> {
        let code = self.coded(statement.child("value"), "value")?;
        // The history is known by the document; when the relative fell ill is not an event here.
        let told = Context {
            when: None,
            ..context.clone()
        };
        let said = self.said(statement, None, &told)?;
        let mut code = self.rows.within("FAMILY_HISTORY", &code);
        if let Some(relation) = &context.relation {
            code = self.rows.suffixed(&code, &relation.to_meds());
        }
        self.add(&said, code, &path(context, "value"));
        Ok(())
    }

    /// An encounter: its start and its end, as FHIR's are.
    fn met(&mut self, statement: Element<'t, 't>, context: &Context) -> Result<(), Note> {
        let own = encounter_id(statement);
        let is_planned = !matches!(statement.attribute("moodCode"), None | Some("EVN"));
        let span = self.span(statement);
        if is_planned {
            let code = self.coded(statement.child("code"), "code")?;
            let said = self.said(statement, None, context)?;
            let code = self.rows.within("ENCOUNTER_TYPE", &code);
            self.add(&said, code, &path(context, "code"));
            return Ok(());
        }
        self.rows.set_encounter(own);
        let class = class_of(statement).unwrap_or("UNKNOWN").to_owned();
        let (start, end) = (span.low.or(span.at), span.high);
        if start.is_none() && end.is_none() {
            return Err(Note::at(IssueKind::MissingTime, "effectiveTime"));
        }
        if let Some(start) = start {
            let code = self.rows.code("ENCOUNTER", &[&*class, "//START"].concat());
            let end = ends(span, start);
            self.rows.event(code, Some(start), "effectiveTime").end_time = end;
            if let Ok(code) = self.coded(statement.child("code"), "code")
                && &*code.system != "v3-ActCode"
            {
                let code = self.rows.within("ENCOUNTER_TYPE", &code);
                self.rows.event(code, Some(start), "code");
            }
        }
        if let Some(end) = end {
            let code = self.rows.code("ENCOUNTER", &[&*class, "//END"].concat());
            self.rows.event(code, Some(end), "effectiveTime");
            let left = ["dischargeDispositionCode"];
            if let Some(Ok(code)) = statement
                .at(&left)
                .map(|one| self.coded(Some(one), left[0]))
            {
                let code = self.rows.code("DISCHARGE_DISPOSITION", &code.value);
                self.rows.event(code, Some(end), left[0]);
            }
        }
        Ok(())
    }

    pub(super) fn encounter_span(&mut self, encounter: Element<'t, 't>) -> Span {
        self.span(encounter)
    }

    /// A note or a comment within the entries.
    fn note(&mut self, statement: Element<'t, 't>, context: &Context) -> Result<(), Note> {
        let span = self.span(statement);
        let block = statement.child("text");
        let own = block.map(plain).unwrap_or_default();
        let text = match block {
            Some(block) if own.is_empty() => self.referred(block),
            _ => own,
        };
        if text.is_empty() {
            return Err(Note::new(IssueKind::NotClinical, "text", "note: no text"));
        }
        let said = self.said(statement, span.known(), context)?;
        let code = self.coded(statement.child("code"), "code")?;
        let code = self.rows.note_code(&code);
        self.add(&said, code, &path(context, "text")).text_value = Some(text.into());
        Ok(())
    }
}

/// Refuses what did not happen, or what the statement itself takes back.
fn refuse(statement: Element<'_, '_>) -> Result<(), Note> {
    if statement.attribute("negationInd") == Some("true") {
        return Err(Note::at(IssueKind::NotDone, "negationInd"));
    }
    let status = statement
        .child("statusCode")
        .and_then(|status| status.attribute("code"));
    match status {
        Some("cancelled" | "nullified") => Err(Note::at(IssueKind::NotDone, "statusCode")),
        _ => Ok(()),
    }
}

fn path(context: &Context, element: &str) -> String {
    [&*context.path, "/", element].concat()
}

/// The end, unless it lies before the start.
fn ends(span: Span, start: When) -> Option<longitude_core::Instant> {
    let end = span.high.map(|high| high.instant);
    end.filter(|end| *end >= start.instant)
}

/// The class of an encounter: a code of the v3 ActCode system, its own or a translation.
fn class_of<'t>(encounter: Element<'t, 't>) -> Option<&'t str> {
    let code = encounter.child("code")?;
    let mut all = std::iter::once(code).chain(code.all("translation"));
    let own = |one: &Element<'_, '_>| one.attribute("codeSystem") == Some("2.16.840.1.113883.5.4");
    all.find(own)?.attribute("code")
}

/// Route and frequency as a text: `ORAL; every 12 h`.
fn how(statement: Element<'_, '_>) -> Option<String> {
    let route = statement.child("routeCode");
    let route = route.and_then(|one| one.attribute("displayName").or(one.attribute("code")));
    let period = statement
        .all("effectiveTime")
        .find_map(|time| time.child("period"));
    let period = period.and_then(|period| {
        let (value, unit) = (period.attribute("value")?, period.attribute("unit")?);
        Some(format!("every {value} {unit}"))
    });
    let parts: Vec<String> = route.map(str::to_owned).into_iter().chain(period).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// The first reference range that states an end: as numbers, or as a text of a known form.
fn range(statement: Element<'_, '_>) -> Option<(Option<f64>, Option<f64>)> {
    statement.all("referenceRange").find_map(|range| {
        let observed = range.child("observationRange")?;
        let end = |name| {
            let end = observed.at(&["value", name])?;
            end.attribute("value")?
                .parse::<f64>()
                .ok()
                .filter(|number| number.is_finite())
        };
        let (low, high) = (end("low"), end("high"));
        if low.is_some() || high.is_some() {
            return Some((low, high));
        }
        let text = observed.child("text")?.text();
        let read = reference_range(&text, Decimal::Point)?;
        Some((read.low, read.high))
    })
}
