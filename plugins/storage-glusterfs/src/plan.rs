//! What should be: daemons, one pool, one volume, mounts. Nothing that fails when repeated is ever repeated.

use crate::config::Config;
use crate::layout::{Layout, storage};
use crate::mounting;
use crate::pool::{self, Peer};
use crate::role;
use crate::volume::{self, Said};
use arcus_sdk::prelude::*;
use std::collections::BTreeSet;

/// Where glusterd keeps what it knows; tells of a pool also while it does not run.
const STATE: &str = "/var/lib/glusterd";
/// glusterd's unit.
const UNIT: &str = "glusterd.service";

/// What was seen on a storage node.
struct Server<'a> {
    node: &'a Node,
    os: Look<Os>,
    mounts: Look<Vec<Mounted>>,
    service: Look<Option<ServiceFact>>,
    bricks: Vec<Look<Option<DirectoryFact>>>,
    /// What gluster keeps of its own in each brick.
    inner: Vec<Look<Option<DirectoryFact>>>,
    /// Its peers: none where gluster is not installed or not running.
    peers: Look<Option<Vec<Peer>>>,
    /// The volume, likewise.
    said: Look<Option<Said>>,
    /// Its files tell that it knows the volume, or peers.
    knows_volume: Look<bool>,
    knows_peers: Look<bool>,
}

impl Server<'_> {
    /// An attempt to make the volume was cut off, or refused by another node: gluster left its mark on a brick, which it takes for
    /// a brick in use from then on.
    fn was_tried(&self) -> bool {
        self.bricks.iter().zip(&self.inner).any(|(brick, inner)| brick.is_known_and(Option::is_some) && !holds_something(brick, inner))
    }
}

/// Something that is not gluster's own empty folder is in a brick.
fn holds_something(brick: &Look<Option<DirectoryFact>>, inner: &Look<Option<DirectoryFact>>) -> bool {
    let entries = |look: &Look<Option<DirectoryFact>>| look.known().and_then(Option::as_ref).map(|directory| directory.entries);
    match entries(brick) {
        None | Some(0) => false,
        Some(1) => entries(inner) != Some(0),
        Some(_) => true,
    }
}

/// How sure it is that there is a volume.
enum There {
    /// A node shows it.
    Is,
    /// Everybody answered, and nobody knows of one.
    IsNot,
    /// A node that might know did not say.
    Unknown(Problem),
}

