//! `arcus trust`: shows the nodes' host keys, all at once, and pins those that the operator confirms.

use std::sync::Arc;

use arcus_cluster::Cluster;
use arcus_engine::{Fault, Kind, Trouble};
use arcus_node::{Endpoint, HostKey, KnownHosts};
use futures::stream::{self, StreamExt as _};

use crate::cli::args::Trust;
use crate::cli::console::count;
use crate::cli::environment::host as this_machine;
use crate::cli::folder::{Folder, KNOWN_HOSTS};
use crate::cli::foreign::Foreign;
use crate::cli::met::Met;
use crate::cli::show::keys;
use crate::cli::ssh::{pins, ssh};
use crate::cli::trust::{Decision, Given, Host, Refusal, State, endpoints};
use crate::cli::{Context, consent};
use crate::safe;

/// Looks at so many at a time.
const AT_ONCE: usize = 64;

/// Looks, shows, asks, pins.
pub async fn run(context: &Context, args: &Trust) -> Result<(), Fault> {
    let folder = Folder::open(&context.global.file)?;
    let (_, cluster) = folder.cluster()?;
    let given = given(args, &cluster)?;
    let mut only = args.nodes.clone();
    only.extend(args.replace.iter().cloned());
    let console = &context.console;
    let (mut told, mut pinned, mut troubles) = (Vec::new(), Vec::new(), Vec::new());
    let mut met = Met::open(&context.environment, &folder)?;
    // What is in between must be pinned before anything behind it can be seen.
    for group in endpoints(&cluster, &only) {
        if group.is_empty() {
            continue;
        }
        let mut known = pins(&folder)?;
        let mut hosts = look(context, &folder, &cluster, &group, &known).await?;
        // Pinned by whoever changed the folder: new to this operator.
        let strangers = met.as_ref().map(|met| met.strangers(&known, &group)).unwrap_or_default();
        for host in hosts.iter_mut().filter(|host| strangers.iter().any(|stranger| stranger.name == host.name) && matches!(host.state, State::Pinned)) {
            host.state = State::New;
        }
        console.data(keys::hosts(&hosts, console.terminal().out));
        let odd = keys::oddities(&hosts, console.terminal().err);
        if !odd.is_empty() {
            console.say(odd);
        }
        told.extend(hosts.iter().map(json));
        console.report("hosts", &told);
        let decisions: Vec<Decision> = hosts.iter().map(|host| given.decide(host)).collect();
        let confirmed = confirm(context, &cluster, &hosts, &decisions)?;
        let (mut names, mut confirmed_keys) = (Vec::new(), Vec::new());
        for (host, decision) in hosts.iter().zip(&decisions) {
            let keys = match decision {
                Decision::Pin(keys) => keys,
                Decision::Ask if confirmed => &host.keys,
                Decision::Refuse(refusal) => {
                    troubles.push(refused(host, *refusal));
                    continue;
                }
                Decision::Ask | Decision::Leave => {
                    if let State::NotReached(error) = &host.state {
                        troubles.push(Trouble::of(None, error.to_problem()));
                    }
                    continue;
                }
            };
            let who = format!("{} pinned by {}@{} {}", host.name, context.environment.user(), this_machine(), today());
            if matches!(host.state, State::Changed { .. }) {
                let note = format!("replaced by {}@{} {}", context.environment.user(), this_machine(), today());
                known.replace(&host.address, host.port, keys, &who, &note).map_err(|error| unusable(&error))?;
            } else {
                for key in keys {
                    known.add(&host.address, host.port, key, &who);
                }
            }
            names.push(host.name.clone());
            confirmed_keys.extend(keys.iter().map(HostKey::fingerprint));
        }
        if !names.is_empty() {
            known.save(&folder.path.join(KNOWN_HOSTS)).map_err(|error| unusable(&error))?;
            if let Some(met) = &mut met {
                met.begin(&known)?;
                met.add(confirmed_keys.into_iter())?;
            }
        }
        pinned.extend(names);
    }
    console.report("pinned", &pinned);
    if pinned.is_empty() {
        console.note("nothing new was pinned");
    } else {
        console.note(safe!("{} pinned in {}", count(pinned.len(), "host", "hosts"), KNOWN_HOSTS));
    }
    if troubles.is_empty() {
        return Ok(());
    }
    Err(Fault { kind: Kind::Unreachable, troubles, diagnostics: vec![] })
}

