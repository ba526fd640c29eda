//! Values of secrets are taken out of what programs print, as the host does it.

/// Shorter ones are words like any other.
const SHORTEST: usize = 6;

/// What stands in the place of one.
const REDACTED: &[u8] = b"(secret)";

/// Values to be kept out of what is shown. As they are: what was encoded before it was printed is not recognised.
pub(super) struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    /// Of these values.
    pub(super) fn of(values: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut values: Vec<Vec<u8>> = values.into_iter().map(|value| value.trim_ascii().to_vec()).filter(|value| value.len() >= SHORTEST).collect();
        // One may be part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self(values)
    }

    /// Whether one is in it.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|value| find(bytes, value).is_some())
    }

    /// The same without them.
    pub(super) fn redact(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for value in &self.0 {
            let mut from = 0;
            while let Some(at) = find(&bytes[from..], value).map(|at| at + from) {
                bytes.splice(at..at + value.len(), REDACTED.iter().copied());
                from = at + REDACTED.len();
            }
        }
        bytes
    }
}

fn find(bytes: &[u8], value: &[u8]) -> Option<usize> {
    bytes.windows(value.len()).position(|window| window == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_goes_wherever_it_stands() {
        let secrets = Secrets::of([b"hunter2".to_vec(), b"hunter2-and-more\n".to_vec(), b"ab".to_vec()]);
        assert_eq!(secrets.redact(b"hunter2 abhunter2hunter2-and-more.".to_vec()), b"(secret) ab(secret)(secret).");
        assert!(secrets.is_in(b"x\xffhunter2") && !secrets.is_in(b"ab hunter"));
    }
}
