//! The data types of FHIR as they stand in JSON, borrowed from the line wherever no escape forbids
//! it. Fields that are not mapped are not named and are skipped by the parser.

use serde::Deserialize as Derive;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A text that borrows from the line. (`Option<Cow<str>>` would always be copied: serde borrows
/// only into a bare `Cow`.)
#[derive(Clone, PartialEq)]
pub(crate) struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_cow(self) -> Cow<'a, str> {
        self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// A decimal, or something that stands where a decimal should.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Value(f64),
    NotANumber,
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_f64<E>(self, value: f64) -> Result<Number, E> {
                Ok(Number::Value(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Number, E> {
                Ok(Number::Value(value as f64))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Number, E> {
                Ok(Number::Value(value as f64))
            }

            fn visit_str<E>(self, _text: &str) -> Result<Number, E> {
                Ok(Number::NotANumber)
            }

            fn visit_bool<E>(self, _value: bool) -> Result<Number, E> {
                Ok(Number::NotANumber)
            }
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}

/// Whether an element stands there, whatever it holds.
#[derive(Clone, Copy, Default)]
pub(crate) struct Present(pub(crate) bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

/// One value or a list of them: R4 and its neighbours differ in a few elements' cardinality.
pub(crate) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(crate) fn first(&self) -> Option<&T> {
        match self {
            Self::One(one) => Some(one),
            Self::Many(many) => many.first(),
        }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        match self {
            Self::One(one) => std::slice::from_ref(one).iter(),
            Self::Many(many) => many.iter(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object or a list of objects")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<Self::Value, A::Error> {
                let inner = serde::de::value::MapAccessDeserializer::new(map);
                T::deserialize(inner).map(OneOrMany::One)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                seq: A,
            ) -> Result<Self::Value, A::Error> {
                let inner = serde::de::value::SeqAccessDeserializer::new(seq);
                Vec::deserialize(inner)
                    .map(OneOrMany::Many)
                    .map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_any(Either(std::marker::PhantomData))
    }
}

/// What every resource has, and what an export log has instead.
#[derive(Derive)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head<'a> {
    #[serde(borrow)]
    pub(crate) resource_type: Option<Text<'a>>,
    /// The bulk data log format writes this on every line.
    #[serde(borrow)]
    pub(crate) event_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) event_detail: Option<LogDetail<'a>>,
    /// A bulk export's manifest has this, and `output` beside it.
    #[serde(borrow)]
    pub(crate) transaction_time: Option<Text<'a>>,
    #[serde(default)]
    pub(crate) output: Present,
    /// The account of an export of ours has this.
    #[serde(default, rename = "events_whole")]
    pub(crate) events_whole: Present,
}

#[derive(Derive)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogDetail<'a> {
    #[serde(borrow)]
    pub(crate) transaction_time: Option<Text<'a>>,
}

#[derive(Derive)]
pub(crate) struct Coding<'a> {
    #[serde(borrow)]
    pub(crate) system: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) code: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) display: Option<Text<'a>>,
}

/// A CodeableConcept, or the concept of R5's CodeableReference.
#[derive(Derive)]
pub(crate) struct CodeableConcept<'a> {
    #[serde(borrow, default)]
    pub(crate) coding: Vec<Coding<'a>>,
    #[serde(borrow)]
    pub(crate) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) concept: Option<Box<CodeableConcept<'a>>>,
}

impl<'a> CodeableConcept<'a> {
    /// The concept itself, or the one inside a CodeableReference.
    pub(crate) fn inner(&self) -> &CodeableConcept<'a> {
        self.concept.as_deref().unwrap_or(self)
    }

    /// Whether any coding has one of these codes, whatever its system.
    pub(crate) fn has_code(&self, codes: &[&str]) -> bool {
        let code = |coding: &Coding<'_>| {
            let code = coding.code.as_ref().map(Text::as_str);
            code.is_some_and(|code| codes.contains(&code))
        };
        self.inner().coding.iter().any(code)
    }
}

/// A Reference, or the reference of R5's CodeableReference.
#[derive(Derive)]
#[expect(clippy::struct_field_names, reason = "FHIR's own name")]
pub(crate) struct Reference<'a> {
    #[serde(borrow)]
    pub(crate) reference: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) display: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) identifier: Option<Identifier<'a>>,
}

/// An Identifier, by which a Reference may name a record that is not there.
#[derive(Derive)]
pub(crate) struct Identifier<'a> {
    #[serde(borrow)]
    pub(crate) system: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) value: Option<Text<'a>>,
}

/// R5's CodeableReference.
#[derive(Derive)]
pub(crate) struct CodeableReference<'a> {
    #[serde(borrow)]
    pub(crate) concept: Option<CodeableConcept<'a>>,
    #[serde(borrow)]
    pub(crate) reference: Option<Reference<'a>>,
}

#[derive(Derive)]
pub(crate) struct Period<'a> {
    #[serde(borrow)]
    pub(crate) start: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) end: Option<Text<'a>>,
}

#[derive(Derive)]
pub(crate) struct Quantity<'a> {
    pub(crate) value: Option<Number>,
    #[serde(borrow)]
    pub(crate) comparator: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) unit: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) system: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) code: Option<Text<'a>>,
}

#[derive(Derive)]
pub(crate) struct Range<'a> {
    #[serde(borrow)]
    pub(crate) low: Option<Quantity<'a>>,
    #[serde(borrow)]
    pub(crate) high: Option<Quantity<'a>>,
}

#[derive(Derive)]
pub(crate) struct Ratio<'a> {
    #[serde(borrow)]
    pub(crate) numerator: Option<Quantity<'a>>,
    #[serde(borrow)]
    pub(crate) denominator: Option<Quantity<'a>>,
}

#[derive(Derive)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attachment<'a> {
    #[serde(borrow)]
    pub(crate) content_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) data: Option<Text<'a>>,
    #[serde(borrow)]
    pub(crate) url: Option<Text<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_texts_are_borrowed() {
        let line = r#"{"system":"http://loinc.org","code":"a\u0041"}"#;
        let coding: Coding<'_> = serde_json::from_str(line).unwrap();
        assert!(matches!(coding.system, Some(Text(Cow::Borrowed(_)))));
        assert!(matches!(coding.code, Some(Text(Cow::Owned(_)))));
        assert_eq!(coding.code.unwrap().as_str(), "aA");
    }

    #[test]
    fn a_text_where_a_number_should_be_is_told_apart() {
        let quantity: Quantity<'_> = serde_json::from_str(r#"{"value":"5"}"#).unwrap();
        assert!(quantity.value == Some(Number::NotANumber));
        let quantity: Quantity<'_> = serde_json::from_str(r#"{"value":-5}"#).unwrap();
        assert!(quantity.value == Some(Number::Value(-5.0)));
    }
}
