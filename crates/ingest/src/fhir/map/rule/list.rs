//! The rules, by name of the resource type. Element names are those of R4; where R4B or R5 call an
//! element otherwise, its name stands behind R4's. Source: the resource pages of
//! <https://hl7.org/fhir/R4> and <https://hl7.org/fhir/R5>.

use super::{Part, Rule};

const ERROR: &[&str] = &["entered-in-error"];

pub(crate) const ADVERSE_EVENT: Rule = Rule {
    subject: &["AdverseEvent.subject"],
    encounter: &["AdverseEvent.encounter"],
    refused: &[
        ("AdverseEvent.actuality", &["potential"]),
        ("AdverseEvent.status", ERROR),
    ],
    times: &[
        "AdverseEvent.date",
        "AdverseEvent.occurrenceDateTime",
        "AdverseEvent.occurrencePeriod.start",
        "AdverseEvent.detected",
        "AdverseEvent.recordedDate",
    ],
    recorded: &["AdverseEvent.detected", "AdverseEvent.recordedDate"],
    parts: &[
        Part {
            codes: &["AdverseEvent.event", "AdverseEvent.code"],
            system: "ADVERSE_EVENT",
            ..Part::NONE
        },
        Part {
            codes: &["AdverseEvent.seriousness"],
            system: "ADVERSE_EVENT_SERIOUSNESS",
            ..Part::NONE
        },
    ],
    ..Rule::NONE
};

