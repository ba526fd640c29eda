//! What is done and checked before a manager joins: all but the joining. Once it is registered it counts for the majority, whether it
//! ever runs or not.

use crate::config::Config;
use crate::etcd;
use crate::ring::{self, Other, Ring};
use crate::grctl::Listed;
use crate::seat::{Seat, Stage};
use crate::{paths, role};
use arcus_sdk::prelude::*;

/// Writes of the trial, each brought to disk before the next.
const WRITES: u32 = 200;
/// More than this per write, and a member falls behind: etcd's heart beats every 100 ms.
const WRITE_MS: f64 = 50.0;
/// etcd warns when clocks differ by more; Rainbond takes nodes for lost at 30 s.
const SKEW_MS: i64 = 1000;
/// Room for a member's data and the services' images.
const ROOM: u64 = 2 << 30;

/// Applications run: what is put at risk is somebody's. Where an addition that failed hides it, they are taken to run.
pub fn in_use(seat: &Seat<'_>, ring: &Ring<'_>) -> bool {
    let hidden = !matches!(seat.nodes, Known(_)) && !ring.half_joined().is_empty();
    hidden || seat.stage == Stage::Done && seat.nodes.is_known_and(|nodes: &Vec<Listed>| nodes.iter().any(|node| node.roles.contains(&role::Role::Compute) && node.status.is_in_service()))
}

/// Where a node gets the images of its services from: the first manager's registry, by the gateway there.
const IMAGES: u16 = 443;

/// The last step before this manager may be added.
pub fn plan(seat: &Seat<'_>, ring: &Ring<'_>, other: &Other<'_>, after: &[Planned], plan: &mut Plan) -> Vec<Planned> {
    let (node, there) = (other.node, &other.home);
    // On the disk that etcd will write to.
    let path = paths::TRIALS[usize::from(!there.is_known_and(Option::is_some))];
    let argv = ["dd".to_owned(), "if=/dev/zero".into(), format!("of={path}"), "bs=2048".into(), format!("count={WRITES}"), "oflag=dsync".into()];
    let trial = plan
        .job("trial", node, argv)
        .until([probe::job(format!("trial:{}", node.name)).on(node)], "its disk is fast enough for etcd", 5)
        .title("try how fast its disk is")
        .timeout_s(120)
        .known(there)
        .after(after);

    let list = probe::query("etcd-members", [etcd::list(&seat.node.address).as_str()]).on(seat.node);
    let asked = vec![
        list,
        probe::query("etcd-health", []).on(seat.node),
        probe::reach(node.address.as_str(), 2380).on(seat.node),
        probe::reach(seat.node.address.as_str(), 2379).on(node),
        probe::reach(seat.node.address.as_str(), 2380).on(node),
        probe::clock().on(node),
        probe::clock().on(seat.node),
        probe::query("room", []).on(node),
        probe::reach(seat.node.address.as_str(), IMAGES).on(node),
    ];
    let expect = format!("all is ready for {} to take part in etcd", node.name);
    // As long as etcd has not settled after the one before.
    let ready = plan.wait("ready", node, asked, &expect, 60).group(ring::MEMBERSHIP).after([&trial]);
    if !in_use(seat, ring) {
        return vec![ready];
    }
    backup(seat, ring, node, &ready, plan)
}

/// What trials have written goes away, whenever it is seen.
pub fn clear(other: &Other<'_>, joins: bool, plan: &mut Plan) {
    for (number, (path, left)) in other.trials.iter().enumerate() {
        if joins || left.is_known_and(Option::is_some) {
            let verb = ["clear", "clear-beside"][number.min(1)];
            plan.absent(verb, other.node, *path).title("remove what the trial of its disk has written").known(left);
        }
    }
}