/// All that should be so; problems where something else is in the way.
pub fn plan(cluster: &Cluster<Config>, layout: &Layout, plan: &mut Plan) {
    let shared = cluster.handed.demands.shared.as_ref();
    let clients = shared.map(|shared| cluster.named(&shared.nodes)).unwrap_or_default();
    let (servers, clients_seen) = look(cluster, layout, &clients);
    let there = there(cluster, &servers);
    let driver = driver(&servers);
    refuse(cluster, layout, &servers, &there, driver, plan);
    let volume = servers.iter().find_map(|server| match server.said.known() {
        Some(Some(Said::Is(volume))) => Some(volume),
        _ => None,
    });
    for (node, (_, mounts)) in clients.iter().zip(&clients_seen) {
        let attached = shared.filter(|shared| shared.attach).zip(mounts.known());
        if let Some(problem) = attached.and_then(|(shared, mounts)| mounting::in_the_way(cluster, node, &shared.path, mounts, volume)) {
            plan.problem(problem);
        }
    }
    if let (There::Is, Some(shared)) = (&there, shared.filter(|shared| shared.attach)) {
        let clients: Vec<_> = clients.iter().copied().zip(clients_seen.iter().map(|(_, mounts)| mounts)).collect();
        let keepers: Vec<&Node> = servers.iter().map(|server| server.node).filter(|node| layout.on(node).next().is_some()).collect();
        role::changed(cluster, shared, &clients, &keepers).into_iter().for_each(|problem| plan.problem(problem));
    }
    warn_of_risks(cluster, layout, driver, plan);

    let mut repositories = Repositories::default();
    let started: Vec<(&Node, Planned)> =
        servers.iter().map(|server| (server.node, daemon(&cluster.config, layout, server, &mut repositories, plan))).collect();
    let daemon_of = |node: &Node| started.iter().find(|(of, _)| of.name == node.name).map(|(_, step)| step.clone());
    let own_daemon = daemon_of(driver.node).expect("the driver is a storage node");

    let silent = servers.iter().find_map(|server| match &server.os {
        Unknown(problem) => Some(problem.clone()),
        Known(_) => None,
    });
    let mut members = vec![own_daemon.clone()];
    for server in servers.iter().filter(|server| server.node.name != driver.node.name) {
        let node = server.node;
        let argv = ["gluster", "--mode=script", "peer", "probe", node.address.as_str()];
        let joined = plan
            .command("peer", driver.node, argv)
            .until(pool::ask_all(cluster, driver.node), format!("{} is a connected member of the pool", node.name), 20)
            .about(node)
            .title(format!("take {} into the pool", node.name))
            .after([Some(&own_daemon), daemon_of(node).as_ref()].into_iter().flatten())
            .known(&server.os);
        let is_member = driver.peers.is_known_and(|peers| peers.iter().flatten().any(|peer| peer.is(node)));
        members.push(match &silent {
            // Who does not answer may be in a pool with a volume: never make a second one behind its back.
            Some(problem) if !is_member => joined.known(&Look::<()>::Unknown(problem.clone())),
            _ => joined,
        });
    }

    let sure: Look<()> = match &there {
        There::Is | There::IsNot => Known(()),
        There::Unknown(problem) => Unknown(problem.clone()),
    };
    let config = &cluster.config;
    let info = volume::ask(config).on(driver.node);
    let created = plan
        .command("create", driver.node, layout.create(config, config.accept_brick_on_root || servers.iter().any(Server::was_tried)))
        .until(volume::ask_all(cluster), format!("the volume {} is there, with the bricks of the file", config.volume), 15)
        .of(&config.volume)
        .title(format!("make the volume {} ({} {})", config.volume, layout.kind(), layout.number()))
        .once()
        .after(&members)
        .known(&sure)
        .timeout_s(120);
    let mut argv: Vec<String> = ["gluster", "--mode=script", "volume", "set", &config.volume].map(str::to_owned).to_vec();
    let options = layout.options(config);
    argv.extend(options.iter().flat_map(|(name, value)| [name.clone(), value.clone()]));
    let set = plan
        .command("options", driver.node, argv)
        .until([info.clone()], "the volume has the options of the file", 15)
        .of(&config.volume)
        .title(format!("set {}", options.iter().map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")))
        .after([&created])
        .known(&sure)
        .timeout_s(120);
    let ready = plan
        .command("start", driver.node, ["gluster", "--mode=script", "volume", "start", config.volume.as_str()])
        .until([info], format!("the volume {} is started", config.volume), 30)
        .of(&config.volume)
        .title(format!("start the volume {}", config.volume))
        .after([&created, &set])
        .known(&sure)
        .timeout_s(120)
        .provides(milestone::STORAGE_READY);

    let Some(shared) = shared else { return };
    let (_, options) = layout.mounted(&config.volume);
    for (node, (os, mounts)) in clients.iter().zip(&clients_seen) {
        let repository = repositories.on(node, os, config, plan);
        let client = plan.software("client", node, Software::GlusterClient, os).after(&repository).provides(milestone::STORAGE_CLIENT);
        if shared.attach {
            let source = mounting::source(cluster, layout, &shared.path, mounts);
            plan.mount("mount", node, mount(source, &shared.path, "glusterfs").options(&options))
                .until([probe::mounts().on(node)], format!("{} is the volume {}", shared.path, config.volume), 20)
                .after([&client, &ready])
                .provides(milestone::STORAGE_MOUNTED);
        }
    }
}

/// Everything in one ask.
fn look<'a>(cluster: &'a Cluster<Config>, layout: &Layout, clients: &[&Node]) -> (Vec<Server<'a>>, Vec<(Look<Os>, Look<Vec<Mounted>>)>) {
    let nodes = storage(cluster);
    let config = &cluster.config;
    let mut batch = cluster.batch();
    let clients_seen = batch.each(clients.iter().copied(), (probe::os(), probe::mounts()));
    let facts = batch.each(
        nodes.iter().copied(),
        (
            probe::os(),
            probe::mounts(),
            probe::service(UNIT),
            pool::ask(),
            volume::ask(config),
            probe::directory(format!("{STATE}/vols/{}", config.volume)),
            probe::directory(format!("{STATE}/peers")),
        ),
    );
    let mut below = |inner: &str| {
        batch.each_of(nodes.iter().map(|node| {
            let paths: Vec<_> = layout.on(node).map(|brick| probe::directory(format!("{}{inner}", brick.path))).collect();
            (*node, paths)
        }))
    };
    let (bricks, inner) = (below(""), below("/.glusterfs"));
    let mut got = batch.send();
    let (clients_seen, facts, bricks, inner) = (got.take(clients_seen), got.take(facts), got.take(bricks), got.take(inner));
    let servers = nodes.into_iter().map(|node| {
        let (os, mounts, service, peers, info, vols, peers_there) = facts.of(node).clone();
        Server {
            node,
            os,
            mounts,
            service,
            bricks: bricks.of(node).clone(),
            inner: inner.of(node).clone(),
            peers: installed(peers).map(|output| output.and_then(|output| pool::peers(&output))),
            said: installed(info).map(|output| output.map(|output| volume::said(&output))),
            knows_volume: vols.map(|found| found.is_some()),
            knows_peers: peers_there.map(|found| found.is_some_and(|directory| directory.entries > 0)),
        }
    });
    (servers.collect(), clients.iter().map(|node| clients_seen.of(node).clone()).collect())
}

/// A program that is not there is an answer too.
fn installed(look: Look<Output>) -> Look<Option<Output>> {
    match look {
        Unknown(problem) if problem.code == "query.missing" => Known(None),
        look => look.map(Some),
    }
}

/// The node that makes the pool and the volume: one that has the volume, else one that is in a pool. Anything else could make a second
/// pool beside the living one. While there is none, the first by name, silent or not: nothing can be made without all of them, and
/// whoever is named first must still be it once they all answer.
fn driver<'s, 'a>(servers: &'s [Server<'a>]) -> &'s Server<'a> {
    let shows_it: fn(&&Server) -> bool = |server| server.said.is_known_and(|said| matches!(said, Some(Said::Is(_))));
    let knows_it: fn(&&Server) -> bool = |server| server.knows_volume.is_known_and(|knows| *knows);
    let in_pool: fn(&&Server) -> bool = |server| {
        server.peers.is_known_and(|peers| peers.iter().flatten().count() > 0) || server.knows_peers.is_known_and(|knows| *knows)
    };
    let count = |server: &Server| server.peers.known().map_or(0, |peers| peers.iter().flatten().count());
    // A node that lost its peers may still have a volume on its disk: the pool is where most are.
    let most = |wanted: &fn(&&Server) -> bool| servers.iter().rev().filter(|server| wanted(server)).max_by_key(|server| count(server));
    [shows_it, knows_it, in_pool].iter().find_map(most).or(servers.first()).expect("a layout has storage nodes")
}

