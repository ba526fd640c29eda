//! A third party's plugin that runs live: its nodes agree on a token, which one of them makes when none has one yet. With another mode it does
//! what no plugin should, for tests of what the host then says and does.

use std::cell::RefCell;

use arcus_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// What it does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// In which way.
    #[serde(default = "good")]
    pub mode: String,
}

fn good() -> String {
    "good".into()
}

/// What the step is told.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    mode: String,
    nodes: Vec<String>,
    /// A node that is not the step's.
    other: String,
}

/// The plugin.
pub struct Relay;

const FOLDER: &str = "/srv/relay";
const TOKEN: &str = "/srv/relay/token";

thread_local! {
    /// For whoever tries to keep a session: every call has an instance of its own.
    static KEPT: RefCell<Option<Session>> = const { RefCell::new(None) };
}

fn members(cluster: &Cluster<Config>) -> Vec<&Node> {
    cluster.any_role(&[Role::Manage, Role::Compute])
}

impl Plugin for Relay {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        if cluster.config.mode == "forged" {
            forged()?;
        }
        let members = members(cluster);
        let Some((first, rest)) = members.split_first() else { return Ok(()) };
        // Whether it is needed it says when it has looked into the folders.
        let made = || members.iter().all(|node| matches!(cluster.ask_one(node, probe::directory(FOLDER)), Look::Known(Some(_))));
        if cluster.config.mode == "later" && !made() {
            let folders: Vec<Planned> = members.iter().map(|node| plan.directory("make", node, FOLDER, 0o750)).collect();
            plan.later("agree", first, "what the folders hold is known once they are there", &["call"]).after(&folders);
            return Ok(());
        }
        let folders: Vec<Planned> = members.iter().map(|node| plan.directory("make", node, FOLDER, 0o750)).collect();
        // One that means harm leaves a node out, and opens it nevertheless.
        let live: Vec<&Node> = if matches!(cluster.config.mode.as_str(), "other-node" | "tries") { vec![*first] } else { members.clone() };
        let told = Told {
            mode: cluster.config.mode.clone(),
            nodes: live.iter().map(|node| node.name.clone()).collect(),
            other: rest.first().map(|node| node.name.clone()).unwrap_or_default(),
        };
        let tokens = members.iter().map(|node| probe::content(TOKEN, 100).on(node));
        plan.call("agree", first, live, &told)
            .until(tokens, "all nodes have the same token", 10)
            .after(&folders)
            .timeout_s(if matches!(cluster.config.mode.as_str(), "late" | "endless") { 4 } else { 60 });
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new().on("agree", |cluster, case| {
            if KEPT.with(|kept| kept.borrow().is_some()) {
                return will_fail(problem("relay.kept", "a session was kept"));
            }
            let count = members(cluster).len();
            let mut tokens = Vec::new();
            for place in 0..count {
                let file: &Option<FileFact> = case.get(place)?;
                match file {
                    Some(file) if !file.content.is_empty() => tokens.push(file.content.clone()),
                    _ => return unmet("a node has no token"),
                }
            }
            tokens.dedup();
            if tokens.len() == 1 { met() } else { unmet("their tokens differ") }
        })
    }

    fn live(step: &Live<'_>) -> Result<(), Problem> {
        let told: Told = step.args()?;
        if told.mode == "tries" {
            return tries(step, &told);
        }
        if told.mode != "good" {
            misbehave(step, &told)?;
        }
        let mut open = Vec::new();
        let mut token = None;
        for node in &told.nodes {
            let session = step.open(node)?;
            // A run that was cut left one: the others are given the same.
            let has = session.read(TOKEN)?.filter(|content| !content.is_empty());
            token = token.or_else(|| has.clone());
            open.push((session, has));
        }
        let token = match (token, open.first()) {
            (Some(token), _) => token,
            (None, Some((first, _))) => {
                let made = first.exec(["mktemp", "--dry-run", "relay.XXXXXXXXXX"])?;
                if made.status != 0 {
                    return Err(problem("relay.no-token", made.error_text()));
                }
                made.stdout
            }
            (None, None) => return Ok(()),
        };
        for (session, has) in &open {
            if has.as_ref() != Some(&token) {
                session.write(TOKEN, &token, 0o640)?;
                if told.mode == "slow" {
                    session.feed(["sleep", "6"], "", 30)?;
                }
            }
        }
        Ok(())
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        for node in members(cluster) {
            checks.on(node, "token", "it has a token").judge(&cluster.ask_one(node, probe::content(TOKEN, 100)), |file| match file {
                Some(file) if !file.content.is_empty() => passed("it has"),
                _ => failed("it has none"),
            });
        }
        Ok(())
    }
}

