//! Bytes that may hold secrets: never shown, wiped when dropped.
use std::{fmt, sync::Arc};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Bytes that may hold secrets. `Debug` shows the length only; memory is wiped when the last copy goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Hidden(Arc<Zeroizing<Vec<u8>>>);

impl Hidden {
    /// Takes them over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes.into())))
    }

    /// The bytes. Whoever calls this answers for where they go.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Lower-case hex.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.reveal()))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} hidden bytes>", self.len())
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl From<Vec<u8>> for Hidden {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}