/// The keys of etcd and the database, as they were before: on the first manager, and on the operator's side.
fn backup(seat: &Seat<'_>, ring: &Ring<'_>, node: &Node, ready: &Planned, plan: &mut Plan) -> Vec<Planned> {
    let folder = plan.directory("backup-folder", seat.node, paths::BACKUP, 0o700).about(node).title("make a folder for what is kept").after([ready]);
    let job = |what: &str| probe::job(format!("{what}:{}", node.name)).on(seat.node);
    let snapshot = plan
        .job("snapshot", seat.node, ["env", "ETCDCTL_API=3", "etcdctl", "snapshot", "save", paths::SNAPSHOT])
        .until([job("snapshot"), probe::query("snapshot-fresh", []).on(seat.node)], "there is a snapshot of etcd, minutes old", 10)
        .about(node)
        .title(format!("take a snapshot of etcd before {} joins", node.name))
        .timeout_s(300)
        .after([&folder]);
    let mut kept = vec![plan.fetch("keep-snapshot", seat.node, paths::SNAPSHOT, format!("etcd-before-{}.db", node.name)).about(node).until([probe::query("snapshot-fresh", []).on(seat.node)], "it is minutes old", 10).after([&snapshot])];
    // Where the database is the operator's, so are its backups.
    if ring.database.is_known_and(Option::is_some) {
        let dump = plan
            .job("dump", seat.node, ["docker", "exec", "-i", "rbd-db", "mysqldump", "--all-databases", "--single-transaction", "--result-file=/tmp/arcus-console.sql"])
            .until([job("dump")], "the database is dumped", 5)
            .about(node)
            .title(format!("dump the console's database before {} joins", node.name))
            .timeout_s(1800)
            .after([&folder]);
        let copied = plan
            .command("copy-dump", seat.node, ["docker", "cp", "rbd-db:/tmp/arcus-console.sql", paths::DUMP])
            .until([job("dump"), probe::query("dump-fresh", []).on(seat.node)], "the dump is out of its container, minutes old", 10)
            .about(node)
            .title("take the dump out of its container")
            .after([&dump]);
        kept.push(plan.fetch("keep-dump", seat.node, paths::DUMP, format!("console-before-{}.sql", node.name)).about(node).until([probe::query("dump-fresh", []).on(seat.node)], "it is minutes old", 10).after([&copied]));
    }
    kept
}

/// Judges `trial`.
pub fn tried(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Option<JobFact>>(0)? {
        None => unmet("it was not tried yet"),
        Some(job) if job.running => unmet("the trial runs"),
        Some(job) => {
            let said = String::from_utf8_lossy(&job.tail).into_owned();
            match (job.status, seconds(&said)) {
                (Some(0), Some(seconds)) => {
                    let each = seconds * 1000.0 / f64::from(WRITES);
                    if each <= WRITE_MS {
                        return met();
                    }
                    let message = format!("{} takes {each:.0} ms to bring 2 kB to its disk, and etcd falls behind from {WRITE_MS:.0} ms on", case.subject());
                    will_fail(problem("rainbond.slow-disk", message).help("give /opt/rainbond a faster disk; the trial is made again by the next `arcus apply`"))
                }
                _ => unmet(format!("the trial ended with {}", crate::grctl::last_line(&said).unwrap_or_else(|| "nothing".into()))),
            }
        }
    }
}

/// `... copied, 0.0107 s, 38 MB/s`
fn seconds(said: &str) -> Option<f64> {
    let rest = said.lines().rev().find_map(|line| line.split_once("copied, "))?.1;
    rest.split(" s").next()?.trim().parse().ok()
}

