//! Reading what `grctl` prints. Its exit status and its stderr prove nothing; only tables do.

use crate::role::{Role, Roles};
use arcus_sdk::parse;
use arcus_sdk::prelude::*;

/// A row of `grctl node list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The node's id.
    pub uid: String,
    /// Its address.
    pub ip: String,
    /// As the node calls itself; empty until its agent runs.
    pub host: String,
    /// Its roles, in the words of 5.1.
    pub roles: Roles,
    /// `manage,gateway`, as printed.
    pub roles_text: String,
    /// How it is.
    pub status: Status,
}

/// The status of a node: `running(unschedulable,unhealth)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// `running`, `offline`, `not_installed`, ...
    pub word: String,
    /// What stands in brackets.
    pub marks: Vec<String>,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.marks.is_empty() {
            true => f.write_str(&self.word),
            false => write!(f, "{}({})", self.word, self.marks.join(",")),
        }
    }
}

impl Status {
    /// Reads a cell of the table.
    pub fn read(text: &str) -> Self {
        let (word, marks) = text.split_once('(').unwrap_or((text, ""));
        let marks = marks.trim_end_matches(')').split(',').map(str::trim).filter(|mark| !mark.is_empty());
        Status { word: word.trim().to_owned(), marks: marks.map(str::to_owned).collect() }
    }

    /// Exactly `running`: the only good one.
    pub fn is_good(&self) -> bool {
        self.word == "running" && self.marks.is_empty()
    }

    /// Its software is on it, whatever its health.
    pub fn is_installed(&self) -> bool {
        matches!(self.word.as_str(), "install_success" | "running" | "offline" | "unknown" | "error")
    }

    /// Its agent reports, and it takes work if it is a compute node. Health may lag.
    pub fn is_in_service(&self) -> bool {
        self.word == "running" && !self.has("unschedulable")
    }

    /// It stands in brackets.
    pub fn has(&self, mark: &str) -> bool {
        self.marks.iter().any(|known| known == mark)
    }
}

/// The nodes that Rainbond knows. `Err`: the output has no such table, with what it says instead.
pub fn nodes(said: &Output) -> Result<Vec<Listed>, String> {
    let text = said.text();
    let Some(table) = parse::table(&text, "Uid") else { return Err(silence(said)) };
    let row = |row: parse::Row<'_>| {
        let cell = |name| row.get(name).unwrap_or_default();
        Some(Listed {
            uid: row.get("Uid").filter(|uid| !uid.is_empty())?.to_owned(),
            ip: cell("IP").to_owned(),
            host: cell("HostName").to_owned(),
            roles: roles(cell("NodeRole")),
            roles_text: cell("NodeRole").to_owned(),
            status: Status::read(cell("Status")),
        })
    };
    Ok(table.rows().filter_map(row).collect())
}

/// The row of the node with this address.
pub fn at<'a>(nodes: &'a [Listed], address: &str) -> Option<&'a Listed> {
    nodes.iter().find(|node| node.ip == address)
}

/// Docs and tools of 5.0 mix two sets of words.
fn roles(text: &str) -> Roles {
    let role = |word: &str| match word.trim() {
        "manage" | "master" => Some(Role::Manage),
        "compute" | "worker" => Some(Role::Compute),
        "gateway" | "loadbalance" | "lb" => Some(Role::Gateway),
        _ => None,
    };
    text.split(',').filter_map(role).collect()
}

/// What `grctl cluster` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `healthy`, `unhealthy` or `unavailable`.
    pub status: String,
    /// Why not healthy; empty otherwise.
    pub message: String,
    /// Services of which not all are healthy: name, `1/2`, message.
    pub ailing: Vec<(String, String, String)>,
    /// How many services are counted.
    pub services: usize,
}

