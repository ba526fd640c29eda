//! Where Rainbond was installed first, or will be: the *seat*. It keeps the playbooks, the console and its database, and adds all others.
//!
//! A second init beside a living cluster would be the worst that could happen, so nothing here goes by the order of the file alone,
//! and a manager that did not answer is never taken for one without a cluster.

use crate::config::{Config, Source};
use crate::console::Database;
use crate::grctl::{self, Listed};
use crate::{etcd, member, paths};
use arcus_sdk::prelude::*;

/// The seat, and what was seen there.
pub struct Seat<'a> {
    /// The manager.
    pub node: &'a Node,
    /// How far it is.
    pub stage: Stage,
    /// The nodes that Rainbond lists. Before init these are none, and known to be none.
    pub nodes: Look<Vec<Listed>>,
    /// The data centres' addresses.
    pub regions: Look<Output>,
    /// Patch of its grctl; none where it does not say.
    pub patch: Option<u32>,
}

impl Seat<'_> {
    /// The id under which Rainbond has a node, or will.
    pub fn uid(&self, cluster: &Cluster<Config>, node: &Node) -> String {
        let listed = self.nodes.known().and_then(|nodes| grctl::at(nodes, &node.address));
        // Somebody may have added it by hand, under another id.
        listed.map_or_else(|| cluster.stable_uuid(&format!("node/{}", node.name)), |listed| listed.uid.clone())
    }
}

/// How far the installation of the seat is.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Every manager answered, and none holds anything of a cluster.
    Bare,
    /// Its init is under way.
    Running,
    /// It has the mark.
    Done,
    /// None of those who answered has the mark, and this one's silence may hide it.
    Unknown(Problem),
}

impl Stage {
    /// As a look, for steps that must not be made from less.
    pub fn known(&self) -> Look<()> {
        match self {
            Stage::Unknown(problem) => Unknown(problem.clone()),
            _ => Known(()),
        }
    }
}

/// What every manager is asked: the mark, what a half init leaves behind, and whether one runs.
type Traces = (Ask<Option<FileFact>>, Ask<Option<FileFact>>, Ask<Option<DirectoryFact>>, Ask<Option<DirectoryFact>>, Ask<Option<JobFact>>);
type Seen = (Look<Option<FileFact>>, Look<Option<FileFact>>, Look<Option<DirectoryFact>>, Look<Option<DirectoryFact>>, Look<Option<JobFact>>);
/// What only the seat can say.
type Words = (Ask<Output>, Ask<Output>, Ask<Output>, Ask<Output>);
type Said = (Look<Output>, Look<Output>, Look<Output>, Look<Output>);

/// The questions of this module, to be sent with those of others.
pub fn traces(node: &Node) -> Traces {
    (
        probe::content(paths::MARK, 64),
        probe::file(paths::NODE_ID),
        probe::directory(paths::INIT),
        probe::directory(paths::ETCD),
        probe::job(format!("init:{}", node.name)),
    )
}

fn words(cluster: &Cluster<Config>) -> Words {
    (probe::query("nodes", []), Database::of(cluster).regions(), probe::query("version", []), probe::query("fail-log", []))
}

/// Asks, and finds the seat. `Err`: no plan may be made.
pub fn find(cluster: &Cluster<Config>) -> Result<Seat<'_>, Problem> {
    let managers = member::managers(cluster);
    let named = cluster.config.init_node.as_deref().and_then(|name| cluster.node(name));
    let Some(guess) = named.or_else(|| managers.first().copied()) else {
        return Err(problem("rainbond.no-manager", "the cluster has no manager"));
    };
    let mut batch = cluster.batch();
    let traces = batch.each_of(managers.iter().map(|node| (*node, traces(node))));
    let said = batch.one(guess, words(cluster));
    let mut got = batch.send();
    let traces: PerNode<Seen> = got.take(traces);
    let said: Said = got.take(said);

    let (node, stage) = settle(cluster, &managers, guess, &traces, &said.3)?;
    // In nearly every run the guess is right, and there is no second round.
    let said = if node.name == guess.name { said } else { cluster.ask_many([node], words(cluster)).of(node).clone() };
    let (nodes, regions, version, _) = said;
    if let Some(line) = version.known().and_then(|said| crate::version::Version::of_grctl(&said.text())) {
        same_version(cluster, node, &line, "its grctl is of")?;
    }
    let nodes = match (&stage, nodes) {
        (Stage::Bare | Stage::Running, _) => Known(Vec::new()),
        (Stage::Unknown(problem), _) => Unknown(problem.clone()),
        (Stage::Done, Known(said)) => match grctl::nodes(&said) {
            Ok(nodes) => Known(nodes),
            Err(why) => Unknown(problem("rainbond.api-silent", why).on(node).retryable()),
        },
        (Stage::Done, Unknown(problem)) => Unknown(problem),
    };
    let patch = version.known().and_then(|said| crate::version::Version::patch(&said.text()));
    Ok(Seat { node, stage, nodes, regions, patch })
}

