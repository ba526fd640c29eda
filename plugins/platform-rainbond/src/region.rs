//! The row of a data centre in the console's database: where its API, its events and its TCP applications are. The installer fills it
//! with addresses of the first node.

use crate::addresses::Addresses;
use crate::config::Config;
use crate::console::Database;
use crate::seat::{Seat, Stage};
use arcus_sdk::parse;
use arcus_sdk::prelude::*;

/// The columns that hold addresses, in the order in which they are asked for.
const HEADER: [&str; 5] = ["region_name", "url", "wsurl", "tcpdomain", "httpdomain"];

/// A data centre as the console has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its addresses.
    pub row: Row,
    /// Default domain of applications; not ours to change here.
    pub httpdomain: String,
}

/// The addresses of a data centre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Of the API.
    pub url: String,
    /// Of the events.
    pub wsurl: String,
    /// Of TCP applications.
    pub tcpdomain: String,
}

impl Row {
    /// As it should be.
    pub fn wanted(config: &Config, addresses: Addresses<'_>) -> Self {
        // The certificate of 5.0 is for the name, whatever address that leads to.
        let api = if config.version.names_its_api() { crate::addresses::BY_MANAGERS } else { addresses.managers };
        Row { url: format!("https://{api}:8443"), wsurl: format!("ws://{}:6060", addresses.managers), tcpdomain: addresses.gateways.to_owned() }
    }

    /// The statement for one data centre. Without WHERE it would change those of all.
    pub fn update(&self, region: &str) -> String {
        let Row { url, wsurl, tcpdomain } = self;
        format!("UPDATE console.region_info SET url='{url}', wsurl='{wsurl}', tcpdomain='{tcpdomain}' WHERE region_name='{region}';\n")
    }

    /// What differs from another, in words.
    pub fn differences(&self, wanted: &Row) -> Vec<String> {
        let pairs = [("url", &self.url, &wanted.url), ("wsurl", &self.wsurl, &wanted.wsurl), ("tcpdomain", &self.tcpdomain, &wanted.tcpdomain)];
        pairs.iter().filter(|(_, have, want)| have != want).map(|(column, have, want)| format!("{column} is {have}, not {want}")).collect()
    }

    /// Whether it may stand in the statement that puts it back: the values are somebody else's.
    pub fn can_be_put_back(&self) -> bool {
        let place = |url: &str, scheme: &str| {
            let rest = url.strip_prefix(scheme).and_then(|rest| rest.rsplit_once(':'));
            rest.is_some_and(|(host, port)| is_address(host) && port.parse::<u16>().is_ok())
        };
        place(&self.url, "https://") && place(&self.wsurl, "ws://") && is_address(&self.tcpdomain)
    }
}

fn is_address(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:".contains(&b))
        && (!text.contains(':') || text.parse::<std::net::IpAddr>().is_ok())
}

/// What the database says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// There it is.
    Entry(Entry),
    /// There is no such data centre; these there are.
    NoRegion(Vec<String>),
    /// It did not answer, and said this.
    Silent(String),
}

/// Reads the answer to the query for regions.
pub fn held(said: &Output, region: &str) -> Held {
    let text = said.text();
    let mut rows = text.lines().map(|line| line.split('\t').map(str::trim).collect::<Vec<_>>());
    let has_header = rows.next().is_some_and(|header| header == HEADER);
    // An empty table prints nothing at all.
    if !said.is_ok() || !(has_header || text.trim().is_empty()) {
        let why = said.error_text();
        let why = why.lines().chain(text.lines()).map(str::trim).find(|line| !line.is_empty()).unwrap_or("nothing").to_owned();
        return Held::Silent(parse::strip_ansi(&why));
    }
    let mut others = Vec::new();
    for row in rows {
        match row.as_slice() {
            [name, url, wsurl, tcpdomain, httpdomain] if *name == region => {
                let row = Row { url: (*url).to_owned(), wsurl: (*wsurl).to_owned(), tcpdomain: (*tcpdomain).to_owned() };
                return Held::Entry(Entry { row, httpdomain: (*httpdomain).to_owned() });
            }
            [name, ..] if !name.is_empty() => others.push((*name).to_owned()),
            _ => {}
        }
    }
    Held::NoRegion(others)
}