/// The cluster's health. `Err`: the output has no such table, with what it says instead.
pub fn health(said: &Output) -> Result<Health, String> {
    let text = said.text();
    let Some(table) = parse::table(&text, "Service") else { return Err(silence(said)) };
    let mut health = Health { status: String::new(), message: String::new(), ailing: Vec::new(), services: 0 };
    for row in table.rows() {
        let (Some(name), Some(count)) = (row.get("Service"), row.get("HealthyQuantity/Total")) else { continue };
        let message = row.get("Message").unwrap_or_default();
        if name == "ClusterStatus" {
            health.status = count.to_owned();
            health.message = message.to_owned();
            continue;
        }
        health.services += 1;
        let all = count.split_once('/').is_some_and(|(good, total)| good.trim() == total.trim());
        if !all || !message.is_empty() {
            health.ailing.push((name.to_owned(), count.to_owned(), message.to_owned()));
        }
    }
    // The order of rows is random.
    health.ailing.sort();
    match health.status.is_empty() {
        true => Err("its table has no ClusterStatus".into()),
        false => Ok(health),
    }
}

/// The tools print noise on stderr in good times too, so stdout goes first.
fn silence(said: &Output) -> String {
    let line = |text: String| text.lines().map(str::trim).find(|line| !line.is_empty()).map(|line| cut(line).to_owned());
    match line(said.text()).or_else(|| line(said.error_text())) {
        Some(line) => format!("grctl says: {line}"),
        None => format!("grctl says nothing (status {})", said.status),
    }
}

/// The reason of a failure, from the installer's logs: its last ` !!! reason`, else its last line with FAILED.
pub fn reason(log: &str) -> Option<String> {
    let log = parse::strip_ansi(log);
    let last = |has: fn(&str) -> bool| log.lines().rev().map(str::trim).find(|line| has(line)).map(|line| cut(line).to_owned());
    last(|line| line.starts_with("!!!")).or_else(|| last(|line| line.contains("FAILED") || line.starts_with("fatal:")))
}

/// The last thing that was said.
pub fn last_line(log: &str) -> Option<String> {
    let log = parse::strip_ansi(log);
    log.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(|line| cut(line).to_owned())
}

fn cut(line: &str) -> &str {
    let end = line.char_indices().nth(200).map_or(line.len(), |(place, _)| place);
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stdout: &str) -> Output {
        Output { status: 0, stdout: stdout.into(), stderr: b"level=error msg=\"error config k8s\"\n".to_vec(), truncated: false }
    }

    const LIST: &str = "