fn given(args: &Trust, cluster: &Cluster) -> Result<Given, Fault> {
    let mut fingerprints = Vec::new();
    for pair in &args.fingerprints {
        match pair.split_once('=') {
            Some((node, fingerprint)) if fingerprint.starts_with("SHA256:") => fingerprints.push((node.to_owned(), fingerprint.trim_end_matches('=').to_owned())),
            _ => return Err(Fault::new(Kind::Input, "trust.fingerprint", format!("--fingerprint {pair}: it has the form NODE=SHA256:...")).help("`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the machine prints it")),
        }
    }
    let in_between: Vec<String> = endpoints(cluster, &[])[0].iter().map(|endpoint| endpoint.name.clone()).collect();
    let known = |name: &str| cluster.node(name).is_some() || in_between.iter().any(|host| host == name);
    let there: Vec<&str> = cluster.nodes.iter().map(|member| member.node.name.as_str()).chain(in_between.iter().map(String::as_str)).collect();
    for name in args.nodes.iter().chain(&args.replace).chain(fingerprints.iter().map(|(name, _)| name)) {
        if !known(name) {
            return Err(Fault::new(Kind::Input, "trust.unknown-node", format!("the cluster file has no node `{name}`")).help(format!("there are: {}", there.join(", "))));
        }
    }
    if let Some(word) = args.accept.iter().find(|word| *word != "host-keys") {
        return Err(Fault::new(Kind::Input, "cli.unknown-risk", format!("--accept {word}: there is nothing of this name to accept here")).help("there is: host-keys"));
    }
    let from = args.from.as_ref().map(|path| {
        // A file that is not there would be empty, and an empty file proves nothing.
        std::fs::metadata(path).map_err(|error| Fault::new(Kind::Input, "trust.from", format!("--from {}: {error}", path.display())).help("it names a file like ~/.ssh/known_hosts"))?;
        KnownHosts::load(path).map_err(|error| unusable(&error))
    });
    Ok(Given { fingerprints, from: from.transpose()?, anything: !args.accept.is_empty(), replace: args.replace.clone() })
}

async fn look(context: &Context, folder: &Folder, cluster: &Cluster, group: &[Arc<Endpoint>], known: &KnownHosts) -> Result<Vec<Host>, Fault> {
    let ssh = ssh(context, folder, cluster)?;
    context.console.note(safe!("looking at {}", count(group.len(), "host", "hosts")));
    let looks = group.iter().cloned().map(|endpoint| {
        let ssh = ssh.clone();
        async move {
            let found = ssh.host_keys(&endpoint).await;
            (endpoint, found)
        }
    });
    let found: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    Ok(found.into_iter().map(|(endpoint, found)| Host::compare(&endpoint, found, known)).collect())
}

/// Asks for what nothing has proven yet: once for all new hosts, and for each changed one by its name.
fn confirm(context: &Context, cluster: &Cluster, hosts: &[Host], decisions: &[Decision]) -> Result<bool, Fault> {
    let open: Vec<&Host> = hosts.iter().zip(decisions).filter(|(_, decision)| **decision == Decision::Ask).map(|(host, _)| host).collect();
    if open.is_empty() {
        return Ok(true);
    }
    let console = &context.console;
    if !console.terminal().person {
        let names: Vec<&str> = open.iter().map(|host| host.name.as_str()).collect();
        return Err(Fault::new(Kind::Input, "trust.unconfirmed", format!("nobody is there to confirm the host keys of {}", names.join(", ")))
            .help("--fingerprint NODE=SHA256:... for each, --from FILE with pins of a colleague, or --accept host-keys when the network between is trusted"));
    }
    console.say(safe!("Compare these with the machines' own, on their consoles: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"));
    for host in open.iter().filter(|host| matches!(host.state, State::Changed { .. })) {
        if !console.ask_word(safe!("To replace the pin of {}, type its name:", Foreign::word(&host.name)), &host.name) {
            return Err(Fault::new(Kind::Pending, "cli.declined", "not confirmed: nothing was pinned").help("compare the keys on the machines' consoles, then again"));
        }
    }
    let new = open.iter().filter(|host| matches!(host.state, State::New)).count();
    if new > 0 {
        consent::by_name(console, &cluster.name, safe!("{} to pin.", count(new, "new host", "new hosts")), "--accept host-keys")?;
    }
    Ok(true)
}

fn refused(host: &Host, refusal: Refusal) -> Trouble {
    let presented: Vec<String> = host.keys.iter().map(|key| format!("{} ({})", key.fingerprint(), key.algorithm)).collect();
    let presented = presented.join(", ");
    let (code, message, help) = match refusal {
        Refusal::OtherThanGiven => (
            "trust.other-key",
            format!("{} presents none of the keys that were given for it, but {presented}", host.name),
            "somebody else may be answering: find out before going on".to_owned(),
        ),
        Refusal::Changed => (
            "node.host-key-changed",
            format!("{} presents another key than is pinned: {presented}", host.name),
            format!("if the machine was reinstalled: arcus trust --replace {}; otherwise somebody else may be answering: find out before going on", host.name),
        ),
        Refusal::Revoked => {
            let place = match host.state {
                State::Revoked { line } => format!(" by line {line} of {KNOWN_HOSTS}"),
                _ => " by the file that was given".to_owned(),
            };
            ("node.host-key-revoked", format!("{} presents a key that is revoked{place}", host.name), "give the machine a new host key".to_owned())
        }
    };
    Trouble { code: code.into(), message, help: Some(help), node: Some(host.name.clone()), ..Trouble::default() }
}

fn unusable(error: &arcus_node::KnownHostsError) -> Fault {
    Fault::new(Kind::Input, "trust.unusable", error.to_string()).help("it has the form of ~/.ssh/known_hosts: mend the line, or leave it out")
}

fn today() -> String {
    jiff::Zoned::now().strftime("%Y-%m-%d").to_string()
}

fn json(host: &Host) -> serde_json::Value {
    let keys: Vec<serde_json::Value> = host.keys.iter().map(|key| serde_json::json!({ "algorithm": key.algorithm, "fingerprint": key.fingerprint() })).collect();
    serde_json::json!({ "name": host.name, "address": host.address, "port": host.port, "state": host.state.word(), "keys": keys })
}
