//! The plugin's section of the cluster file.

/// The plugin's section of the cluster file.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// The virtual address, CIDR.
    pub vip: String,
    /// The address of the managers, CIDR, where gateways are machines of their own.
    pub managers: Option<String>,
    /// Interface that carries it.
    pub interface: Option<String>,
    /// Number of the VRRP group.
    pub vrid: Option<u8>,
    /// Version of VRRP: 2 or 3.
    #[serde(default = "default_version")]
    pub version: u8,
    /// Time between adverts.
    pub advert: Option<Advert>,
    /// By address instead of multicast.
    #[serde(default = "default_unicast")]
    pub unicast: bool,
    /// Of the first gateway by name.
    #[serde(default = "default_priority")]
    pub priority: u8,
    /// How health is looked at.
    #[serde(default)]
    pub health: Health,
    /// That users reach.
    #[serde(default = "default_port")]
    pub port: u16,
}

/// How the gateway's health is looked at.
#[derive(Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Seconds between two looks.
    pub interval: u32,
    /// Bad ones in a row until it counts.
    pub fall: u32,
    /// Good ones in a row until it counts.
    pub rise: u32,
}

impl Default for Health {
    fn default() -> Self {
        Health { interval: 2, fall: 2, rise: 2 }
    }
}

/// `250ms`, `1s`, or a number of milliseconds.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
pub enum Advert {
    /// Milliseconds.
    Number(u32),
    /// With its unit.
    Text(String),
}

impl Advert {
    /// In milliseconds. `None`: it is no such time.
    pub fn milliseconds(&self) -> Option<u32> {
        let text = match self {
            Advert::Number(number) => return Some(*number),
            Advert::Text(text) => text.trim(),
        };
        let (number, scale) = match text.strip_suffix("ms") {
            Some(number) => (number, 0),
            None => (text.strip_suffix('s')?, 3),
        };
        // By digits, not by floating point: 0.29 s is 290 ms.
        let (whole, part) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
        if whole.is_empty() || part.len() > scale || !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        format!("{whole}{part}{}", "0".repeat(scale - part.len())).parse().ok()
    }
}

fn default_version() -> u8 {
    3
}
fn default_unicast() -> bool {
    true
}
fn default_priority() -> u8 {
    140
}
fn default_port() -> u16 {
    80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_by_digits() {
        for (text, wanted) in [
            ("250ms", Some(250)),
            ("1s", Some(1000)),
            ("0.29s", Some(290)),
            ("0.2905s", None),
            ("1.5ms", None),
            ("1", None),
            ("s", None),
            ("-1s", None),
            ("99999999999s", None),
        ] {
            assert_eq!(Advert::Text(text.into()).milliseconds(), wanted, "{text}");
        }
    }
}
