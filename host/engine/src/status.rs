//! Status: what is open, who works, who can be reached. Needs no journal, no lock, and not all nodes.

use std::collections::BTreeMap;

use arcus_contract::facts::{Fact, Probe};
use arcus_contract::types::Role;
use arcus_node::{DrillNote, Look, Seen, TimerFact};
use arcus_plugin::Failure;
use futures::future::join_all;

use crate::drill::OpenDrill;
use crate::engine::Engine;
use crate::fault::{Fault, Trouble};
use crate::journal::{Entry, Journal};
use crate::lock::Holder;
use crate::migrate;

/// How the cluster stands, at a glance.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Status {
    /// Name of the cluster.
    pub cluster: String,
    /// What is half-done; most urgent first. Empty when nothing is.
    pub open: Vec<String>,
    /// Drills that are under way, or were left open.
    pub drills: Vec<OpenDrill>,
    /// Who holds the lock.
    pub holder: Option<Holder>,
    /// Per node, how it was found.
    pub nodes: BTreeMap<String, NodeStatus>,
    /// Managers reached, managers in all.
    pub managers: (usize, usize),
    /// Who holds the virtual address; none when nobody does, or nobody could be asked.
    pub address_holders: Vec<String>,
    /// The last run here, if its journal is still there.
    pub last_run: Option<LastRun>,
}

/// One node.
#[derive(Debug, Clone, serde::Serialize)]
pub struct NodeStatus {
    /// Whether it answered.
    pub reached: bool,
    /// Its roles.
    pub roles: Vec<String>,
    /// System and kernel, when it answered.
    pub system: Option<String>,
    /// Why not, when it did not.
    pub trouble: Option<Trouble>,
}

/// The last run of this checkout.
#[derive(Debug, Clone, serde::Serialize)]
pub struct LastRun {
    /// Id.
    pub run: String,
    /// `apply`, `drill`.
    pub verb: String,
    /// When it began.
    pub at: String,
    /// How it ended; none: it did not say.
    pub end: Option<String>,
    /// Steps that were begun and of which no end is told.
    pub open_steps: Vec<String>,
}

impl Engine {
    /// Looks at every node once.
    ///
    /// # Errors
    /// Never for nodes that are down; they are part of the answer.
    pub async fn status(&self) -> Result<Status, Fault> {
        let names: Vec<String> = self.cluster.nodes.iter().map(|member| member.node.name.clone()).collect();
        let of_all = names.iter().flat_map(|node| [Look::Probe(Probe::Os), Look::Probe(Probe::Interfaces), Look::Drill, Look::Timers].map(|look| (node.clone(), look)));
        let mut answers = self.fleet.look(of_all.chain(migrate::asks(self)).collect()).await.into_iter();
        let address = self.cast.roles.first().and_then(|role| role.input.handed.gateway.as_ref()).map(|offer| offer.address.clone());
        let (mut nodes, mut address_holders) = (BTreeMap::new(), Vec::new());
        let (mut notes, mut timers) = (BTreeMap::new(), BTreeMap::<String, Vec<TimerFact>>::new());
        for member in &self.cluster.nodes {
            let roles = member.node.roles.iter().map(|role| role.word().to_owned()).collect();
            let (os, interfaces, note, left) = (answers.next(), answers.next(), answers.next(), answers.next());
            if let Some(Ok(Seen::Drill(Some(note)))) = note {
                notes.insert((note.run.clone(), note.drill.clone()), note);
            }
            if let Some(Ok(Seen::Timers(left))) = left {
                timers.insert(member.node.name.clone(), left);
            }
            let status = match os {
                Some(Ok(Seen::Fact(Fact::Os(os)))) => NodeStatus { reached: true, roles, system: Some(format!("{} {}, Linux {}", os.id, os.version, os.kernel)), trouble: None },
                Some(Err(problem)) => NodeStatus { reached: false, roles, system: None, trouble: Some(Trouble::of(None, problem)) },
                _ => NodeStatus { reached: true, roles, system: None, trouble: None },
            };
            if let (Some(Ok(Seen::Fact(Fact::Interfaces(interfaces)))), Some(address)) = (interfaces, &address)
                && interfaces.iter().flat_map(|interface| &interface.addresses).any(|cidr| cidr.split('/').next() == Some(address.as_str()))
            {
                address_holders.push(member.node.name.clone());
            }
            nodes.insert(member.node.name.clone(), status);
        }
        let migration = migrate::told(self, answers);
        let holder = self.holder().await.unwrap_or_default();
        let managers: Vec<&str> = self.cluster.with(Role::Manage).map(|member| member.node.name.as_str()).collect();
        let reached = managers.iter().filter(|node| nodes.get(**node).is_some_and(|status: &NodeStatus| status.reached)).count();
        let last_run = self.last_run();

        // What a plugin knows to be half-done comes first: it may need somebody now.
        let mut open = self.unfinished().await;
        if let Some((node, words)) = migration {
            open.push(format!("the shared directory is being moved, and this file does not say so: {words} (told by {node}): {}", migrate::UNKNOWN_HELP));
        }
        let timers = |node: &String| timers.get(node).map_or(&[][..], Vec::as_slice);
        let drills: Vec<OpenDrill> = notes.values().map(|note: &DrillNote| OpenDrill::of(note, timers(&note.node))).collect();
        open.extend(drills.iter().map(OpenDrill::words));
        if let Some(holder) = &holder {
            open.push(format!("{}@{} is at `{}`, run {}, last sign of life {} s ago", holder.user, holder.host, holder.verb, holder.run, holder.idle_s));
        }
        if let Some(last) = &last_run
            && (last.end.is_none() || !last.open_steps.is_empty())
        {
            let steps = if last.open_steps.is_empty() { String::new() } else { format!("; open: {}", last.open_steps.join(", ")) };
            let again = format!("`arcus {}` goes on from there", last.verb);
            let next = if last.verb.starts_with("migrate") { again.as_str() } else if last.verb == "drill" { "`arcus drill back` takes back what is open" } else { "`arcus apply` goes on from there" };
            open.push(format!("run {} of {} did not come to its end{steps}: {next}", last.run, last.at));
        }
        if reached * 2 <= managers.len() {
            open.push(format!("{reached} of {} managers were reached: no majority; maybe it is this machine that is cut off", managers.len()));
        }
        if address_holders.len() > 1 {
            open.push(format!("the virtual address is on {} at once", address_holders.join(" and ")));
        }
        Ok(Status { cluster: self.cluster.name.clone(), open, drills, holder, nodes, managers: (reached, managers.len()), address_holders, last_run })
    }

