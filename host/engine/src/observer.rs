//! Turns what plugins and the host want to know into looks at nodes, and what was seen into the contract's answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use arcus_contract::facts::{Answer, Fact, FileProbe, Probe, Request};
use arcus_contract::files::{Content, File, Piece};
use arcus_contract::types::Problem;
use arcus_node::{Look, Seen};
use arcus_plan::likeness;
use arcus_plan::manifest::{Manifest, Query, Secret};
use arcus_plan::standing::CONTENT_LIMIT;
use arcus_plugin::{Fetch, Wanted};
use async_trait::async_trait;

use crate::fleet::Fleet;
use crate::heard::Heard;
use crate::vault::{NodeFiles, Vault};
use crate::veil::Veil;

/// Bytes of a query's output that are kept.
const OUTPUT_LIMIT: u32 = 65_536;

/// Asks nodes for one planning pass. Secrets and files to carry over that were wanted travel with the next round.
pub struct Observer {
    fleet: Arc<Fleet>,
    vault: Arc<Vault>,
    heard: Arc<Heard>,
    manifests: BTreeMap<String, Arc<Manifest>>,
    secrets: Mutex<Vec<(String, String)>>,
    /// Nodes that told which secrets they keep.
    told: Mutex<BTreeSet<String>>,
    files: Mutex<Vec<(String, String)>>,
    node_files: Mutex<NodeFiles>,
}

impl Observer {
    /// For these plugins.
    pub fn new(fleet: Arc<Fleet>, vault: Arc<Vault>, heard: Arc<Heard>, manifests: BTreeMap<String, Arc<Manifest>>) -> Self {
        Self { fleet, vault, heard, manifests, secrets: Mutex::default(), told: Mutex::default(), files: Mutex::default(), node_files: Mutex::default() }
    }

    /// The next round also reads this secret on this node.
    pub fn want_secret(&self, key: String, node: String) {
        let mut secrets = self.secrets.lock().expect("no panic while held");
        if !secrets.contains(&(key.clone(), node.clone())) {
            secrets.push((key, node));
        }
    }

    /// The next round also reads this file, to be carried over.
    pub fn want_file(&self, node: String, path: String) {
        let mut files = self.files.lock().expect("no panic while held");
        if !files.contains(&(node.clone(), path.clone())) {
            files.push((node, path));
        }
    }

    /// What was read to be carried over.
    pub fn node_files(&self) -> NodeFiles {
        self.node_files.lock().expect("no panic while held").clone()
    }

