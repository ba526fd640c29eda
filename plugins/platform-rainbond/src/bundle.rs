//! The bundle of an offline installation: on the first manager, the right one, unpacked and set up before init.

use crate::config::Config;
use crate::paths;
use crate::seat::Seat;
use arcus_sdk::prelude::*;

/// Unpacks it where the file names one, and wants its files in any case. Returns what init comes after.
pub fn plan(cluster: &Cluster<Config>, seat: &Seat<'_>, folder: &Planned, plan: &mut Plan) -> Planned {
    let node = seat.node;
    let known = seat.stage.known();
    // In 5.0 its files are in the shared directory: set up before that is mounted, they would be hidden below.
    let mounted = |step: Planned| if cluster.handed.storage.is_empty() { step } else { step.needs(milestone::STORAGE_MOUNTED, [node]) };
    let mut before = vec![folder.clone()];
    match &cluster.config.bundle {
        None => plan.warn(
            problem("rainbond.bundle-unchecked", "the offline bundle was unpacked by hand: that its files are there is looked at, not that they are the right ones")
                .on(node)
                .help("name the bundle and its digest (`bundle: { path, sha256 }`), and Arcus unpacks it"),
        ),
        Some(bundle) => {
            let digest = [probe::query("bundle-digest", [bundle.path.as_str()]).on(node)];
            let right = plan.wait("bundle-digest", node, digest, &format!("{} has the digest of the file", bundle.path), 5).known(&known);
            let unpacked = [probe::job(format!("unpack:{}", node.name)).on(node), probe::file(paths::OFFLINE).on(node)];
            let unpack = plan
                .job("unpack", node, ["tar", "-xf", &bundle.path, "-C", paths::FOLDER])
                .until(unpacked, format!("{} is there", paths::OFFLINE), 5)
                .title(format!("unpack {}", bundle.path))
                .known(&known)
                .after([folder, &right]);
            // It finds what belongs to it beside where it is run. All words are fixed.
            let run = plan
                .job("offline", node, ["sh", "-c", "cd /opt/arcus/offline && exec ./offline.sh"])
                .until(signs(cluster, node), "the offline bundle is set up", 10)
                .title("set up the offline bundle (offline.sh)")
                .known(&known)
                .after([&unpack]);
            before.push(mounted(run));
        }
    }
    mounted(plan.wait("bundle", node, files(cluster).map(|path| probe::file(path).on(node)), "the offline bundle is unpacked", 5).after(&before))
}

fn files(cluster: &Cluster<Config>) -> impl Iterator<Item = &'static str> {
    cluster.config.version.offline_files().iter().copied()
}

/// Its files, then what ran.
fn signs(cluster: &Cluster<Config>, node: &Node) -> Vec<Request> {
    files(cluster).map(|path| probe::file(path).on(node)).chain([probe::job(format!("offline:{}", node.name)).on(node)]).collect()
}

/// Judges `bundle-digest`.
pub fn digest(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let Some(bundle) = &cluster.config.bundle else { return met() };
    let said = case.get::<Output>(0)?;
    let text = said.text();
    match text.split_whitespace().next() {
        Some(found) if said.status == 0 && found == bundle.sha256 => met(),
        Some(found) if said.status == 0 => {
            let message = format!("{} has the digest {found}, which is not the one of the file", bundle.path);
            will_fail(problem("rainbond.bundle-digest", message).at("/bundle/sha256").help("copy the bundle again, or correct the digest"))
        }
        _ => will_fail(
            problem("rainbond.no-bundle", format!("{} is not there", bundle.path))
                .at("/bundle/path")
                .help("copy the offline bundle there on this node, then `arcus apply` again"),
        ),
    }
}

/// How a job of one step ended. `None`: it never ran to its end.
fn ended(job: Option<&JobFact>) -> Option<i32> {
    job.filter(|job| !job.running)?.status
}

/// Judges `unpack`: the job ended well, as half an archive has files too.
pub fn unpacked(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let job = case.get::<Option<JobFact>>(0)?.as_ref();
    if case.get::<Option<FileFact>>(1)?.is_none() {
        return unmet(format!("{} is not there", paths::OFFLINE));
    }
    match ended(job) {
        Some(0) => met(),
        _ => unmet("it was not unpacked to its end"),
    }
}

/// Judges `offline`.
pub fn is_set_up(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let paths: Vec<&str> = files(cluster).collect();
    for (place, path) in paths.iter().enumerate() {
        if case.get::<Option<FileFact>>(place)?.is_none() {
            return unmet(format!("{path} is not there"));
        }
    }
    match ended(case.get::<Option<JobFact>>(paths.len())?.as_ref()) {
        Some(0) => met(),
        Some(status) => unmet(format!("offline.sh ended with {status}")),
        None => unmet("offline.sh did not run to its end"),
    }
}

/// Judges `bundle`.
pub fn is_there(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    for (place, path) in files(cluster).enumerate() {
        if case.get::<Option<FileFact>>(place)?.is_none() {
            let mut help = String::from("unpack the offline bundle on this node and run its offline.sh, then `arcus apply` again");
            if cluster.config.version.offline_in_shared() {
                help += "; what was unpacked before the shared directory was mounted is hidden below it: run offline.sh again";
            }
            return will_fail(problem("rainbond.no-bundle", format!("{path} is not there, and an offline installation needs it")).at("/install").help(help));
        }
    }
    met()
}

/// The check: nodes that are added later are installed from it too.
pub fn verify(cluster: &Cluster<Config>, seat: &Seat<'_>, checks: &mut Checks) {
    if cluster.config.install != crate::config::Source::Offline {
        return;
    }
    let seen = cluster.ask_many([seat.node], files(cluster).map(probe::file).collect::<Vec<_>>());
    let check = checks.on(seat.node, "bundle", "the files of the offline installation are there");
    let missing: Vec<&str> = files(cluster).zip(seen.of(seat.node)).filter(|(_, look)| look.is_known_and(Option::is_none)).map(|(path, _)| path).collect();
    match seen.of(seat.node).iter().find_map(|look| if let Unknown(problem) = look { Some(problem) } else { None }) {
        Some(problem) => check.unanswered(problem),
        None => check.is(if missing.is_empty() { passed("all of them") } else { failed(format!("{} is not there", missing.join(", "))) }),
    }
}
