//! The words of a contest, each a closed list with its label: forms, files and documentation
//! render from them.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($variant:ident, $code:literal, $label:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $(
                #[doc = $label]
                #[serde(rename = $code)]
                $variant,
            )*
        }

        impl $name {
            /// Every word of the list, in the order in which it is shown.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word as files and forms write it.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }

            /// The word as people read it.
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$variant => $label,)*
                }
            }

            /// The word that a file or form wrote; none where it is not on the list.
            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|word| word.code() == code)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}

vocabulary! {
    /// What is contested: three kinds of error, each with an entry of its own, and two matters
    /// that are not of one answer.
    ContestKind {
        Commission, "commission", "An answer is wrong";
        Omission, "omission", "An answer or a warning is missing";
        Prioritisation, "prioritisation", "An answer stands at the wrong place in the list";
        DataUse, "data_use", "Data should not have been used";
        Role, "role", "A person and the model have the wrong parts in the decision";
    }
}

vocabulary! {
    /// Why it is contested.
    Ground {
        DataWrong, "data_wrong", "The data are wrong";
        DataMissing, "data_missing", "Data are missing";
        IdentityMismatch, "identity_mismatch", "It is about another person";
        DataUseObjection, "data_use_objection", "Objection to the use of data";
        BiasOrUnfair, "bias_or_unfair", "Biased or unfair";
        OutsideIntendedUse, "outside_intended_use", "Outside the intended use";
        OutputWrong, "output_wrong", "The answer is wrong";
        Omitted, "omitted", "Something was left out";
        MisPrioritised, "mis_prioritised", "Wrong priority";
        UncertaintyUnderstated, "uncertainty_understated", "Surer than it may be";
        ExplanationInadequate, "explanation_inadequate", "The explanation does not suffice";
        HumanRoleUnclear, "human_role_unclear", "Unclear who decided";
        LocalProtocolConflict, "local_protocol_conflict", "Against the local protocol";
        PrivacyLeak, "privacy_leak", "Privacy was breached";
        HarmOrNearMiss, "harm_or_near_miss", "Harm or a near miss";
        Other, "other", "Another ground";
    }
}

vocabulary! {
    /// What the filer asks for.
    Remedy {
        Explain, "explain", "Explain it";
        CorrectData, "correct_data", "Correct the data";
        HumanReview, "human_review", "Let a person review it";
        Withdraw, "withdraw", "Withdraw the answer";
        ExcludeMyData, "exclude_my_data", "Leave my data out";
        ApologyOther, "apology_other", "An apology or something else";
    }
}

vocabulary! {
    /// Who files or acts.
    Filer {
        Clinician, "clinician", "Clinician";
        Patient, "patient", "Patient";
        Representative, "representative", "Representative of a patient";
        QualityOfficer, "quality_officer", "Quality officer";
        ExternalAuditor, "external_auditor", "External auditor";
        AutomatedMonitor, "automated_monitor", "Automated monitor";
    }
}

vocabulary! {
    /// What the review found of the contested output.
    Finding {
        Upheld, "upheld_output", "The output stands";
        Partly, "partly", "The output stands in part";
        Overturned, "overturned", "The output does not stand";
        Inconclusive, "inconclusive", "It cannot be decided";
    }
}

vocabulary! {
    /// Where the error came from.
    Cause {
        Data, "data", "The data";
        Identity, "identity", "A mixed-up identity";
        Mapping, "mapping", "The mapping of the data";
        Model, "model", "The model";
        Threshold, "threshold", "A threshold";
        Calibration, "calibration", "The calibration";
        Interface, "ui", "The way it was shown";
        Workflow, "workflow", "The workflow";
        Human, "human", "A person";
        Policy, "policy", "A policy";
        Unknown, "unknown", "Not known";
    }
}