    /// Names of the generated secrets in a file.
    pub fn secrets_of<'a>(manifest: &'a Manifest, file: &'a File) -> impl Iterator<Item = &'a str> {
        let pieces = match &file.content {
            Content::Pieces(pieces) => pieces.as_slice(),
            _ => &[],
        };
        pieces.iter().filter_map(|piece| match piece {
            Piece::Secret(name) if matches!(manifest.grant.secrets.get(name), Some(Secret::Generated { .. })) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Through this, what nodes say is shown.
    pub fn veil(&self) -> Arc<Veil> {
        self.vault.veil()
    }

    fn manifest(&self, wanted: &Wanted) -> Option<&Arc<Manifest>> {
        self.manifests.get(wanted.plugin.as_deref()?)
    }

    /// How a node is asked this.
    pub fn look(&self, wanted: &Wanted) -> Result<Look, Problem> {
        match &wanted.request.probe {
            Probe::FileIs(file) => Ok(Look::Probe(Probe::File(FileProbe { path: file.path.clone(), content: CONTENT_LIMIT }))),
            Probe::Job(step) => {
                let plugin = wanted.plugin.as_deref().unwrap_or_default();
                Ok(Look::Probe(Probe::Job(job_id(plugin, step))))
            }
            Probe::Query(query) => {
                let known = self.manifest(wanted).and_then(|manifest| manifest.query(&query.id));
                let Some(known) = known else {
                    return Err(problem("node.denied", format!("no manifest has a query `{}`", query.id), &wanted.request));
                };
                let (argv, stdin) = known.filled(&query.args).map_err(|reason| problem("node.denied", reason, &wanted.request))?;
                Ok(Look::Command { argv, stdin, timeout_s: known.timeout_s, limit: OUTPUT_LIMIT })
            }
            probe => Ok(Look::Probe(probe.clone())),
        }
    }

    /// What the node said, in the words of the contract.
    pub fn answer(&self, wanted: &Wanted, seen: arcus_node::Answer) -> Answer {
        let shape = || problem("answer.shape", "the node answered something else than was asked".into(), &wanted.request);
        let fact = seen?.fact().ok_or_else(shape)?;
        match (&wanted.request.probe, fact) {
            (Probe::FileIs(file), Fact::File(fact)) => {
                let Some(manifest) = self.manifest(wanted) else { return Err(shape()) };
                let files = self.node_files();
                likeness::likeness(file, fact.as_ref(), &self.vault.contents(manifest, &files))
                    .map(Fact::FileIs)
                    .map_err(|missing| problem("file.content-unknown", missing.to_string(), &wanted.request))
            }
            (Probe::Query(query), Fact::Query(mut output)) => {
                if let Some(known) = self.manifest(wanted).and_then(|manifest| manifest.query(&query.id)) {
                    output.stdout = redact(known, output.stdout);
                }
                Ok(Fact::Query(output))
            }
            (_, fact) => Ok(fact),
        }
    }

    /// Secrets to be read with this, so that they are known where they show: whoever reads a node's files or runs its programs may meet
    /// what is kept there.
    fn kept_where(&self, wanted: &[&Wanted]) -> Vec<(String, String)> {
        let shows = |probe: &Probe| match probe {
            Probe::File(file) => file.content > 0,
            Probe::Query(_) | Probe::Job(_) => true,
            _ => false,
        };
        let mut told = self.told.lock().expect("no panic while held");
        let nodes: Vec<&String> = wanted.iter().map(|want| &want.request).filter(|request| shows(&request.probe) && told.insert(request.node.clone())).map(|request| &request.node).collect();
        let generated = |secret: &Secret| matches!(secret, Secret::Generated { .. });
        let keys = || self.manifests.values().flat_map(|manifest| {
            manifest.grant.secrets.iter().filter(move |(_, secret)| generated(secret)).map(|(name, _)| Vault::key(&manifest.name, name))
        });
        nodes.into_iter().flat_map(|node| keys().map(move |key| (node.clone(), key))).collect()
    }

    /// Asks the nodes, in one round trip each.
    async fn ask(&self, wanted: &[&Wanted]) -> Vec<Answer> {
        for want in wanted {
            if let (Probe::FileIs(file), Some(manifest)) = (&want.request.probe, self.manifest(want)) {
                for name in Self::secrets_of(manifest, file) {
                    self.want_secret(Vault::key(&manifest.name, name), want.request.node.clone());
                }
                if let Content::NodeFile((node, path)) = &file.content {
                    self.want_file(node.clone(), path.clone());
                }
            }
        }
        let secrets = std::mem::take(&mut *self.secrets.lock().expect("no panic while held"));
        let files = std::mem::take(&mut *self.files.lock().expect("no panic while held"));
        let kept = self.kept_where(wanted);

        let looks: Vec<Result<Look, Problem>> = wanted.iter().map(|want| self.look(want)).collect();
        let mut asks = Vec::with_capacity(wanted.len() + secrets.len() + files.len() + kept.len());
        for (want, look) in wanted.iter().zip(&looks) {
            if let Ok(look) = look {
                asks.push((want.request.node.clone(), look.clone()));
            }
        }
        asks.extend(secrets.iter().map(|(key, node)| (node.clone(), Look::Secret(key.clone()))));
        asks.extend(files.iter().map(|(node, path)| (node.clone(), Look::Content { path: path.clone(), limit: 8 << 20 })));
        asks.extend(kept.into_iter().map(|(node, key)| (node, Look::Secret(key))));

        let mut seen = self.fleet.look(asks).await.into_iter();
        let answers: Vec<Result<arcus_node::Answer, Problem>> = looks
            .into_iter()
            .map(|look| look.map(|_| seen.next().unwrap_or_else(|| Err(lost()))))
            .collect();
        for (key, node) in &secrets {
            let value = match seen.next() {
                Some(Ok(Seen::Secret(value))) => Ok(value),
                _ => Err(()),
            };
            self.vault.note(key, node, value);
        }
        for place in files {
            if let Some(Ok(Seen::Content(content))) = seen.next() {
                let held = content.map(|content| content.bytes);
                self.node_files.lock().expect("no panic while held").insert(place, held);
            }
        }
        for answer in seen {
            if let Ok(Seen::Secret(Some(value))) = answer {
                self.vault.meet(&value);
            }
        }
        // Judged only now, when secrets are known.
        wanted.iter().zip(answers).map(|(want, answer)| answer.and_then(|seen| self.answer(want, seen))).collect()
    }
}

#[async_trait]
impl Fetch for Observer {
    fn shown(&self, answer: Answer) -> Answer {
        self.vault.veil().answer(answer)
    }

    async fn fetch(&self, wanted: Vec<Wanted>) -> Vec<Answer> {
        let known: Vec<Option<Answer>> = wanted.iter().map(|want| self.heard.known(&want.request)).collect();
        let unknown: Vec<&Wanted> = wanted.iter().zip(&known).filter(|(_, known)| known.is_none()).map(|(want, _)| want).collect();
        let answers = self.ask(&unknown).await;
        for (want, answer) in unknown.iter().zip(&answers) {
            self.heard.note(&want.request, answer);
        }
        let mut answers = answers.into_iter();
        known.into_iter().map(|known| known.or_else(|| answers.next()).unwrap_or_else(|| Err(lost()))).collect()
    }
}

/// The name of a step's job on its node: step ids are unique within a plugin only.
pub fn job_id(plugin: &str, step: &str) -> String {
    format!("{plugin}.{step}")
}

/// Takes out what the manifest declares secret. Output that is not the JSON it should be is taken out whole.
fn redact(query: &Query, stdout: Vec<u8>) -> Vec<u8> {
    if query.redact.is_empty() || stdout.is_empty() {
        return stdout;
    }
    let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(&stdout) else {
        return b"(redacted: not the JSON that was expected)".to_vec();
    };
    for pointer in &query.redact {
        if let Some(place) = value.pointer_mut(pointer) {
            *place = serde_json::Value::String("(redacted)".into());
        }
    }
    value.to_string().into_bytes()
}

fn problem(code: &str, message: String, request: &Request) -> Problem {
    Problem { code: code.into(), message, help: None, node: Some(request.node.clone()), pointer: None, retryable: false }
}

fn lost() -> Problem {
    Problem {
        code: "node.lost".into(),
        message: "no answer came".into(),
        help: None,
        node: None,
        pointer: None,
        retryable: true,
    }
}
