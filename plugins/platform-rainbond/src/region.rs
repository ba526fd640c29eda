//! The address of TCP applications, which Rainbond keeps in a row of its database and sets by itself to an address of the first node.

use arcus_sdk::parse;
use arcus_sdk::prelude::*;

/// The client in the database's container. Not `din`, which wants a terminal.
pub const CLIENT: [&str; 5] = ["docker", "exec", "-i", "rbd-db", "mysql"];

/// The statement for one data centre. Without WHERE it would change those of all.
pub fn update(region: &str, address: &str) -> String {
    format!("UPDATE console.region_info SET tcpdomain='{address}' WHERE region_name='{region}';\n")
}

/// What the database says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// The data centre has this address.
    Address(String),
    /// There is no such data centre; these there are.
    NoRegion(Vec<String>),
    /// It did not answer, and said this.
    Silent(String),
}

/// Reads the answer to the query `regions`.
pub fn held(said: &Output, region: &str) -> Held {
    let text = said.text();
    let mut rows = text.lines().map(|line| line.split('\t').map(str::trim).collect::<Vec<_>>());
    let has_header = rows.next().is_some_and(|header| header == ["region_name", "tcpdomain"]);
    // An empty table prints nothing at all.
    if !said.is_ok() || !(has_header || text.trim().is_empty()) {
        let why = said.error_text();
        let why = why.lines().chain(text.lines()).map(str::trim).find(|line| !line.is_empty()).unwrap_or("nothing").to_owned();
        return Held::Silent(parse::strip_ansi(&why));
    }
    let mut others = Vec::new();
    for row in rows {
        match row.as_slice() {
            [name, address] if *name == region => return Held::Address((*address).to_owned()),
            [name, ..] if !name.is_empty() => others.push((*name).to_owned()),
            _ => {}
        }
    }
    Held::NoRegion(others)
}

/// Whether a value may stand in the statement that puts it back.
pub fn can_be_put_back(address: &str) -> bool {
    !address.is_empty()
        && address.len() <= 128
        && address.starts_with(|c: char| c.is_ascii_alphanumeric())
        && address.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:".contains(&b))
        && (!address.contains(':') || address.parse::<std::net::IpAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: i32, stdout: &str, stderr: &str) -> Output {
        Output { status, stdout: stdout.into(), stderr: stderr.into(), truncated: false }
    }

    #[test]
    fn the_row_of_the_data_centre_and_no_other() {
        let text = "region_name\ttcpdomain\nother\t10.0.0.1\nrainbond\t10.0.0.2\n";
        assert_eq!(held(&said(0, text, ""), "rainbond"), Held::Address("10.0.0.2".into()));
        assert_eq!(held(&said(0, text, ""), "third"), Held::NoRegion(vec!["other".into(), "rainbond".into()]));
        assert_eq!(held(&said(0, "", ""), "rainbond"), Held::NoRegion(vec![]));
        assert_eq!(held(&said(0, "region_name\ttcpdomain\nrainbond\t\n", ""), "rainbond"), Held::Address(String::new()));
    }

    #[test]
    fn a_database_that_does_not_run_is_silent() {
        let held = held(&said(1, "", "Error response from daemon: Container rbd-db is not running\n"), "rainbond");
        assert_eq!(held, Held::Silent("Error response from daemon: Container rbd-db is not running".into()));
    }

    #[test]
    fn what_is_put_back_cannot_leave_its_quotes() {
        assert!(can_be_put_back("10.0.0.1") && can_be_put_back("apps.example.org") && can_be_put_back("fd00::1"));
        for bad in ["", "x' OR '1'='1", "-x", "a b", "a:b"] {
            assert!(!can_be_put_back(bad), "{bad}");
        }
    }
}