pub(crate) const APPOINTMENT: Rule = Rule {
    subject: &["Appointment.participant.actor", "Appointment.subject"],
    // What is only agreed on has not happened.
    refused: &[(
        "Appointment.status",
        &[
            "entered-in-error",
            "cancelled",
            "proposed",
            "pending",
            "booked",
            "waitlist",
        ],
    )],
    times: &["Appointment.start", "Appointment.created"],
    ends: &["Appointment.end"],
    parts: &[Part {
        codes: &[
            "Appointment.serviceType",
            "Appointment.appointmentType",
            "Appointment.specialty",
        ],
        system: "APPOINTMENT",
        otherwise: "OTHER",
        suffix_from: &["Appointment.status"],
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const BASIC: Rule = Rule {
    subject: &["Basic.subject"],
    times: &["Basic.created"],
    parts: &[Part {
        codes: &["Basic.code"],
        system: "BASIC",
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const CARE_PLAN: Rule = Rule {
    subject: &["CarePlan.subject"],
    encounter: &["CarePlan.encounter"],
    refused: &[("CarePlan.status", &["entered-in-error", "draft", "revoked"])],
    times: &["CarePlan.period.start", "CarePlan.created"],
    ends: &["CarePlan.period.end"],
    recorded: &["CarePlan.created"],
    parts: &[
        Part {
            codes: &["CarePlan.category"],
            system: "CARE_PLAN",
            ..Part::NONE
        },
        Part {
            at: "CarePlan.activity",
            codes: &[
                "CarePlan.activity.detail.code",
                "CarePlan.activity.performedActivity",
                "CarePlan.activity.outcomeCodeableConcept",
            ],
            system: "CARE_PLAN_ACTIVITY",
            refused: &[
                (
                    "CarePlan.activity.detail.status",
                    &["entered-in-error", "cancelled"],
                ),
                ("CarePlan.activity.detail.doNotPerform", &["true"]),
            ],
            ..Part::NONE
        },
    ],
};

/// Claim and ExplanationOfBenefit alike: what is billed is named apart from what was recorded.
macro_rules! billed {
    ($name:ident, $kind:literal) => {
        pub(crate) const $name: Rule = Rule {
            subject: &[concat!($kind, ".patient")],
            encounter: &[concat!($kind, ".item.encounter")],
            refused: &[
                (
                    concat!($kind, ".status"),
                    &["entered-in-error", "cancelled", "draft"],
                ),
                (
                    concat!($kind, ".use"),
                    &["preauthorization", "predetermination"],
                ),
            ],
            times: &[
                concat!($kind, ".billablePeriod.start"),
                concat!($kind, ".created"),
            ],
            ends: &[concat!($kind, ".billablePeriod.end")],
            recorded: &[concat!($kind, ".created")],
            parts: &[
                Part {
                    at: concat!($kind, ".diagnosis"),
                    codes: &[concat!($kind, ".diagnosis.diagnosisCodeableConcept")],
                    system: "CLAIM_DIAGNOSIS",
                    ..Part::NONE
                },
                Part {
                    at: concat!($kind, ".procedure"),
                    codes: &[concat!($kind, ".procedure.procedureCodeableConcept")],
                    system: "CLAIM_PROCEDURE",
                    times: &[concat!($kind, ".procedure.date")],
                    ..Part::NONE
                },
                Part {
                    at: concat!($kind, ".item"),
                    codes: &[
                        concat!($kind, ".item.productOrService"),
                        concat!($kind, ".item.category"),
                    ],
                    system: "CLAIM_ITEM",
                    times: &[
                        concat!($kind, ".item.servicedDate"),
                        concat!($kind, ".item.servicedPeriod.start"),
                    ],
                    values: &[concat!($kind, ".item.quantity")],
                    ..Part::NONE
                },
            ],
        };
    };
}
billed!(CLAIM, "Claim");
billed!(EXPLANATION_OF_BENEFIT, "ExplanationOfBenefit");

pub(crate) const CLINICAL_IMPRESSION: Rule = Rule {
    subject: &["ClinicalImpression.subject"],
    encounter: &["ClinicalImpression.encounter"],
    refused: &[("ClinicalImpression.status", ERROR)],
    times: &[
        "ClinicalImpression.effectiveDateTime",
        "ClinicalImpression.effectivePeriod.end",
        "ClinicalImpression.effectivePeriod.start",
        "ClinicalImpression.date",
    ],
    recorded: &["ClinicalImpression.date"],
    parts: &[
        Part {
            codes: &["ClinicalImpression.code"],
            system: "IMPRESSION",
            otherwise: "OTHER",
            text: "ClinicalImpression.summary",
            ..Part::NONE
        },
        Part {
            at: "ClinicalImpression.finding",
            codes: &[
                "ClinicalImpression.finding.itemCodeableConcept",
                "ClinicalImpression.finding.item",
            ],
            system: "IMPRESSION_FINDING",
            ..Part::NONE
        },
        Part {
            codes: &["ClinicalImpression.prognosisCodeableConcept"],
            system: "IMPRESSION_PROGNOSIS",
            ..Part::NONE
        },
    ],
    ..Rule::NONE
};

pub(crate) const COMMUNICATION: Rule = Rule {
    subject: &["Communication.subject"],
    encounter: &["Communication.encounter"],
    refused: &[(
        "Communication.status",
        &["entered-in-error", "not-done", "preparation"],
    )],
    times: &["Communication.sent", "Communication.received"],
    parts: &[Part {
        codes: &[
            "Communication.topic",
            "Communication.category",
            "Communication.reasonCode",
            "Communication.reason",
        ],
        system: "COMMUNICATION",
        otherwise: "OTHER",
        text: "Communication.payload.contentString",
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const COMMUNICATION_REQUEST: Rule = Rule {
    subject: &["CommunicationRequest.subject"],
    encounter: &["CommunicationRequest.encounter"],
    refused: &[(
        "CommunicationRequest.status",
        &["entered-in-error", "draft", "revoked"],
    )],
    times: &[
        "CommunicationRequest.authoredOn",
        "CommunicationRequest.occurrenceDateTime",
        "CommunicationRequest.occurrencePeriod.start",
    ],
    parts: &[Part {
        codes: &[
            "CommunicationRequest.category",
            "CommunicationRequest.reasonCode",
        ],
        system: "COMMUNICATION",
        otherwise: "OTHER",
        suffix: "REQUESTED",
        text: "CommunicationRequest.payload.contentString",
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const CONSENT: Rule = Rule {
    subject: &["Consent.patient", "Consent.subject"],
    refused: &[(
        "Consent.status",
        &[
            "entered-in-error",
            "draft",
            "proposed",
            "rejected",
            "not-done",
        ],
    )],
    times: &["Consent.dateTime", "Consent.date", "Consent.period.start"],
    ends: &["Consent.provision.period.end", "Consent.period.end"],
    parts: &[Part {
        codes: &["Consent.scope", "Consent.category"],
        system: "CONSENT",
        suffix_from: &[
            "Consent.provision.type",
            "Consent.decision",
            "Consent.status",
        ],
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const COVERAGE: Rule = Rule {
    subject: &["Coverage.beneficiary"],
    refused: &[(
        "Coverage.status",
        &["entered-in-error", "cancelled", "draft"],
    )],
    times: &["Coverage.period.start"],
    ends: &["Coverage.period.end"],
    parts: &[Part {
        // A payor may be a person: its name is not read.
        codes: &["Coverage.type"],
        system: "COVERAGE",
        otherwise: "OTHER",
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const DETECTED_ISSUE: Rule = Rule {
    subject: &["DetectedIssue.patient", "DetectedIssue.subject"],
    encounter: &["DetectedIssue.encounter"],
    refused: &[("DetectedIssue.status", &["entered-in-error", "cancelled"])],
    times: &[
        "DetectedIssue.identifiedDateTime",
        "DetectedIssue.identifiedPeriod.start",
    ],
    parts: &[Part {
        codes: &["DetectedIssue.code", "DetectedIssue.category"],
        system: "DETECTED_ISSUE",
        otherwise: "OTHER",
        suffix_from: &["DetectedIssue.severity"],
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const DEVICE_ASSOCIATION: Rule = Rule {
    subject: &["DeviceAssociation.subject"],
    refused: &[("DeviceAssociation.status", ERROR)],
    times: &["DeviceAssociation.period.start"],
    ends: &["DeviceAssociation.period.end"],
    parts: &[Part {
        codes: &["DeviceAssociation.device"],
        system: "DEVICE",
        suffix: "USED",
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const DEVICE_DISPENSE: Rule = Rule {
    subject: &["DeviceDispense.subject"],
    encounter: &["DeviceDispense.encounter"],
    refused: &[(
        "DeviceDispense.status",
        &["entered-in-error", "cancelled", "declined", "preparation"],
    )],
    times: &[
        "DeviceDispense.whenHandedOver",
        "DeviceDispense.preparedDate",
    ],
    parts: &[Part {
        codes: &["DeviceDispense.device"],
        system: "DEVICE",
        suffix: "DISPENSED",
        values: &["DeviceDispense.quantity"],
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const DEVICE_REQUEST: Rule = Rule {
    subject: &["DeviceRequest.subject"],
    encounter: &["DeviceRequest.encounter"],
    refused: &[(
        "DeviceRequest.status",
        &["entered-in-error", "draft", "revoked"],
    )],
    times: &[
        "DeviceRequest.authoredOn",
        "DeviceRequest.occurrenceDateTime",
        "DeviceRequest.occurrencePeriod.start",
    ],
    parts: &[Part {
        codes: &[
            "DeviceRequest.codeCodeableConcept",
            "DeviceRequest.codeReference",
            "DeviceRequest.code",
        ],
        system: "DEVICE",
        suffix: "REQUESTED",
        ..Part::NONE
    }],
    ..Rule::NONE
};

/// DeviceUseStatement, which R5 calls DeviceUsage.
macro_rules! used {
    ($name:ident, $kind:literal) => {
        pub(crate) const $name: Rule = Rule {
            subject: &[concat!($kind, ".subject"), concat!($kind, ".patient")],
            encounter: &[concat!($kind, ".context")],
            refused: &[(
                concat!($kind, ".status"),
                &["entered-in-error", "intended", "not-done"],
            )],
            times: &[
                concat!($kind, ".timingDateTime"),
                concat!($kind, ".timingPeriod.start"),
                concat!($kind, ".timingTiming.event"),
                concat!($kind, ".recordedOn"),
                concat!($kind, ".dateAsserted"),
            ],
            ends: &[concat!($kind, ".timingPeriod.end")],
            recorded: &[
                concat!($kind, ".recordedOn"),
                concat!($kind, ".dateAsserted"),
            ],
            parts: &[Part {
                codes: &[concat!($kind, ".device")],
                system: "DEVICE",
                suffix: "USED",
                ..Part::NONE
            }],
        };
    };
}
used!(DEVICE_USE_STATEMENT, "DeviceUseStatement");
used!(DEVICE_USAGE, "DeviceUsage");

pub(crate) const EPISODE_OF_CARE: Rule = Rule {
    subject: &["EpisodeOfCare.patient"],
    refused: &[(
        "EpisodeOfCare.status",
        &["entered-in-error", "planned", "cancelled", "waitlist"],
    )],
    times: &["EpisodeOfCare.period.start"],
    ends: &["EpisodeOfCare.period.end"],
    parts: &[Part {
        codes: &["EpisodeOfCare.type"],
        system: "EPISODE",
        otherwise: "OTHER",
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const FAMILY_MEMBER_HISTORY: Rule = Rule {
    subject: &["FamilyMemberHistory.patient"],
    refused: &[("FamilyMemberHistory.status", ERROR)],
    times: &["FamilyMemberHistory.date"],
    parts: &[Part {
        at: "FamilyMemberHistory.condition",
        codes: &["FamilyMemberHistory.condition.code"],
        system: "FAMILY_HISTORY",
        suffix_from: &["FamilyMemberHistory.relationship"],
        values: &["FamilyMemberHistory.condition.onsetAge"],
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const FLAG: Rule = Rule {
    subject: &["Flag.subject"],
    encounter: &["Flag.encounter"],
    refused: &[("Flag.status", ERROR)],
    times: &["Flag.period.start"],
    ends: &["Flag.period.end"],
    parts: &[Part {
        codes: &["Flag.code"],
        system: "FLAG",
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const GOAL: Rule = Rule {
    subject: &["Goal.subject"],
    refused: &[(
        "Goal.lifecycleStatus",
        &["entered-in-error", "rejected", "cancelled", "proposed"],
    )],
    times: &["Goal.startDate", "Goal.statusDate"],
    parts: &[
        Part {
            codes: &["Goal.description"],
            system: "GOAL",
            ..Part::NONE
        },
        Part {
            at: "Goal.target",
            codes: &["Goal.target.measure"],
            system: "GOAL_TARGET",
            values: &["Goal.target.detailQuantity", "Goal.target.detailInteger"],
            ..Part::NONE
        },
    ],
    ..Rule::NONE
};

pub(crate) const GUIDANCE_RESPONSE: Rule = Rule {
    subject: &["GuidanceResponse.subject"],
    encounter: &["GuidanceResponse.encounter"],
    refused: &[("GuidanceResponse.status", &["entered-in-error", "failure"])],
    times: &["GuidanceResponse.occurrenceDateTime"],
    parts: &[Part {
        codes: &[
            "GuidanceResponse.moduleCodeableConcept",
            "GuidanceResponse.reasonCode",
            "GuidanceResponse.reason",
        ],
        system: "GUIDANCE",
        otherwise: "OTHER",
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const IMMUNIZATION_EVALUATION: Rule = Rule {
    subject: &["ImmunizationEvaluation.patient"],
    refused: &[("ImmunizationEvaluation.status", ERROR)],
    times: &["ImmunizationEvaluation.date"],
    parts: &[Part {
        codes: &["ImmunizationEvaluation.targetDisease"],
        system: "IMMUNIZATION_EVALUATION",
        suffix_from: &["ImmunizationEvaluation.doseStatus"],
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const IMMUNIZATION_RECOMMENDATION: Rule = Rule {
    subject: &["ImmunizationRecommendation.patient"],
    times: &["ImmunizationRecommendation.date"],
    parts: &[Part {
        at: "ImmunizationRecommendation.recommendation",
        codes: &[
            "ImmunizationRecommendation.recommendation.vaccineCode",
            "ImmunizationRecommendation.recommendation.targetDisease",
        ],
        suffix: "RECOMMENDED",
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const LIST: Rule = Rule {
    subject: &["List.subject"],
    encounter: &["List.encounter"],
    refused: &[("List.status", ERROR)],
    times: &["List.date"],
    parts: &[Part {
        codes: &["List.code"],
        system: "LIST",
        otherwise: "OTHER",
        suffix_from: &["List.emptyReason"],
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const MEDIA: Rule = Rule {
    subject: &["Media.subject"],
    encounter: &["Media.encounter"],
    refused: &[(
        "Media.status",
        &["entered-in-error", "not-done", "preparation"],
    )],
    times: &[
        "Media.createdDateTime",
        "Media.createdPeriod.start",
        "Media.issued",
    ],
    recorded: &["Media.issued"],
    parts: &[Part {
        codes: &["Media.modality", "Media.type", "Media.view"],
        system: "MEDIA",
        otherwise: "OTHER",
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const NUTRITION_INTAKE: Rule = Rule {
    subject: &["NutritionIntake.subject"],
    encounter: &["NutritionIntake.encounter"],
    refused: &[(
        "NutritionIntake.status",
        &["entered-in-error", "not-done", "preparation"],
    )],
    times: &[
        "NutritionIntake.occurrenceDateTime",
        "NutritionIntake.occurrencePeriod.start",
        "NutritionIntake.recorded",
    ],
    ends: &["NutritionIntake.occurrencePeriod.end"],
    recorded: &["NutritionIntake.recorded"],
    parts: &[
        Part {
            codes: &["NutritionIntake.code"],
            system: "NUTRITION",
            suffix: "TAKEN",
            ..Part::NONE
        },
        Part {
            at: "NutritionIntake.consumedItem",
            codes: &["NutritionIntake.consumedItem.nutritionProduct"],
            system: "NUTRITION",
            suffix: "TAKEN",
            values: &["NutritionIntake.consumedItem.amount"],
            ..Part::NONE
        },
    ],
};

pub(crate) const NUTRITION_ORDER: Rule = Rule {
    subject: &["NutritionOrder.patient", "NutritionOrder.subject"],
    encounter: &["NutritionOrder.encounter"],
    refused: &[(
        "NutritionOrder.status",
        &["entered-in-error", "draft", "revoked"],
    )],
    times: &["NutritionOrder.dateTime"],
    parts: &[
        Part {
            codes: &["NutritionOrder.oralDiet.type"],
            system: "NUTRITION",
            ..Part::NONE
        },
        Part {
            codes: &["NutritionOrder.supplement.type"],
            system: "NUTRITION",
            ..Part::NONE
        },
        Part {
            codes: &[
                "NutritionOrder.enteralFormula.baseFormulaType",
                "NutritionOrder.enteralFormula.type",
            ],
            system: "NUTRITION",
            ..Part::NONE
        },
    ],
    ..Rule::NONE
};

/// RequestGroup, which R5 calls RequestOrchestration.
macro_rules! orders {
    ($name:ident, $kind:literal) => {
        pub(crate) const $name: Rule = Rule {
            subject: &[concat!($kind, ".subject")],
            encounter: &[concat!($kind, ".encounter")],
            refused: &[(
                concat!($kind, ".status"),
                &["entered-in-error", "draft", "revoked"],
            )],
            times: &[concat!($kind, ".authoredOn")],
            parts: &[
                Part {
                    codes: &[concat!($kind, ".code")],
                    system: "ORDER_SET",
                    ..Part::NONE
                },
                Part {
                    codes: &[concat!($kind, ".action.code")],
                    system: "ORDER_SET_ACTION",
                    ..Part::NONE
                },
            ],
            ..Rule::NONE
        };
    };
}
orders!(REQUEST_GROUP, "RequestGroup");
orders!(REQUEST_ORCHESTRATION, "RequestOrchestration");

pub(crate) const RISK_ASSESSMENT: Rule = Rule {
    subject: &["RiskAssessment.subject"],
    encounter: &["RiskAssessment.encounter"],
    refused: &[("RiskAssessment.status", &["entered-in-error", "cancelled"])],
    times: &[
        "RiskAssessment.occurrenceDateTime",
        "RiskAssessment.occurrencePeriod.start",
    ],
    parts: &[
        Part {
            at: "RiskAssessment.prediction",
            codes: &["RiskAssessment.prediction.outcome"],
            system: "RISK",
            suffix_from: &["RiskAssessment.prediction.qualitativeRisk"],
            values: &[
                "RiskAssessment.prediction.probabilityDecimal",
                "RiskAssessment.prediction.probabilityRange.high",
            ],
            ..Part::NONE
        },
        Part {
            codes: &["RiskAssessment.code", "RiskAssessment.method"],
            system: "RISK_ASSESSMENT",
            ..Part::NONE
        },
    ],
    ..Rule::NONE
};

pub(crate) const SUPPLY_DELIVERY: Rule = Rule {
    subject: &["SupplyDelivery.patient"],
    refused: &[("SupplyDelivery.status", &["entered-in-error", "abandoned"])],
    times: &[
        "SupplyDelivery.occurrenceDateTime",
        "SupplyDelivery.occurrencePeriod.start",
    ],
    parts: &[Part {
        at: "SupplyDelivery.suppliedItem",
        codes: &[
            "SupplyDelivery.suppliedItem.itemCodeableConcept",
            "SupplyDelivery.suppliedItem.itemReference",
        ],
        system: "SUPPLY",
        suffix: "DELIVERED",
        values: &["SupplyDelivery.suppliedItem.quantity"],
        ..Part::NONE
    }],
    ..Rule::NONE
};

pub(crate) const SUPPLY_REQUEST: Rule = Rule {
    subject: &[
        "SupplyRequest.deliverFor",
        "SupplyRequest.deliverTo",
        "SupplyRequest.requester",
    ],
    refused: &[(
        "SupplyRequest.status",
        &["entered-in-error", "draft", "cancelled"],
    )],
    times: &[
        "SupplyRequest.authoredOn",
        "SupplyRequest.occurrenceDateTime",
    ],
    parts: &[Part {
        codes: &[
            "SupplyRequest.itemCodeableConcept",
            "SupplyRequest.itemReference",
            "SupplyRequest.item",
        ],
        system: "SUPPLY",
        suffix: "REQUESTED",
        values: &["SupplyRequest.quantity"],
        ..Part::NONE
    }],
    ..Rule::NONE
};

/// A number of a lens by eye, for example `VISION//SPHERE//right`.
macro_rules! lens {
    ($name:literal, $value:literal) => {
        Part {
            at: "VisionPrescription.lensSpecification",
            system: "VISION",
            otherwise: $name,
            suffix_from: &["VisionPrescription.lensSpecification.eye"],
            values: &[$value],
            ..Part::NONE
        }
    };
}

pub(crate) const VISION_PRESCRIPTION: Rule = Rule {
    subject: &["VisionPrescription.patient"],
    encounter: &["VisionPrescription.encounter"],
    refused: &[(
        "VisionPrescription.status",
        &["entered-in-error", "cancelled", "draft"],
    )],
    times: &[
        "VisionPrescription.dateWritten",
        "VisionPrescription.created",
    ],
    parts: &[
        Part {
            at: "VisionPrescription.lensSpecification",
            codes: &["VisionPrescription.lensSpecification.product"],
            system: "VISION",
            suffix_from: &["VisionPrescription.lensSpecification.eye"],
            ..Part::NONE
        },
        lens!("SPHERE", "VisionPrescription.lensSpecification.sphere"),
        lens!("CYLINDER", "VisionPrescription.lensSpecification.cylinder"),
        lens!("AXIS", "VisionPrescription.lensSpecification.axis"),
        lens!("ADD", "VisionPrescription.lensSpecification.add"),
    ],
    ..Rule::NONE
};