+--------------------------------------+-----------+-----------+----------------+-----------------------------------------+
| Uid                                  | IP        | HostName  | NodeRole       | Status                                  |
+--------------------------------------+-----------+-----------+----------------+-----------------------------------------+
| 11111111-aaaa-4aaa-8aaa-000000000001 | 10.0.0.11 | manage01  | manage,gateway | \u{1b}[0;32;32mrunning\u{1b}[0m                                 |
| 11111111-aaaa-4aaa-8aaa-000000000002 | 10.0.0.12 | manage02  | manage,gateway | running(unhealth)                       |
+--------------------------------------+-----------+-----------+----------------+-----------------------------------------+
| 22222222-bbbb-4bbb-8bbb-000000000001 | 10.0.0.21 | compute01 | compute        | running(unschedulable)                  |
| 22222222-bbbb-4bbb-8bbb-000000000003 | 10.0.0.23 |           | compute        | offline(unschedulable,unhealth,offline) |
+--------------------------------------+-----------+-----------+----------------+-----------------------------------------+
";

    #[test]
    fn the_list_of_nodes_of_5_1() {
        let nodes = nodes(&said(LIST)).unwrap();
        assert_eq!(nodes.len(), 4, "the rule in the middle is no row and no end");
        assert!(at(&nodes, "10.0.0.11").unwrap().status.is_good());
        let second = &at(&nodes, "10.0.0.12").unwrap().status;
        assert!(!second.is_good() && second.is_in_service() && second.has("unhealth"));
        assert!(!at(&nodes, "10.0.0.21").unwrap().status.is_in_service());
        let last = at(&nodes, "10.0.0.23").unwrap();
        assert_eq!((last.status.word.as_str(), last.host.as_str()), ("offline", ""));
        assert_eq!(last.status.to_string(), "offline(unschedulable,unhealth,offline)");
    }

    #[test]
    fn the_list_of_5_0_has_one_column_more() {
        let text = "| Uid | IP | HostName | NodeRole | NodeMode | Status |\n| u1 | 10.0.0.11 | a | master | node | running |\n| u2 | 10.0.0.21 | b | compute | node | not_installed(unschedulable,unhealth) |\n";
        let nodes = nodes(&said(text)).unwrap();
        assert_eq!(nodes[0].roles, Roles::from([Role::Manage]));
        assert!(nodes[0].status.is_good() && !nodes[1].status.is_installed());
    }

    #[test]
    fn no_table_is_silence_not_an_empty_list() {
        let error = nodes(&said("The current cluster api server is not working properly.\nYou can query\n")).unwrap_err();
        assert_eq!(error, "grctl says: The current cluster api server is not working properly.");
        assert!(nodes(&said("| Uid | IP | Status |\n")).unwrap().is_empty());
    }

    #[test]
    fn health_counts_every_service() {
        let text = format!(
            "\tUsed/Total\tUse of\nCPU\t1/2\t3%\n| Service | HealthyQuantity/Total | Message |\n| ClusterStatus | \u{1b}[0;31;31munhealthy\u{1b}[0m | There is a service exception in the cluster |\n| rbd-api | \u{1b}[0;31;31m 1/2 \u{1b}[0m | manage02:cmd exec failure exit status 1/ |\n| Ready | 2/2 | |\n\n{LIST}"
        );
        let health = health(&said(&text)).unwrap();
        assert_eq!((health.status.as_str(), health.services), ("unhealthy", 2));
        assert_eq!(health.ailing, [("rbd-api".into(), "1/2".into(), "manage02:cmd exec failure exit status 1/".into())]);
        assert!(super::health(&said(LIST)).is_err());
    }

    #[test]
    fn the_reason_is_the_last_one() {
        assert_eq!(reason(" --- a... --- \n !!! port 80 is in use\n").as_deref(), Some("!!! port 80 is in use"));
        assert_eq!(reason("TASK x\nfatal: [n1]: FAILED! => {}\nmore\nFAILED - RETRYING (3)\nend").as_deref(), Some("FAILED - RETRYING (3)"));
        assert_eq!(reason("all good"), None);
        assert_eq!(last_line("a\n\n b \n\n").as_deref(), Some("b"));
    }

    mod fuzz {
        use super::*;

        const HEALTH: &str = "+---------------+------------------------+---------+\n| Service       | HealthyQuantity/Total  | Message |\n+---------------+------------------------+---------+\n| ClusterStatus | unhealthy              | x       |\n| etcd          | 2/3                    | m3 is down |\n";

        #[test]
        fn tables_of_grctl() {
            arcus_fuzz::text(&[LIST, HEALTH], &["| Uid |", "| Service |", "running(", ")", "unschedulable", "0/0", "\u{1b}[0m", "ClusterStatus", "manage,gateway"], |text| {
                for output in [said(text), Output { status: 1, stdout: vec![], stderr: text.into(), truncated: true }] {
                    if let Ok(nodes) = nodes(&output) {
                        for node in &nodes {
                            assert!(!node.uid.is_empty() && output.text().contains(&node.uid));
                            // Good is exactly one word, whatever stands around it.
                            assert!(!node.status.is_good() || node.status.to_string() == "running");
                        }
                    }
                    if let Ok(health) = health(&output) {
                        assert!(!health.status.is_empty() && health.ailing.len() <= health.services);
                    }
                }
                for line in [reason(text), last_line(text)].into_iter().flatten() {
                    assert!(line.chars().count() <= 200 && !line.contains(['\n', '\u{1b}']));
                }
            });
        }
    }
}