fn settle<'a>(
    cluster: &'a Cluster<Config>,
    managers: &[&'a Node],
    guess: &'a Node,
    traces: &PerNode<Seen>,
    fail_log: &Look<Output>,
) -> Result<(&'a Node, Stage), Problem> {
    let marked: Vec<&Node> = managers.iter().copied().filter(|node| traces.of(node).0.is_known_and(Option::is_some)).collect();
    if let [one, other, ..] = marked.as_slice() {
        let message = format!("{} and {} were both installed as the first node: these are two clusters", one.name, other.name);
        return Err(problem("rainbond.two-clusters", message).help("take the nodes of one of them out of the file, or reset them"));
    }
    if let Some(node) = marked.first().copied() {
        as_named(cluster, node, "was installed first")?;
        if let Some(Some(mark)) = traces.of(node).0.known()
            && let Some(line) = crate::version::Version::line(&mark.text())
        {
            same_version(cluster, node, &line, "it was installed as")?;
        }
        return Ok((node, Stage::Done));
    }
    let running = |node: &&&Node| traces.of(node).4.is_known_and(|job| job.as_ref().is_some_and(|job| job.running));
    if let Some(node) = managers.iter().find(running).copied() {
        as_named(cluster, node, "is being installed first")?;
        return Ok((node, Stage::Running));
    }
    // Any of these may be the living seat.
    let silence = |node: &Node| match &traces.of(node).0 {
        Unknown(problem) => Some(Problem { node: Some(node.name.clone()), ..problem.clone() }),
        Known(_) => None,
    };
    if let Some(problem) = silence(guess).or_else(|| managers.iter().find_map(|node| silence(node))) {
        let hidden = managers.iter().copied().find(|node| problem.node.as_deref() == Some(&node.name));
        // Where one that answers holds members of a cluster, the seat is among the silent.
        let node = if managers.iter().any(|node| remains(cluster, traces.of(node)).is_some()) { hidden.unwrap_or(guess) } else { guess };
        return Ok((node, Stage::Unknown(problem)));
    }
    let left = |node: &'a Node| Some((node, remains(cluster, traces.of(node))?));
    let halves: Vec<(&Node, &str)> = managers.iter().copied().filter_map(left).collect();
    let [(node, what), ..] = halves.as_slice() else { return Ok((guess, Stage::Bare)) };
    let holders: Vec<&Node> = halves.iter().map(|(node, _)| *node).collect();
    if let Some(problem) = living(cluster, &holders) {
        return Err(problem);
    }
    let (_, id, _, _, job) = traces.of(node);
    let job = job.known().and_then(Option::as_ref);
    // A manager that was added by another keeps members of a cluster, and has had no init.
    let begun = job.is_some() || id.is_known_and(Option::is_some);
    Err(if begun && node.name == guess.name { half(cluster, node, what, job, fail_log) } else { left_there(node, what) })
}

/// Members of a cluster that lives, without the manager that it was installed from: nobody must begin anew here, however bare the others are.
fn living(cluster: &Cluster<Config>, holders: &[&Node]) -> Option<Problem> {
    let mut batch = cluster.batch();
    let lists = batch.each_of(holders.iter().map(|node| (*node, probe::query("etcd-members", [etcd::list(&node.address).as_str()]))));
    let lists = batch.send().take(lists);
    let seen = |node: &&Node| Some((node.name.clone(), etcd::members(lists.of(node).known()?).ok().filter(|members| members.len() > 1)?));
    let found: Vec<(String, Vec<etcd::Member>)> = holders.iter().filter_map(seen).collect();
    let (_, members) = found.first()?;
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let (takes, managers) = (if names.len() == 1 { "takes" } else { "take" }, member::managers(cluster));
    let strangers: Vec<&etcd::Member> = members.iter().filter(|member| !managers.iter().any(|node| member.is(&node.address))).collect();
    let never = "never run `grctl init` or `grctl reset` on any of these machines";
    let (code, message, help) = match strangers.as_slice() {
        [] => (
            "rainbond.mark-lost",
            format!("{} {takes} part in a living etcd, and no manager has the mark of the first installation ({})", names.join(" and "), paths::MARK),
            format!(
                "where /opt/rainbond/rainbond-ansible is, and the mark alone was lost, write it: `echo {} > {}`; where the first manager was made anew, its playbooks are lost: bring them back from a backup first; {never}",
                cluster.config.version.word(),
                paths::MARK
            ),
        ),
        strangers => {
            let places: Vec<String> = strangers.iter().map(|member| place(cluster, member)).collect();
            (
                "rainbond.first-left-out",
                format!("{} {takes} part in a living etcd with {}, and the manager that Rainbond was installed from is missing in the file", names.join(" and "), places.join(" and ")),
                format!("put it back into the file, with its old roles; whatever became of that machine, {never}"),
            )
        }
    };
    Some(problem(code, message).help(help))
}