fn there(cluster: &Cluster<Config>, servers: &[Server]) -> There {
    if servers.iter().any(|server| server.said.is_known_and(|said| matches!(said, Some(Said::Is(_))))) {
        return There::Is;
    }
    for server in servers {
        match (&server.knows_volume, &server.said) {
            (Unknown(problem), _) | (_, Unknown(problem)) => return There::Unknown(problem.clone()),
            (Known(true), Known(Some(Said::IsNot))) | (Known(false), Known(_)) => {}
            (Known(true), Known(_)) => {
                let message = format!("glusterd runs on {}, which knows a volume {}", server.node.name, cluster.config.volume);
                return There::Unknown(problem("gluster.not-running", message));
            }
        }
    }
    There::IsNot
}

/// What is in the way, all of it.
fn refuse(cluster: &Cluster<Config>, layout: &Layout, servers: &[Server], there: &There, driver: &Server, plan: &mut Plan) {
    let mut told = BTreeSet::new();
    for server in servers {
        if let Known(Some(Said::Is(volume))) = &server.said {
            let differences = volume.differences(cluster, layout);
            // All members of a pool say the same.
            if !differences.is_empty() && told.insert(differences.clone()) {
                plan.problem(volume::differs(&cluster.config, &differences).on(server.node));
            }
        }
        let (Known(Some(peers)), Known(Some(own))) = (&server.peers, &driver.peers) else { continue };
        let together = server.node.name == driver.node.name
            || peers.is_empty()
            || peers.iter().any(|peer| peer.is(driver.node))
            || own.iter().any(|peer| peer.is(server.node));
        if !together {
            let names: Vec<&str> = peers.iter().filter_map(|peer| peer.names.first().map(String::as_str)).collect();
            let message =
                format!("{} is in another pool than {}: its peers are {}", server.node.name, driver.node.name, names.join(", "));
            let help = "pools cannot be joined: if that one holds nothing, detach its nodes by hand (`gluster peer detach`), else leave it out";
            plan.problem(problem("gluster.two-pools", message).on(server.node).help(help));
        }
    }
    if !matches!(there, There::IsNot) {
        return;
    }
    for server in servers {
        if let Known(mounts) = &server.mounts {
            for brick in layout.on(server.node) {
                if let Some(problem) = no_place(&cluster.config, &brick.path, mounts) {
                    plan.problem(problem.on(server.node));
                }
            }
        }
        for (brick, (found, inner)) in layout.on(server.node).zip(server.bricks.iter().zip(&server.inner)) {
            if let Known(Some(directory)) = found
                && holds_something(found, inner)
            {
                let message = format!("{} on {} is not empty: it holds {} entries, maybe of an old volume", brick.path, server.node.name, directory.entries);
                let help = "choose another `brick`, or remove that directory by hand if nothing in it matters";
                plan.problem(problem("gluster.brick-not-empty", message).on(server.node).at("/brick").help(help));
            }
        }
    }
}

