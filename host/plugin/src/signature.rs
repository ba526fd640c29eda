//! Detached signatures of components (minisign's), and the keys that an operator trusts.

use std::collections::BTreeMap;

use minisign_verify::{Error, PublicKey, Signature};
use serde::Deserialize;

/// What an operator decided once, for all clusters.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    keys: Vec<Key>,
    approvers: Vec<Key>,
    /// Components that nobody in it signed are not taken.
    pub refuses_unsigned: bool,
    /// Plugins that run live on nodes are not taken, whatever was approved of them.
    pub refuses_hatches: bool,
    /// Registries that are asked without TLS.
    pub plain_http: Vec<String>,
}

/// The operator's name of a key, its text, and itself.
type Key = (String, String, PublicKey);

/// A key of the policy that signed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// As the operator calls it.
    pub name: String,
    /// The key itself, base64, as the lock file pins it.
    pub key: String,
}

/// What is wrong with a policy or a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The policy cannot be read.
    #[error("the policy cannot be read: {0}")]
    Policy(String),
    /// The signature is none.
    #[error("the signature cannot be read: {0}")]
    Form(String),
    /// It is of a key in the policy, and does not fit.
    #[error("the signature by `{0}` is not of this")]
    Wrong(String),
}

impl SignatureError {
    /// Stable dotted name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Policy(_) => "policy.unreadable",
            Self::Form(_) | Self::Wrong(_) => "plugin.signature-wrong",
        }
    }

    /// What to do next.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Policy(_) => "it is TOML: `[keys]` or `[approvers]`, then `name = \"RW…\"` with the second line of a minisign public key",
            Self::Form(_) | Self::Wrong(_) => "component or signature are damaged, or somebody changed one of them: get both again, and do not use it otherwise",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Document {
    #[serde(default)]
    unsigned: Taken,
    #[serde(default)]
    hatch: Taken,
    #[serde(default)]
    keys: BTreeMap<String, String>,
    #[serde(default)]
    approvers: BTreeMap<String, String>,
    #[serde(default)]
    plain_http: Vec<String>,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Taken {
    #[default]
    Allow,
    Refuse,
}

impl Policy {
    /// From its text.
    ///
    /// # Errors
    /// When it is no policy, or holds what is no key.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let document: Document = toml::from_str(text).map_err(|error| SignatureError::Policy(error.message().to_owned()))?;
        let keys = |all: BTreeMap<String, String>| -> Result<Vec<Key>, SignatureError> {
            let key = |(name, text): (String, String)| match PublicKey::from_base64(&text) {
                Ok(key) => Ok((name, text, key)),
                Err(error) => Err(SignatureError::Policy(format!("`{name}` is no key: {error}"))),
            };
            all.into_iter().map(key).collect()
        };
        Ok(Self { keys: keys(document.keys)?, approvers: keys(document.approvers)?, refuses_unsigned: document.unsigned == Taken::Refuse, refuses_hatches: document.hatch == Taken::Refuse, plain_http: document.plain_http })
    }

    /// Who signed a component. None: a key that is not in the policy.
    ///
    /// # Errors
    /// When the signature is none, or is said to be of a key in the policy and is not.
    pub fn signer(&self, component: &[u8], signature: &str) -> Result<Option<Signer>, SignatureError> {
        Self::by(&self.keys, component, signature)
    }

    /// Who signed a statement, of those who may approve. Whoever makes plugins does not, by that alone.
    ///
    /// # Errors
    /// As above.
    pub fn approver(&self, statement: &[u8], signature: &str) -> Result<Option<Signer>, SignatureError> {
        Self::by(&self.approvers, statement, signature)
    }

    /// Whether somebody may approve by signature.
    pub fn has_approvers(&self) -> bool {
        !self.approvers.is_empty()
    }

    fn by(keys: &[Key], signed: &[u8], signature: &str) -> Result<Option<Signer>, SignatureError> {
        let signature = Signature::decode(signature).map_err(|error| SignatureError::Form(error.to_string()))?;
        for (name, text, key) in keys {
            match key.verify(signed, &signature, false) {
                Ok(()) => return Ok(Some(Signer { name: name.clone(), key: text.clone() })),
                Err(Error::UnexpectedKeyId) => {}
                Err(_) => return Err(SignatureError::Wrong(name.clone())),
            }
        }
        Ok(None)
    }

    /// As the operator calls a key.
    pub fn name(&self, key: &str) -> Option<&str> {
        self.keys.iter().find(|(_, text, _)| text == key).map(|(name, ..)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: &str = "RWRBQUFBQUFBQa8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd";
    const OTHER: &str = "RWRCQkJCQkJCQi3wQSXwAVr7R86FOu+HcglP+UmMFMsbnhKXPCkn2g+m";
    const COMPONENT: &[u8] = b"a component";
    const BY_ACME: &str = "untrusted comment: signature of a test key\nRURBQUFBQUFBQbaCSK8wRCiiFppqyk16sJwfE1rbCsjyiU3KX4v7kPk8Oj/jd+chTOyzYGP0XM5UEHT/X+rMU93rETzhynNAywI=\ntrusted comment: a test\nrub1O6qnbUWOTP4K38nRJ1U7/cmrPjIzKOZD9nNPuYehySiGqmwVVHC5xT3Wcpuv1dwTsdS4RUL/DmIsWtnDDA==\n";
    const BY_OTHER: &str = "untrusted comment: signature of a test key\nRURCQkJCQkJCQnMygBZkifRITnu2baIr7BbDrx4PanUTy/TLmmVm1ItjegmLngBkfluk63ghVQAR/7I0LVl+8ibD7oHms5dSigc=\ntrusted comment: a test\nSbTDNcjhPCnjclFADeyMNsrY2UBUErWsCejhfB08qtgwcwoy20/JucUqzDVzN1LE0f1ghGfy9eDDWnxL0w0WBw==\n";

    fn policy(text: &str) -> Policy {
        Policy::parse(text).unwrap()
    }

    #[test]
    fn a_signature_counts_by_a_key_of_the_policy_alone() {
        let acme = policy(&format!("[keys]\nacme = \"{ACME}\""));
        let signer = acme.signer(COMPONENT, BY_ACME).unwrap().unwrap();
        assert_eq!((signer.name.as_str(), signer.key.as_str(), acme.name(ACME)), ("acme", ACME, Some("acme")));
        assert_eq!(acme.signer(COMPONENT, BY_OTHER).unwrap(), None);
        assert_eq!(policy("").signer(COMPONENT, BY_ACME).unwrap(), None);
        let both = policy(&format!("[keys]\nacme = \"{ACME}\"\nother = \"{OTHER}\""));
        assert_eq!(both.signer(COMPONENT, BY_OTHER).unwrap().unwrap().name, "other");
    }

    #[test]
    fn what_was_changed_is_not_what_was_signed() {
        let acme = policy(&format!("unsigned = \"refuse\"\n[keys]\nacme = \"{ACME}\""));
        assert!(acme.refuses_unsigned);
        assert_eq!(acme.signer(b"another component", BY_ACME).unwrap_err(), SignatureError::Wrong("acme".into()));
        // The comment that is to be trusted is signed as well.
        assert!(acme.signer(COMPONENT, &BY_ACME.replace("comment: a test", "comment: version 9")).is_err());
        // Another's signature under this key's number.
        let forged = BY_OTHER.replace("RURCQkJCQkJCQn", "RURBQUFBQUFBQX");
        assert!(acme.signer(COMPONENT, &forged).is_err());
        for bad in ["", "text", "untrusted comment: x\n!!!\ntrusted comment: y\n!!!\n"] {
            assert!(matches!(acme.signer(COMPONENT, bad), Err(SignatureError::Form(_))), "{bad:?}");
        }
    }

    #[test]
    fn what_runs_live_is_taken_unless_the_policy_refuses_all_of_it() {
        assert!(!policy("").refuses_hatches && !policy("hatch = \"allow\"").refuses_hatches);
        assert!(policy("hatch = \"refuse\"").refuses_hatches);
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_said() {
        for bad in ["keys = 1", "[keys]\nacme = \"x\"", "unsigned = \"maybe\"", "hatch = \"ask\"", "other = 1"] {
            assert!(matches!(Policy::parse(bad), Err(SignatureError::Policy(_))), "{bad:?}");
        }
    }
}