/// A member that is no manager of the file, as the operator knows it.
fn place(cluster: &Cluster<Config>, member: &etcd::Member) -> String {
    match cluster.nodes.iter().find(|node| member.is(&node.address)) {
        Some(node) => format!("{} ({}, no manager in the file)", node.name, node.address),
        None => member.place().to_owned(),
    }
}

/// What an init that did not end well, or a cluster that lost its seat, left there.
fn remains(cluster: &Cluster<Config>, seen: &Seen) -> Option<&'static str> {
    let (_, id, init, etcd, _) = seen;
    let full = |look: &Look<Option<DirectoryFact>>| look.is_known_and(|fact| fact.as_ref().is_some_and(|fact| fact.entries > 0));
    if full(etcd) {
        return Some(paths::ETCD);
    }
    if id.is_known_and(Option::is_some) {
        return Some(paths::NODE_ID);
    }
    // An unpacked offline bundle leaves a note there before any init.
    (cluster.config.install == Source::Online && full(init)).then_some(paths::INIT)
}

/// What may be a left-over, or may be all that there is.
fn left_there(node: &Node, what: &str) -> Problem {
    let message = format!("{} holds {what} of a cluster, and no manager of the file has the mark of a finished installation", node.name);
    problem("rainbond.remains", message).on(node).help(format!(
        "if a manager was taken out of the file, put it back; if {} is where Rainbond was installed first, name it as init-node; only if it is a left-over that nobody needs, run `grctl reset` there and remove /opt/rainbond/.init and /opt/rainbond/data",
        node.name
    ))
}

/// Half an init is a state of its own: what is right to do depends on why it failed, and a second init on its own accord is never right.
fn half(cluster: &Cluster<Config>, node: &Node, what: &str, job: Option<&JobFact>, fail_log: &Look<Output>) -> Problem {
    // With a password on the installer's command line its own logs may have it; what the job printed has not.
    let log = fail_log.known().filter(|said| said.status == 0 && cluster.config.database.is_none()).map(OutputText::text);
    let tail = job.map(|job| String::from_utf8_lossy(&job.tail).into_owned());
    let reason = log.as_deref().and_then(grctl::reason).or_else(|| tail.as_deref().and_then(grctl::reason));
    let reason = reason.or_else(|| tail.as_deref().and_then(grctl::last_line)).unwrap_or_else(|| "its logs name no reason".into());
    let message = format!("an init on {} began and did not finish ({what} is there, {} is not): {reason}", node.name, paths::MARK);
    let again = crate::init::argv(cluster, node).map_or_else(|_| "grctl init".to_owned(), |argv| shell(&argv));
    problem("rainbond.half-init", message).on(node).help(format!(
        "read /opt/rainbond/rainbond-ansible/log/fail.log and /tmp/install there, mend the cause, and choose: go on with what is there by running on {node} `{again}` until it ends with success, then `arcus apply`; or begin anew by running on {node} `/usr/local/bin/grctl reset` and `rm -rf /opt/rainbond/.init /opt/rainbond/data`, then `arcus apply`",
        node = node.name
    ))
}

/// For people to paste: a word with blanks in quotes.
fn shell(argv: &[String]) -> String {
    let word = |word: &String| if word.contains(' ') { format!("'{word}'") } else { word.clone() };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn as_named(cluster: &Cluster<Config>, node: &Node, how: &str) -> Result<(), Problem> {
    match &cluster.config.init_node {
        Some(name) if *name != node.name => {
            let message = format!("init-node is {name}, but {} {how}", node.name);
            Err(problem("rainbond.init-node-moved", message).at("/init-node").help(format!("write init-node: {}", node.name)))
        }
        _ => Ok(()),
    }
}

fn same_version(cluster: &Cluster<Config>, node: &Node, line: &str, how: &str) -> Result<(), Problem> {
    if line == cluster.config.version.word() {
        return Ok(());
    }
    let message = format!("the file asks for Rainbond {}, but on {} {how} {line}", cluster.config.version, node.name);
    Err(problem("rainbond.version-differs", message).on(node).at("/version").help(format!("write version: \"{line}\"; Arcus does not upgrade Rainbond")))
}