/// Why a brick cannot be there.
fn no_place(config: &Config, path: &str, mounts: &[Mounted]) -> Option<Problem> {
    match covering(path, mounts) {
        Some(mounted) if mounted.target == path => {
            let message = format!("the brick {path} is a mount point itself");
            Some(problem("gluster.brick-is-mount", message).at("/brick").help(format!("use a directory below it, e.g. {path}/brick")))
        }
        Some(mounted) if mounted.target != "/" => None,
        _ if config.accept_brick_on_root => None,
        _ => {
            let message = format!("the brick {path} would be on the system's own disk: nothing is mounted above it");
            let help = "mount a disk of its own there, or set `accept-brick-on-root: true`";
            Some(problem("gluster.brick-on-root", message).at("/brick").help(help))
        }
    }
}

/// The live mount that a path is on.
fn covering<'m>(path: &str, mounts: &'m [Mounted]) -> Option<&'m Mounted> {
    let holds = |target: &str| {
        let target = target.trim_end_matches('/');
        path == target || path.strip_prefix(target).is_some_and(|rest| rest.starts_with('/'))
    };
    mounts.iter().filter(|mounted| mounted.live && holds(&mounted.target)).max_by_key(|mounted| mounted.target.len())
}

fn warn_of_risks(cluster: &Cluster<Config>, layout: &Layout, driver: &Server, plan: &mut Plan) {
    if !layout.has_majority() {
        let message = "two copies and no arbiter: when the two nodes lose sight of each other, both go on writing and files are lost";
        plan.warn(problem("gluster.split-brain-risk", message).at("/accept-split-brain-risk").help("name a third storage node as `arbiter`"));
    }
    let strangers = driver.peers.known().and_then(Option::as_ref).map(|peers| unlisted(cluster, peers)).unwrap_or_default();
    for name in strangers {
        let message = format!("{name} is in the pool and not among the storage nodes of the file");
        plan.warn(problem("gluster.unlisted-member", message).help("list it, or detach it by hand once it has no bricks (`gluster peer detach`)"));
    }
}

