//! Platform Rainbond, 5.0 and 5.1, by its own tool `grctl`: one init on the first manager, then every other node added, installed and put
//! to work; the address of TCP applications set to the virtual one.
//!
//! `grctl` returns 0 when it fails, prints noise when it succeeds, and does not mind being run twice where once is right. So every
//! command here is judged by what can be seen afterwards, and [`seat`] decides where, and whether, there may be an init.

mod config;
mod first;
mod grctl;
mod join;
mod judge;
mod member;
mod paths;
mod region;
mod seat;
mod verify;
mod version;

use arcus_sdk::prelude::*;

pub use config::Config;

/// The plugin.
pub struct Rainbond;

impl Plugin for Rainbond {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        let mut mistakes = config::mistakes(cluster);
        mistakes.extend(config::unusable_offers(cluster));
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
        let first = first::plan(cluster, &seat, plan)?;
        address(cluster, &seat, &first, plan);
        join::plan(cluster, &seat, &first, plan);
        Ok(())
    }

    fn goals() -> Goals<Config> {
        judge::goals()
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        verify::verify(cluster, checks)
    }
}

impl Platform for Rainbond {
    fn demands(cluster: &Cluster<Config>) -> Result<PlatformDemand, Vec<Problem>> {
        let mistakes = config::mistakes(cluster);
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

/// The address of TCP applications, in the row of this data centre only. The old value is what undo puts back, so before init, when there
/// is none, the step cannot be told.
fn address(cluster: &Cluster<Config>, seat: &seat::Seat<'_>, first: &Planned, plan: &mut Plan) {
    let Some(wanted) = config::virtual_address(cluster) else { return };
    let region = &cluster.config.region;
    let title = format!("set the address of TCP applications of {region} to {wanted}");
    let held = match (&seat.stage, &seat.regions) {
        (seat::Stage::Done, Known(said)) => region::held(said, region),
        _ => region::Held::Silent("the console's database is there".into()),
    };
    let command = |plan: &mut Plan| {
        plan.command("tcpdomain", seat.node, region::CLIENT)
            .stdin(text![region::update(region, wanted)])
            .until([probe::query("regions", []).on(seat.node)], format!("the console has {wanted}"), 15)
    };
    let step = match held {
        region::Held::Address(old) if old != wanted && region::can_be_put_back(&old) => {
            let argv = region::CLIENT.map(str::to_owned).to_vec();
            command(plan).undo(Action::Command(Command { argv, stdin: text![region::update(region, &old)], status_lies: false }))
        }
        // Where there is no such data centre its goal says so, and holds up nothing else.
        region::Held::Address(_) | region::Held::NoRegion(_) => command(plan),
        region::Held::Silent(_) => plan.later("tcpdomain", seat.node, "the first node is installed: its old value must be kept", &["command"]),
    };
    step.of(region.as_str()).title(title).after([first]).needs_anywhere(milestone::VIP_ANSWERING);
}

/// What three managers do not make highly available.
fn warn_of_single_points(cluster: &Cluster<Config>, seat: &Node, plan: &mut Plan) {
    if member::managers(cluster).len() > 1 {
        plan.warn(
            problem("rainbond.single-console", format!("the console and its database are on {} only", seat.name))
                .on(seat)
                .help("without that node applications go on, but cannot be changed; Rainbond's documents put the database outside"),
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
