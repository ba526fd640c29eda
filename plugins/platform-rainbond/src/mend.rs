//! What a manager's addition that failed half-way leaves behind: a member of etcd that is registered and does not run. It is taken out
//! again. Where it was the second, nobody has a majority any more, and the first goes on alone from its own data.

use crate::config::Config;
use crate::etcd;
use crate::ring::{self, Other, Ring};
use crate::seat::{self, Seat, Stage};
use crate::paths;
use arcus_sdk::prelude::*;

/// All that is needed; nothing, where nothing is broken.
pub fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
    let seat = seat::find(cluster)?;
    if seat.stage == Stage::Done {
        steps(&seat, &ring::look(cluster, &seat), plan)?;
    }
    Ok(())
}

/// The steps, after which nothing is half-way.
pub fn steps(seat: &Seat<'_>, ring: &Ring<'_>, plan: &mut Plan) -> Result<Vec<Planned>, Problem> {
    let half = ring.half_joined();
    if half.is_empty() && !ring.starts_alone() {
        return Ok(Vec::new());
    }
    // Alone the first forgets everybody. Who has run before may know what it does not.
    let settled: Vec<&str> = ring.members.known().into_iter().flatten().filter(|member| !member.is(&seat.node.address) && !member.name.is_empty()).map(etcd::Member::place).collect();
    if ring.healthy == Known(false) && !settled.is_empty() && !half.is_empty() {
        let message = format!("etcd has no majority, and going on alone would forget what {} may know", settled.join(" and "));
        return Err(problem("rainbond.no-majority", message).on(seat.node).help("start the members that are down; then `arcus mend` takes out what failed to join").retryable());
    }
    let mut before: Vec<Planned> = half.iter().filter_map(|(other, _)| halt(other, plan)).collect();
    let list = || probe::query("etcd-members", [etcd::list(&seat.node.address).as_str()]).on(seat.node);
    if ring.starts_alone() || ring.healthy == Known(false) {
        before = vec![alone(seat, ring, &before, !half.is_empty(), plan)?];
    } else {
        for (other, member) in &half {
            let expelled = plan
                .command("expel", seat.node, ["etcdctl", "member", "remove", &member.hex()])
                .until([list()], format!("{} is no member of etcd", other.node.name), 20)
                .about(other.node)
                .title(format!("take {} out of etcd again: it was registered, and does not run", other.node.name))
                .after(&before);
            before.push(expelled);
        }
    }
    let aside: Vec<Planned> = half.iter().filter_map(|(other, _)| aside(other, &before, plan)).collect();
    before.extend(aside);
    Ok(before)
}

/// What does not run must not come up half-way either.
fn halt(other: &Other<'_>, plan: &mut Plan) -> Option<Planned> {
    let there = other.unit.is_known_and(Option::is_some);
    there.then(|| plan.service("halt", other.node, etcd::UNIT).stopped().disabled().title("stop its etcd, which is no member yet"))
}

/// The first manager without the others: the same keys, the same revision.
fn alone(seat: &Seat<'_>, ring: &Ring<'_>, before: &[Planned], forget: bool, plan: &mut Plan) -> Result<Planned, Problem> {
    let by_hand = |why: &str| {
        problem("rainbond.etcd-script", format!("{} of {} {why}", paths::START_ETCD, seat.node.name)).on(seat.node).help(
            "start its etcd once by hand with --force-new-cluster added to its options, then again without; its data are its own",
        )
    };
    let script = match &ring.script {
        Known(Some(script)) if !script.is_cut() => script,
        Known(_) => return Err(by_hand("is not there, or too long")),
        Unknown(problem) => return Err(problem.clone()),
    };
    let text = script.text();
    let written = |text: String| file(paths::START_ETCD).content(text).mode(script.mode).owner(script.owner.as_str(), script.group.as_str());
    let health = || [probe::query("etcd-health", []).on(seat.node), probe::query("etcd-members", [etcd::list(&seat.node.address).as_str()]).on(seat.node)];
    let mut before = before.to_vec();
    if forget {
        let forced = if etcd::is_alone(&text) { text.clone() } else { etcd::alone(&text).ok_or_else(|| by_hand("is not understood"))? };
        let forced = plan.file("alone", seat.node, written(forced)).title("let its etcd go on alone, from its own data (--force-new-cluster)").after(&before);
        let restarted = plan
            .service("restart-alone", seat.node, etcd::UNIT)
            .newer_than([paths::START_ETCD])
            .until(health(), "it is the only member, and healthy", 90)
            .title("restart its etcd, alone")
            .after([&forced]);
        before = vec![restarted];
    }
    let together = plan.file("together", seat.node, written(etcd::together(&text))).title("let its etcd take others again").after(&before);
    Ok(plan
        .service("restart-together", seat.node, etcd::UNIT)
        .newer_than([paths::START_ETCD])
        .until([probe::query("etcd-health", []).on(seat.node)], "it is healthy", 90)
        .title("restart its etcd, as ever")
        .after([&together]))
}

/// What the failed member kept belongs to a member that is no more: with it, the next one would not start. Nothing is deleted.
fn aside(other: &Other<'_>, before: &[Planned], plan: &mut Plan) -> Option<Planned> {
    other.data.is_known_and(Option::is_some).then(|| {
        plan.command("aside", other.node, ["mv", "--backup=numbered", "-T", paths::ETCD, paths::ETCD_FAILED])
            .until([probe::directory(paths::ETCD).on(other.node)], "there is nothing of the failed member", 10)
            .title(format!("put what its etcd kept aside, as {}", paths::ETCD_FAILED))
            .after(before)
    })
}

/// Judges `expel`.
pub fn expelled(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let node = case.node()?;
    match etcd::members(case.get::<Output>(0)?) {
        Ok(members) if members.iter().any(|member| member.is(&node.address)) => unmet(format!("{} is still registered", node.name)),
        Ok(_) => met(),
        Err(why) => unmet(why),
    }
}

/// Judges `restart-alone`.
pub fn is_alone(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    is_healthy(cluster, case)?;
    match etcd::members(case.get::<Output>(1)?) {
        Ok(members) if members.len() == 1 => met(),
        Ok(members) => unmet(format!("it has {} members", members.len())),
        Err(why) => unmet(why),
    }
}

/// Judges `restart-together`.
pub fn is_healthy(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    if etcd::is_healthy(case.get::<Output>(0)?) { met() } else { unmet("its etcd is not healthy") }
}

/// Judges `aside`.
pub fn is_aside(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Option<DirectoryFact>>(0)? {
        None => met(),
        Some(_) => unmet(format!("{} is still there", paths::ETCD)),
    }
}
