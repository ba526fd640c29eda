//! The cluster as a plugin sees it: its own config, the nodes, what was handed over, and ways to ask.

use crate::ask::{Ask, Batch, Look, PerNode, Probes};
use crate::{host, problem};
use arcus_contract::facts::{Answer, Request};
use arcus_contract::handoffs::{Handed, Input};
use arcus_contract::types::{Node, Problem, Role};
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The input of a call, with the config read. Cheap to pass around by reference.
pub struct Cluster<C> {
    /// The plugin's own section of the cluster file.
    pub config: C,
    /// Made once by `arcus init`; the same for ever.
    pub cluster_id: String,
    /// The cluster's name in the file.
    pub name: String,
    /// All nodes, in the order of the file. Order must not matter for what is done.
    pub nodes: Vec<Node>,
    /// What the other plugins said.
    pub handed: Handed,
    /// Nodes that did not answer so far, with what the host said. Steps on them become `later`.
    silent: RefCell<BTreeMap<String, Problem>>,
}

impl<C: DeserializeOwned> Cluster<C> {
    /// Reads the config. `Err`: `plugin.config`, with a pointer to the place.
    pub fn new(input: Input) -> Result<Self, Problem> {
        Ok(Cluster {
            config: read_config(&input.config)?,
            cluster_id: input.cluster_id,
            name: input.cluster,
            nodes: input.nodes,
            handed: input.handed,
            silent: RefCell::default(),
        })
    }
}

impl<C> Cluster<C> {
    /// Nodes with this role, in the order of the file.
    pub fn role(&self, role: Role) -> Vec<&Node> {
        self.nodes.iter().filter(|node| node.roles.contains(&role)).collect()
    }

    /// Nodes with any of these roles, each once, in the order of the file.
    pub fn any_role(&self, roles: &[Role]) -> Vec<&Node> {
        self.nodes.iter().filter(|node| roles.iter().any(|role| node.roles.contains(role))).collect()
    }

    /// The node of this name.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// These nodes by name; names of no node are left out.
    pub fn named<'a>(&'a self, names: &[String]) -> Vec<&'a Node> {
        self.nodes.iter().filter(|node| names.contains(&node.name)).collect()
    }

    /// An id that is always the same for this cluster and key, and differs between clusters: UUID version 5.
    /// Keys are the author's, e.g. `node/compute01`.
    pub fn stable_uuid(&self, key: &str) -> String {
        let parsed = uuid::Uuid::parse_str(&self.cluster_id);
        let space = parsed.unwrap_or_else(|_| uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, self.cluster_id.as_bytes()));
        uuid::Uuid::new_v5(&space, key.as_bytes()).hyphenated().to_string()
    }

    /// The raw ask: answers in the order of the requests. One call is at most one round trip per node, so ask for
    /// everything known to be needed in one; [`Cluster::batch`] does that with types.
    pub fn ask(&self, requests: Vec<Request>) -> Vec<Answer> {
        if requests.is_empty() {
            return Vec::new();
        }
        let answers = host::ask(&requests);
        let mut silent = self.silent.borrow_mut();
        for (request, answer) in requests.iter().zip(&answers) {
            if let Err(problem) = answer
                && problem.code == "node.unreachable"
            {
                silent.entry(request.node.clone()).or_insert_with(|| problem.clone());
            }
        }
        answers
    }

    /// One question to one node.
    pub fn ask_one<T: crate::FactType>(&self, node: &Node, ask: Ask<T>) -> Look<T> {
        let answer = self.ask(vec![ask.on(node)]).pop();
        answer.map_or_else(|| Look::Unknown(unanswered()), Look::from_answer)
    }

    /// The same question to many nodes, in one ask.
    pub fn ask_each<'a, T: crate::FactType + 'static>(&self, nodes: impl IntoIterator<Item = &'a Node>, ask: Ask<T>) -> PerNode<Look<T>> {
        self.ask_many(nodes, ask)
    }

    /// Several questions to many nodes, in one ask: a tuple `(probe::os(), probe::mounts())` gives a tuple of looks per node, a
    /// `Vec` of questions a `Vec` of looks.
    pub fn ask_many<'a, P: Probes + 'static>(&self, nodes: impl IntoIterator<Item = &'a Node>, probes: P) -> PerNode<P::Seen> {
        let mut batch = self.batch();
        let ticket = batch.each(nodes, probes);
        batch.send().take(ticket)
    }

    /// Different questions to different nodes, in one ask.
    pub fn batch(&self) -> Batch<'_, C> {
        Batch::new(self)
    }

    /// Nodes that did not answer (so far).
    pub fn silent(&self) -> Vec<&Node> {
        let silent = self.silent.borrow();
        self.nodes.iter().filter(|node| silent.contains_key(&node.name)).collect()
    }

    pub(crate) fn silence(&self) -> BTreeMap<String, Problem> {
        self.silent.borrow().clone()
    }
}

fn unanswered() -> Problem {
    problem("plugin.unanswered", "the host gave fewer answers than there were requests")
}

/// An absent section reads like an empty one.
fn read_config<C: DeserializeOwned>(json: &str) -> Result<C, Problem> {
    let json = match json.trim() {
        "" | "null" => "{}",
        json => json,
    };
    let mut reader = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path().iter() {
            use serde_path_to_error::Segment;
            match segment {
                Segment::Seq { index } => pointer += &format!("/{index}"),
                Segment::Map { key } => pointer += &format!("/{}", key.replace('~', "~0").replace('/', "~1")),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        // serde_json adds a line and column of its one-line JSON, which say nothing about the operator's file.
        let message = error.inner().to_string();
        let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(said, _)| said);
        let problem = problem("plugin.config", message);
        if pointer.is_empty() { problem } else { Problem { pointer: Some(pointer), ..problem } }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[serde(default)]
        bricks: Vec<Brick>,
    }
    #[derive(serde::Deserialize, Debug)]
    struct Brick {
        #[allow(dead_code)]
        size: u32,
    }

    #[test]
    fn a_config_mistake_points_to_its_place() {
        let problem = read_config::<Config>(r#"{"bricks": [{"size": 1}, {"size": "big"}]}"#).unwrap_err();
        assert_eq!(problem.pointer.as_deref(), Some("/bricks/1/size"));
        assert!(problem.message.contains("big") && !problem.message.contains("line"), "{}", problem.message);
        assert!(read_config::<Config>("null").unwrap().bricks.is_empty());
    }

    #[test]
    fn ids_are_stable_and_differ_between_clusters() {
        let of = |id: &str| Cluster {
            config: (),
            cluster_id: id.into(),
            name: "demo".into(),
            nodes: vec![],
            handed: crate::guest::nothing_handed(),
            silent: RefCell::default(),
        };
        let one = of("4f1c2f0e-0000-4000-8000-000000000001");
        assert_eq!(one.stable_uuid("node/a"), one.stable_uuid("node/a"));
        assert_ne!(one.stable_uuid("node/a"), one.stable_uuid("node/b"));
        assert_ne!(one.stable_uuid("node/a"), of("4f1c2f0e-0000-4000-8000-000000000002").stable_uuid("node/a"));
    }
}
