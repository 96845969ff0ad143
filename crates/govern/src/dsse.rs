//! DSSE envelopes: a payload, its type, and signatures over both (DSSE 1.0, protocol).

use crate::error::{Error, Result};
use crate::institution::Institution;
use crate::key::PublicKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// An envelope as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Signature {
    sig: String,
    /// A hint that nothing relies on; absent, null and empty are the same.
    #[serde(default)]
    keyid: Option<String>,
}

impl Envelope {
    /// Signs a payload.
    pub(crate) fn sign(payload_type: &str, payload: &[u8], institution: &Institution) -> Self {
        Self::sign_by(payload_type, payload, |bytes| institution.sign(bytes))
    }

    /// Signs a payload by a key that gives the DER signature over some bytes.
    pub(crate) fn sign_by(
        payload_type: &str,
        payload: &[u8],
        sign: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Self {
        let signature = sign(&pre_authentication(payload_type, payload));
        Self {
            payload: STANDARD.encode(payload),
            payload_type: payload_type.to_owned(),
            signatures: vec![Signature {
                sig: STANDARD.encode(signature),
                keyid: Some(String::new()),
            }],
        }
    }

    /// The payload, whose type must be the expected one, without asking who signed it. `path` is
    /// the file that the envelope came from.
    pub(crate) fn payload(&self, payload_type: &str, path: &Path) -> Result<Vec<u8>> {
        if self.payload_type != payload_type {
            return Err(refused(path, "it is of another kind of payload"));
        }
        STANDARD
            .decode(&self.payload)
            .map_err(|_error| refused(path, "its payload is not base64"))
    }

    /// The payload, which the key must have signed.
    pub(crate) fn open(&self, payload_type: &str, key: &PublicKey, path: &Path) -> Result<Vec<u8>> {
        let payload = self.payload(payload_type, path)?;
        let signed = pre_authentication(payload_type, &payload);
        let fits = |signature: &Signature| {
            let bytes = STANDARD.decode(&signature.sig);
            bytes.is_ok_and(|bytes| key.verifies(&signed, &bytes))
        };
        if self.signatures.iter().any(fits) {
            Ok(payload)
        } else {
            Err(refused(
                path,
                "it is not signed by the expected key, or was altered",
            ))
        }
    }
}

/// What is signed: type and payload with their lengths (DSSE 1.0, PAE).
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

fn refused(path: &Path, what: &'static str) -> Error {
    Error::Signature {
        path: path.to_owned(),
        what,
    }
}