    /// What the plugins call half-done.
    async fn unfinished(&self) -> Vec<String> {
        let (_, round) = self.round();
        let seats: Vec<_> = self.cast.roles.iter().map(|_| round.seat()).collect();
        let calls = self.cast.roles.iter().zip(seats).map(|(role, seat)| role.plugin.unfinished(seat, &role.input));
        let mut open = Vec::new();
        for (role, result) in self.cast.roles.iter().zip(join_all(calls).await) {
            match result {
                Ok(found) => open.extend(found.into_iter().map(|problem| match problem.help {
                    Some(help) => format!("{}: {help}", problem.message),
                    None => problem.message,
                })),
                // A cluster that it makes no sense of: why, and what to do, is in every plan.
                Err(Failure::Problems(problems)) if problems.iter().any(|problem| !problem.code.starts_with("node.")) => {
                    let made = problems.into_iter().filter(|problem| !problem.code.starts_with("node."));
                    open.extend(made.map(|problem| format!("{}: {}: `arcus plan` tells what to do", role.plugin.name(), problem.message)));
                }
                // Most often since nodes did not answer, which is told of each.
                Err(_) => open.push(format!("{} could not tell whether anything is half-done", role.plugin.name())),
            }
        }
        open
    }

    fn last_run(&self) -> Option<LastRun> {
        // Only what is there already: status makes no folder.
        self.folder.symlink_metadata(".arcus").ok()?;
        let state = crate::journal::state_folder(&self.folder).ok()?;
        let run = Journal::runs(&state).ok()?.pop()?;
        let entries = Journal::read(&state, &run).ok()?;
        let (mut verb, mut at, mut end) = (String::new(), String::new(), None);
        for entry in &entries {
            match entry {
                Entry::Run { verb: word, at: begun, .. } => (verb, at) = (word.clone(), begun.clone()),
                Entry::End { end: word, .. } => end = Some(word.clone()),
                _ => {}
            }
        }
        let open_steps = Journal::open_steps(&entries).into_iter().map(|(plugin, step, node)| format!("{plugin}/{step} on {node}")).collect();
        Some(LastRun { run, verb, at, end, open_steps })
    }
}