/// The addresses, in the row of this data centre only. The old values are what undo puts back, so before init, when there are none, the
/// step cannot be told.
pub fn plan(cluster: &Cluster<Config>, seat: &Seat<'_>, after: &Planned, plan: &mut Plan) {
    let Some(addresses) = Addresses::of(cluster) else { return };
    let region = &cluster.config.region;
    let wanted = Row::wanted(&cluster.config, addresses);
    let database = Database::of(cluster);
    let found = match (&seat.stage, &seat.regions) {
        (Stage::Done, Known(said)) => held(said, region),
        _ => Held::Silent("the console's database is there".into()),
    };
    let command = |plan: &mut Plan| {
        let expect = format!("the console has {}, {} and {}", wanted.url, wanted.wsurl, wanted.tcpdomain);
        plan.command("region", seat.node, database.client()).stdin(text![wanted.update(region)]).until([database.regions().on(seat.node)], expect, 15)
    };
    let step = match found {
        Held::Entry(Entry { row: old, .. }) if old != wanted && old.can_be_put_back() => {
            let argv = database.client().into_iter().map(str::to_owned).collect();
            command(plan).undo(Action::Command(Command { argv, stdin: text![old.update(region)], status_lies: false }))
        }
        // Where there is no such data centre its goal says so, and holds up nothing else.
        Held::Entry(_) | Held::NoRegion(_) => command(plan),
        Held::Silent(_) => plan.later("region", seat.node, "the first node is installed: its old values must be kept", &["command"]),
    };
    step.of(region.as_str())
        .title(format!("let the data centre {region} be found at {}", if addresses.are_one() { addresses.gateways.to_owned() } else { format!("{} and {}", addresses.managers, addresses.gateways) }))
        .after([after])
        .needs_anywhere(milestone::VIP_ANSWERING)
        .needs_anywhere(addresses.managers_answering());
}

/// Judges the step: the row says what it should.
pub fn judge(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let Some(addresses) = Addresses::of(cluster) else { return met() };
    match held(case.get::<Output>(0)?, &cluster.config.region) {
        Held::Entry(found) => match found.row.differences(&Row::wanted(&cluster.config, addresses)).as_slice() {
            [] => met(),
            differences => unmet(differences.join("; ")),
        },
        Held::NoRegion(others) => will_fail(
            problem("rainbond.no-region", no_region(&cluster.config.region, &others)).at("/region").help("write the name that the console shows"),
        ),
        Held::Silent(why) => unmet(format!("the database says: {why}")),
    }
}

/// The check: as [`judge`].
pub fn verify(cluster: &Cluster<Config>, seat: &Seat<'_>, checks: &mut Checks) {
    let Some(addresses) = Addresses::of(cluster) else { return };
    let region = &cluster.config.region;
    let wanted = Row::wanted(&cluster.config, addresses);
    let title = format!("the console finds the data centre {region}, and its TCP applications, by the virtual address");
    checks.of_cluster("region", title).judge(&seat.regions, |said| match held(said, region) {
        Held::Entry(Entry { row, .. }) => match row.differences(&wanted).as_slice() {
            [] => passed(format!("{}, {}, {}", row.url, row.wsurl, row.tcpdomain)),
            differences => failed(differences.join("; ")),
        },
        Held::NoRegion(others) => failed(no_region(region, &others)),
        Held::Silent(why) => unknown(format!("the console's database says: {why}")),
    });
}

/// In words.
fn no_region(region: &str, others: &[String]) -> String {
    match others {
        [] => format!("the console has no data centre {region}, and no other"),
        others => format!("the console has no data centre {region}; it has {}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: i32, stdout: &str, stderr: &str) -> Output {
        Output { status, stdout: stdout.into(), stderr: stderr.into(), truncated: false }
    }

    fn row(url: &str, wsurl: &str, tcpdomain: &str) -> Row {
        Row { url: url.into(), wsurl: wsurl.into(), tcpdomain: tcpdomain.into() }
    }

    #[test]
    fn the_row_of_the_data_centre_and_no_other() {
        let text = "region_name\turl\twsurl\ttcpdomain\thttpdomain\nother\thttps://a:8443\tws://a:6060\ta\tx\nrainbond\thttps://b:8443\tws://b:6060\tb\ty\n";
        assert_eq!(held(&said(0, text, ""), "rainbond"), Held::Entry(Entry { row: row("https://b:8443", "ws://b:6060", "b"), httpdomain: "y".into() }));
        assert_eq!(held(&said(0, text, ""), "third"), Held::NoRegion(vec!["other".into(), "rainbond".into()]));
        assert_eq!(held(&said(0, "", ""), "rainbond"), Held::NoRegion(vec![]));
    }

    #[test]
    fn a_database_that_does_not_run_is_silent() {
        let held = held(&said(1, "", "Error response from daemon: Container rbd-db is not running\n"), "rainbond");
        assert_eq!(held, Held::Silent("Error response from daemon: Container rbd-db is not running".into()));
    }

    #[test]
    fn what_is_put_back_cannot_leave_its_quotes() {
        assert!(row("https://10.0.0.1:8443", "ws://apps.example.org:6060", "fd00::1").can_be_put_back());
        for bad in [
            row("https://10.0.0.1:8443", "ws://a:6060", "x' OR '1'='1"),
            row("https://a'b:8443", "ws://a:6060", "a"),
            row("http://a:8443", "ws://a:6060", "a"),
            row("https://a:8443", "ws://a", "a"),
            row("https://a:8443", "ws://a:6060", ""),
        ] {
            assert!(!bad.can_be_put_back(), "{bad:?}");
        }
    }
}
