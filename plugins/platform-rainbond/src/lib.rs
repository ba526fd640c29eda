//! Platform Rainbond, 5.0 and 5.1, by its own tool `grctl`: one init on the first manager, then every other node added, installed and put
//! to work; and everything that leads to the first node led to the virtual address.
//!
//! `grctl` returns 0 when it fails, prints noise when it succeeds, and does not mind being run twice where once is right. So every
//! command here is judged by what can be seen afterwards, and [`seat`] decides where, and whether, there may be an init.

mod addresses;
mod apiserver;
mod bundle;
mod certificate;
mod config;
mod console;
mod database;
mod domain;
mod endpoints;
mod etcd;
mod first;
mod grctl;
mod init;
mod installed;
mod join;
mod judge;
mod leave;
mod majority;
mod member;
mod mend;
mod mistakes;
mod names;
mod paths;
mod ready;
mod region;
mod ring;
mod role;
mod seat;
mod tool;
mod trials;
mod unfinished;
mod unlisted;
mod verify;
mod version;

use arcus_sdk::prelude::*;

pub use config::Config;

/// The plugin.
pub struct Rainbond;

impl Plugin for Rainbond {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        let mistakes = mistakes::all(cluster);
        if !mistakes.is_empty() {
            mistakes.into_iter().for_each(|problem| plan.problem(problem));
            return Ok(());
        }
        let seat = seat::find(cluster)?;
        if let seat::Stage::Unknown(problem) = &seat.stage {
            let silent = problem.node.as_deref().unwrap_or("a manager");
            plan.warn(
                self::problem("rainbond.seat-unknown", format!("{silent} did not answer, and may be where Rainbond was installed first"))
                    .help("nothing is installed until every manager answers"),
            );
        }
        warn_of_single_points(cluster, seat.node, plan);
        database::warn(cluster, seat.node, plan);
        let first = first::plan(cluster, &seat, plan)?;
        certificate::plan(cluster, &seat, plan);
        region::plan(cluster, &seat, &first, plan);
        domain::plan(cluster, &seat, &first, plan);
        join::plan(cluster, &seat, &first, plan)?;
        let installed = installed::All::look(cluster);
        names::plan(cluster, &installed, plan);
        endpoints::plan(cluster, &seat, &installed, plan);
        apiserver::plan(cluster, plan);
        Ok(())
    }

    fn unfinished(cluster: &Cluster<Config>) -> Result<Vec<Problem>, Problem> {
        unfinished::find(cluster)
    }

    fn mend(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        mend::plan(cluster, plan)
    }

    fn leave(cluster: &Cluster<Config>, node: &Node, plan: &mut Plan) -> Result<(), Problem> {
        leave::plan(cluster, node, plan)
    }

    fn goals() -> Goals<Config> {
        judge::goals()
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        verify::verify(cluster, checks)
    }

    fn drills(cluster: &Cluster<Config>) -> Result<Vec<Drill>, Problem> {
        trials::trials(cluster)
    }
}

impl Platform for Rainbond {
    fn demands(cluster: &Cluster<Config>) -> Result<PlatformDemand, Vec<Problem>> {
        let mistakes = mistakes::all(cluster);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let users = |role: Role, units: &[&str]| units.iter().map(|unit| (role, (*unit).to_owned())).collect::<Vec<_>>();
        let mut all = users(Role::Manage, &MANAGERS_USE);
        all.extend(users(Role::Compute, &COMPUTE_NODES_USE));
        Ok(PlatformDemand {
            shared: Some(SharedDirectory {
                path: paths::SHARED.into(),
                nodes: member::all(cluster).into_iter().map(|node| node.name.clone()).collect(),
                attach: true,
                users: all,
            }),
            gateway_health: Some("http://127.0.0.1:10254/healthz".into()),
            gateway_unit: Some("rbd-gateway.service".into()),
            manage_health: Some("http://127.0.0.1:8888/v2/health".into()),
            manage_unit: Some("rbd-api.service".into()),
        })
    }
}

/// What holds files of the shared directory open on managers. `node` first: it starts the others again when it finds them stopped.
const MANAGERS_USE: [&str; 9] = [
    "node.service",
    "rbd-repo.service",
    "rbd-hub.service",
    "rbd-app-ui.service",
    "rbd-gateway.service",
    "rbd-eventlog.service",
    "rbd-worker.service",
    "rbd-chaos.service",
    "rbd-api.service",
];

/// As above, on compute nodes: the applications themselves.
const COMPUTE_NODES_USE: [&str; 3] = ["node.service", "kubelet.service", "docker.service"];

/// What three managers do not make highly available.
fn warn_of_single_points(cluster: &Cluster<Config>, seat: &Node, plan: &mut Plan) {
    if member::managers(cluster).len() > 1 {
        let (what, help) = match cluster.config.database {
            None => ("the console and its database are", "without that node applications go on, but cannot be changed; Rainbond's documents put the database outside"),
            Some(_) => ("the console is", "without that node applications go on, but cannot be changed; Rainbond's documents run the console as an application"),
        };
        plan.warn(problem("rainbond.single-console", format!("{what} on {} only", seat.name)).on(seat).help(help));
    }
    if cluster.config.version.first_node_is_a_gateway() && !member::roles(cluster, seat).contains(&role::Role::Gateway) {
        plan.warn(
            problem("rainbond.first-gateway", format!("the installer wants the first node to be a gateway, so {} runs one that nobody is sent to", seat.name)).on(seat),
        );
    }
    if cluster.handed.storage.is_empty() {
        plan.warn(
            problem("rainbond.own-storage", format!("no storage plugin is used: the installer will serve {} by NFS from {}", paths::SHARED, seat.name))
                .on(seat)
                .help("choose a storage that outlives a node"),
        );
    }
}

arcus_sdk::export!(platform: Rainbond);
