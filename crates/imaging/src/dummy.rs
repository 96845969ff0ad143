//! Dummy values: right by their value representation, telling nothing (PS3.15, action D).

use dicom_core::VR;
use dicom_core::value::PrimitiveValue;

/// The text that stands for a text.
pub(crate) const TEXT: &str = "ANON";

/// A dummy of a value representation; none where a sequence is asked for.
pub(crate) fn of(vr: VR) -> Option<PrimitiveValue> {
    let value = match vr {
        VR::AE | VR::CS | VR::LO | VR::LT | VR::PN | VR::SH | VR::ST | VR::UC | VR::UT => {
            PrimitiveValue::from(TEXT)
        }
        VR::AS => PrimitiveValue::from("000Y"),
        VR::DA => PrimitiveValue::from("19000101"),
        VR::DT => PrimitiveValue::from("19000101000000"),
        VR::TM => PrimitiveValue::from("000000"),
        VR::DS | VR::IS => PrimitiveValue::from("0"),
        VR::UR => PrimitiveValue::from("urn:anon"),
        VR::UI => PrimitiveValue::from("2.25.0"),
        VR::FD | VR::OD => PrimitiveValue::from(0.0_f64),
        VR::FL | VR::OF => PrimitiveValue::from(0.0_f32),
        VR::SL => PrimitiveValue::from(0_i32),
        VR::SS => PrimitiveValue::from(0_i16),
        VR::UL | VR::OL => PrimitiveValue::from(0_u32),
        VR::US | VR::OW => PrimitiveValue::from(0_u16),
        VR::SV => PrimitiveValue::from(0_i64),
        VR::UV | VR::OV => PrimitiveValue::from(0_u64),
        VR::OB | VR::UN => PrimitiveValue::U8(vec![0, 0].into()),
        VR::AT => PrimitiveValue::Empty,
        VR::SQ => return None,
    };
    Some(value)
}
