//! What the installer left on the nodes that leads to other nodes: read once for all who mend it.

use crate::config::Config;
use crate::{member, paths};
use arcus_sdk::prelude::*;

/// Most of a file that is read.
const ENOUGH: u32 = 65_536;

/// A file of a node: not there, or its text.
pub type Text = Look<Option<String>>;

/// What was read on one node.
pub struct Installed {
    /// How the nodes' own name server is run.
    pub dns: Text,
    /// How it is run now: the unit that the agent made of it.
    pub dns_unit: Text,
    /// How the agent is run.
    pub agent: Text,
    /// How the way to etcd is run, on compute nodes.
    pub proxy: Text,
    /// Where pods' addresses are kept.
    pub cni: Text,
    /// Its agent was started after its settings last changed. Not known counts as not.
    pub agent_is_current: bool,
}

/// What was read on all nodes that Rainbond runs on.
pub struct All(PerNode<(Vec<Look<Option<FileFact>>>, Look<Option<ServiceFact>>)>);

/// The paths, in the order of the fields.
const PATHS: [&str; 5] = [paths::DNS, paths::DNS_UNIT, paths::START_NODE, paths::START_PROXY, paths::CNI];

impl All {
    /// Reads.
    pub fn look(cluster: &Cluster<Config>) -> Self {
        let asks = PATHS.map(|path| probe::content(path, ENOUGH)).to_vec();
        All(cluster.ask_many(member::all(cluster), (asks, probe::service_with("node.service", [paths::START_NODE]))))
    }

    /// On this node.
    pub fn at(&self, node: &Node) -> Installed {
        let (looks, agent) = self.0.of(node);
        let mut looks = looks.iter().map(|look| look.clone().map(|fact| fact.map(|fact| fact.text())));
        let mut next = || looks.next().unwrap_or(Known(None));
        Installed { dns: next(), dns_unit: next(), agent: next(), proxy: next(), cni: next(), agent_is_current: agent.is_known_and(|agent| agent.as_ref().is_some_and(|agent| agent.active && !agent.stale)) }
    }
}

/// The value in a line after these words, up to where it ends; a value in quotes goes up to the second one. With where it stands.
pub fn value<'a>(line: &'a str, words: &str, ends: &[char]) -> Option<(std::ops::Range<usize>, &'a str)> {
    let start = line.find(words)? + words.len();
    let rest = &line[start..];
    let (from, length) = match rest.strip_prefix('"') {
        Some(quoted) => (1, quoted.find('"').unwrap_or(quoted.len())),
        None => (0, rest.find(|c: char| c.is_whitespace() || ends.contains(&c)).unwrap_or(rest.len())),
    };
    let whole = start..(start + length + 2 * from).min(line.len());
    Some((whole, &rest[from..from + length]))
}

/// The first line that begins with these words, whatever is before them.
pub fn line<'a>(text: &'a str, begins: &str) -> Option<&'a str> {
    text.lines().find(|line| line.trim_start().starts_with(begins))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_their_words_do() {
        let line = r#"NODE_OPTS="--log-level=info --etcd=http://127.0.0.1:2379   --hostIP=10.0.0.1 --noderule manage""#;
        let (place, found) = value(line, "--etcd=", &['"']).unwrap();
        assert_eq!(found, "http://127.0.0.1:2379");
        assert_eq!(&line[place], found);
        // As the documents write it.
        let line = r#"NODE_OPTS="--kube=x --etcd="http://a:2379,http://b:2379"   --hostIP=10.0.0.1""#;
        let (place, found) = value(line, "--etcd=", &['"']).unwrap();
        assert_eq!((found, &line[place]), ("http://a:2379,http://b:2379", r#""http://a:2379,http://b:2379""#));
        assert_eq!(value(r#"    "etcd_endpoints": "http://a:2379","#, "\"etcd_endpoints\": ", &[',']).unwrap().1, "http://a:2379");
        assert_eq!(value(r#"NODE_OPTS="--etcd=x""#, "--etcd=", &['"']).unwrap().1, "x");
        assert_eq!(value("nothing", "--etcd=", &[]), None);
    }
}