/// Judges `ready`.
pub fn is_ready(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let node = case.node()?;
    let members = etcd::members(case.get::<Output>(0)?);
    // By hand, or by an earlier attempt: what is checked before joining is checked too late.
    if members.as_ref().is_ok_and(|members| members.iter().any(|member| member.is(&node.address))) {
        return met();
    }
    if !etcd::is_healthy(case.get::<Output>(1)?) {
        return unmet("etcd is not healthy as it is: nobody is added to it");
    }
    if let Err(why) = members {
        return unmet(why);
    }
    let ways = [(2, format!("port 2380 of {} from the first manager", node.name), true), (3, "port 2379 of the first manager".to_owned(), false), (4, "port 2380 of the first manager".to_owned(), false)];
    for (place, what, nobody_yet) in ways {
        match case.get::<Reachability>(place)? {
            Reachability::Open if nobody_yet => return unmet(format!("somebody listens at {what} already: its etcd could not")),
            Reachability::Open => {}
            // Its machine says that nobody listens: the way is free.
            Reachability::Refused if nobody_yet => {}
            Reachability::Refused => return unmet(format!("nobody listens at {what}")),
            Reachability::Silent => return unmet(format!("{what} does not answer: something in between drops packets")),
        }
    }
    let (own, first) = (case.get::<Clock>(5)?, case.get::<Clock>(6)?);
    let apart = (own.offset_ms - first.offset_ms).abs();
    let error = i64::from(own.error_ms) + i64::from(first.error_ms);
    if apart > SKEW_MS + error {
        let message = format!("the clocks of {} and the first manager are {apart} ms apart", node.name);
        return will_fail(problem("rainbond.clocks", message).help("let both follow the same time servers, then `arcus apply` again"));
    }
    match free(case.get::<Output>(7)?) {
        Some(free) if free < ROOM => {
            let message = format!("/opt of {} has {} MiB left, and a manager needs {} MiB", node.name, free >> 20, ROOM >> 20);
            return will_fail(problem("rainbond.no-room", message).help("make room, then `arcus apply` again"));
        }
        Some(_) => {}
        None => return unmet("its free space cannot be told"),
    }
    match case.get::<Reachability>(8)? {
        Reachability::Open => met(),
        Reachability::Refused => unmet(format!("nobody listens at port {IMAGES} of the first manager, from which {} gets its images", node.name)),
        Reachability::Silent => unmet(format!("port {IMAGES} of the first manager, from which {} gets its images, does not answer: something in between drops packets", node.name)),
    }
}

/// The last line of `df -Pk`: its fourth column, in KiB.
fn free(said: &Output) -> Option<u64> {
    let text = said.text();
    let fields: Vec<&str> = text.lines().last()?.split_whitespace().collect();
    Some(fields.get(3)?.parse::<u64>().ok()? * 1024)
}

/// Judges `snapshot` and `dump`, and that what they made is where it should be.
pub fn is_backed_up(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Option<JobFact>>(0)? {
        None => return unmet("it was not begun"),
        Some(job) if job.running => return unmet("it runs"),
        Some(job) if job.status != Some(0) => {
            let tail = String::from_utf8_lossy(&job.tail).into_owned();
            return unmet(crate::grctl::last_line(&tail).unwrap_or_else(|| "it failed and printed nothing".into()));
        }
        Some(_) => {}
    }
    if case.len() == 1 { met() } else { fresh(case.get::<Output>(1)?) }
}

/// Judges `keep-snapshot` and `keep-dump`.
pub fn is_fresh(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    fresh(case.get::<Output>(0)?)
}

/// `find -mmin` names what is young enough.
fn fresh(said: &Output) -> Judged {
    if said.text().trim().is_empty() { unmet("what is there is older than half an hour") } else { met() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dd_and_df_say() {
        assert_eq!(seconds("200+0 records in\n200+0 records out\n409600 bytes (410 kB, 400 KiB) copied, 0.0107 s, 38 MB/s\n"), Some(0.0107));
        assert_eq!(seconds("dd: failed to open"), None);
        let said = |text: &str| Output { status: 0, stdout: text.into(), stderr: vec![], truncated: false };
        assert_eq!(free(&said("Filesystem 1024-blocks Used Available Capacity Mounted on\noverlay 100 40 60 40% /\n")), Some(60 << 10));
        assert_eq!(free(&said("")), None);
    }
}