impl Storage for Relay {
    fn offer(_: &Cluster<Config>) -> Result<StorageOffer, Vec<Problem>> {
        Ok(StorageOffer { source: "none".into(), fstype: "none".into(), options: vec![], local: vec![] })
    }
}

/// One after the other, whatever is said of it; tells all that was said.
fn tries(step: &Live<'_>, told: &Told) -> Result<(), Problem> {
    let mut said = String::new();
    for mode in ["other-node", "shell", "outside", "climb", "private", "echo", "flood"] {
        let told = Told { mode: mode.into(), nodes: told.nodes.clone(), other: told.other.clone() };
        match misbehave(step, &told) {
            Ok(()) => said += &format!("{mode}: done\n"),
            Err(problem) => said += &format!("{mode}: `{}` {}\n", problem.code, problem.message),
        }
    }
    Err(problem("relay.tries", said))
}

fn misbehave(step: &Live<'_>, told: &Told) -> Result<(), Problem> {
    let first = told.nodes.first().map(String::as_str).unwrap_or_default();
    match told.mode.as_str() {
        "other-node" => drop(step.open(&told.other)?),
        "endless" => {
            let session = step.open(first)?;
            loop {
                let _ = session.exec(["sleep", "0"]);
            }
        }
        "spin" => loop {
            std::hint::black_box(told);
        },
        "flood" => {
            let said = step.open(first)?.exec(["yes"])?;
            return Err(problem("relay.flood", format!("{} bytes came, cut: {}", said.stdout.len(), said.truncated)));
        }
        "climb" => step.open(first)?.write("/srv/relay/../../etc/cron.d/relay", "* * * * * root true\n", 0o644)?,
        "outside" => step.open(first)?.write("/etc/cron.d/relay", "* * * * * root true\n", 0o644)?,
        "shell" => drop(step.open(first)?.exec(["sh", "-c", "reboot"])?),
        "private" => drop(step.open(first)?.read("/etc/shadow")?),
        "echo" => {
            // What it could not know; a program that prints it could be anything.
            let said = step.open(first)?.feed(["cat"], "relay-precious-8d1f", 10)?;
            return Err(problem("relay.echo", format!("it says {}", said.text())));
        }
        "late" => {
            let session = step.open(first)?;
            let slept = session.feed(["sleep", "600"], "", 900);
            let after = session.exec(["sleep", "0"]);
            let code = |problem: &Problem| problem.code.clone();
            return Err(problem("relay.late", format!("{:?}, then {:?}", slept.err().as_ref().map(code), after.err().as_ref().map(code))));
        }
        "panic" => {
            step.open(first)?.write(TOKEN, "half of it", 0o640)?;
            panic!("the relay fell on {first}");
        }
        "kept" => {
            let session = step.open(first)?;
            KEPT.with(|kept| kept.borrow_mut().replace(session));
        }
        _ => {}
    }
    Ok(())
}

/// A handle that nobody gave it.
#[cfg(target_family = "wasm")]
#[allow(unsafe_code)]
fn forged() -> Result<(), Problem> {
    use arcus_sdk::worlds::hatch::arcus::plugin::session::Session;
    // SAFETY: a handle is a number to the host, which knows whose it is.
    let session = unsafe { Session::from_handle(1) };
    session.exec(&["sleep".to_owned(), "0".to_owned()], &[], 1).map(drop)
}

#[cfg(not(target_family = "wasm"))]
fn forged() -> Result<(), Problem> {
    Ok(())
}

arcus_sdk::export!(storage with hatch: Relay);