/// Members of the pool that the file does not name.
pub fn unlisted(cluster: &Cluster<Config>, peers: &[Peer]) -> Vec<String> {
    let nodes = storage(cluster);
    let strange = peers.iter().filter(|peer| !nodes.iter().any(|node| peer.is(node)));
    strange.filter_map(|peer| peer.names.first().cloned()).collect()
}

/// A storage node up to its running daemon.
fn daemon(config: &Config, layout: &Layout, server: &Server, repositories: &mut Repositories, plan: &mut Plan) -> Planned {
    let node = server.node;
    let repository = repositories.on(node, &server.os, config, plan);
    let mut before = vec![plan.software("install", node, Software::GlusterServer, &server.os).after(&repository)];
    // gluster makes the brick itself, with the volume's own mode; what is between it and its mount is not gluster's.
    let top = |path: &str| match &server.mounts {
        Known(mounts) => covering(path, mounts).map_or("/", |mounted| mounted.target.as_str()).to_owned(),
        // Announced, as far as it may be needed: with the system's own disk ruled out, a mount is at the first folder or below.
        Unknown(_) if config.accept_brick_on_root => "/".into(),
        Unknown(_) => path.splitn(3, '/').take(2).collect::<Vec<_>>().join("/"),
    };
    let between: BTreeSet<String> = layout.on(node).flat_map(|brick| between(&top(&brick.path), &brick.path)).collect();
    for path in between {
        let depth = path.matches('/').count();
        before.push(plan.directory(&format!("directory-{depth}"), node, path, 0o755).known(&server.mounts));
    }
    // A daemon that starts without its peers stops its bricks until it sees a majority: of those that run, one at a time.
    let restarts = server.service.is_known_and(|service| service.as_ref().is_some_and(|service| service.active && service.stale));
    let expect = if restarts { pool::MAJORITY } else { "glusterd answers" };
    let daemon = plan.service("glusterd", node, UNIT).until([pool::ask().on(node)], expect, 60).after(&before);
    if restarts { daemon.group("glusterd") } else { daemon }
}

/// Directories below `top` and above `path`, the outermost first.
fn between(top: &str, path: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut rest = path;
    while let Some((parent, _)) = rest.rsplit_once('/') {
        if parent.len() <= top.trim_end_matches('/').len() {
            break;
        }
        all.push(parent.to_owned());
        rest = parent;
    }
    all.reverse();
    all
}

/// Where GlusterFS comes from, once for each node: one may be a server and mount as well.
#[derive(Default)]
struct Repositories(Vec<(String, Option<Planned>)>);

impl Repositories {
    fn on(&mut self, node: &Node, os: &Look<Os>, config: &Config, plan: &mut Plan) -> Option<Planned> {
        if config.own_repository {
            return None;
        }
        if let Some((_, planned)) = self.0.iter().find(|(name, _)| *name == node.name) {
            return planned.clone();
        }
        let planned = plan.repository("repository", node, Software::GlusterServer, os);
        self.0.push((node.name.clone(), planned.clone()));
        planned
    }
}
