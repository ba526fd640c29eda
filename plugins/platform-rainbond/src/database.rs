//! The database of console and regions: Rainbond's own on the first node, or one of the operator's.
//!
//! `grctl` takes the password of the latter as an argument and writes it into files. That is refused unless the cluster file accepts it;
//! then a small program on the node adds it to the installer's arguments, so that it is in no plan, journal or log of ours.

use crate::config::Config;
use crate::console::Database;
use crate::seat::{Seat, Stage};
use crate::{member, paths};
use arcus_sdk::prelude::*;
use arcus_sdk::{Ask, Finding};

/// What the installer wrote the password of either database into, readable for all.
const EXPOSED: [&str; 5] = [
    "/opt/rainbond/rainbond-ansible/scripts/installer/global.sh",
    "/opt/rainbond/rainbond-ansible/roles/rainvar/defaults/main.yml",
    "/opt/rainbond/.init/updatedb.sh",
    "/opt/rainbond/.init/.db_info",
    "/opt/rainbond/.init/db",
];

/// What is said with every plan while the password goes through the installer's hands.
pub fn warn(cluster: &Cluster<Config>, seat: &Node, plan: &mut Plan) {
    if cluster.config.database.is_none() {
        return;
    }
    let message = format!(
        "the password of the database is an argument of the installer, seen by everybody on {} who lists processes while it runs, and of the services that use it; it stays in {} and other files there",
        seat.name, EXPOSED[0]
    );
    plan.warn(problem("rainbond.argv-secret", message).on(seat).help("accepted by `accept-argv-secret: exdb`; give the cluster a database user of its own"));
}

/// The client and its settings, and that the database takes them, before the installer needs it. Returns what init comes after.
pub fn prepare(cluster: &Cluster<Config>, seat: &Seat<'_>, folder: &Planned, plan: &mut Plan) -> Option<Planned> {
    let Database::Outside(outside) = Database::of(cluster) else { return None };
    let node = seat.node;
    let os = cluster.ask_one(node, probe::os());
    let client = plan.software("database-client", node, Software::MariadbClient, &os);
    let settings = text![
        format!("# Written by Arcus: how Rainbond's database is asked.\n[client]\nhost={}\nport={}\nuser={}\npassword=\"", outside.host, outside.port, outside.user),
        secret("exdb"),
        "\"\n"
    ];
    let settings = plan.file("database-settings", node, file(paths::DATABASE).content(settings).mode(0o600)).after([folder]);
    if seat.stage != Stage::Bare {
        return None;
    }
    let reach = member::managers(cluster).into_iter().map(|manager| probe::reach(outside.host.as_str(), outside.port).on(manager));
    let login = [probe::query("database-login", []).on(node)];
    let expect = format!("the database at {}:{} lets {} in, and every manager reaches it", outside.host, outside.port, outside.user);
    let answers = plan.wait("database", node, login.into_iter().chain(reach), &expect, 20).after([&client, &settings]);
    let program = file(paths::WITH_DATABASE).content(PROGRAM).mode(0o700);
    Some(plan.file("database-program", node, program).title("write the program that gives the installer the database's password").after([&answers, folder]))
}

/// Adds the password. What the installer prints has it, too.
const PROGRAM: &str = r#"#!/bin/sh
# Written by Arcus: runs the installer with the password of the database, which is in no command line but its own.
password=$(sed -n 's/^password="\(.*\)"$/\1/p' /opt/arcus/database.cnf)
case $password in
  '' | *[!A-Za-z0-9._@%+:,/=-]*)
    echo ' !!! the password of the database is empty or has characters that the installer does not keep; letters, digits and ._@%+:,/=- are safe' >&2
    exit 64
    ;;
esac
/opt/arcus/grctl "$@" --exdb-passwd "$password" 2>&1 | sed -u "s|$password|(redacted)|g"
"#;

/// Judges `database`: the first request logs in, the others only reach it.
pub fn answers(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let said = case.get::<Output>(0)?;
    for place in 1..case.len() {
        let node = case.raw(place).map(|(request, _)| request.node.as_str()).unwrap_or_default();
        match case.get::<Reachability>(place)? {
            Reachability::Open => {}
            Reachability::Refused => return unmet(format!("nobody listens there, seen from {node}")),
            Reachability::Silent => return unmet(format!("it does not answer {node}")),
        }
    }
    let version = match login(said) {
        Ok(version) => version,
        Err(why) => return unmet(why),
    };
    match unfit(&version) {
        Some(why) => will_fail(problem("rainbond.database-version", why).at("/database/host").help("use MySQL 5.6 or 5.7, as Rainbond's documents ask for")),
        None => met(),
    }
}

/// The version of the server that let us in.
fn login(said: &Output) -> Result<String, String> {
    if said.status != 0 {
        let why = said.error_text();
        return Err(why.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it says nothing").to_owned());
    }
    said.text().lines().nth(1).map(|line| line.trim().to_owned()).filter(|version| !version.is_empty()).ok_or_else(|| "it names no version".into())
}

/// The installer grants rights in words that MySQL 8 does not know any more.
fn unfit(version: &str) -> Option<String> {
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok())?;
    (major >= 8 && !version.contains("MariaDB")).then(|| format!("the database is MySQL {version}, whose words the installer does not know"))
}

const SEAL: &str = "let only root read the files that the installer wrote passwords into";

/// What the installer left readable is closed right after it.
pub fn seal(cluster: &Cluster<Config>, seat: &Seat<'_>, init: &Planned, plan: &mut Plan) {
    let node = seat.node;
    if seat.stage != Stage::Done {
        plan.later("seal", node, "the installer wrote its files", &["command"]).title(SEAL).after([init]);
        return;
    }
    let seen = cluster.ask_many([node], files());
    let there: Vec<&str> = EXPOSED.iter().zip(seen.of(node)).filter(|(_, look)| !look.is_known_and(Option::is_none)).map(|(path, _)| *path).collect();
    if there.is_empty() {
        return;
    }
    plan.command("seal", node, ["chmod", "0600"].into_iter().chain(there))
        .until(EXPOSED.map(|path| probe::file(path).on(node)), "only root reads what the installer wrote passwords into", 5)
        .title(SEAL)
        .after([init]);
}

fn files() -> Vec<Ask<Option<FileFact>>> {
    EXPOSED.iter().map(|path| probe::file(*path)).collect()
}

fn open(path: &str, fact: &Option<FileFact>) -> Option<String> {
    let fact = fact.as_ref().filter(|fact| fact.mode & 0o077 != 0)?;
    Some(format!("{path} has the mode {:04o}", fact.mode))
}

/// Judges `seal`.
pub fn sealed(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    for (place, path) in EXPOSED.iter().enumerate() {
        if let Some(open) = open(path, case.get::<Option<FileFact>>(place)?) {
            return unmet(open);
        }
    }
    met()
}

/// The checks.
pub fn verify(cluster: &Cluster<Config>, seat: &Seat<'_>, checks: &mut Checks) {
    let node = seat.node;
    let managers = member::managers(cluster);
    let mut batch = cluster.batch();
    let exposed = batch.one(node, files());
    let outside = match Database::of(cluster) {
        Database::Own => None,
        Database::Outside(outside) => {
            let login = batch.one(node, probe::query("database-login", []));
            Some((outside, login, batch.each(managers.iter().copied(), probe::reach(outside.host.as_str(), outside.port))))
        }
    };
    let mut got = batch.send();
    let exposed = got.take(exposed);
    let check = checks.on(node, "passwords", "only root reads what the installer wrote passwords into");
    match exposed.iter().find_map(|look| if let Unknown(problem) = look { Some(problem) } else { None }) {
        Some(problem) => check.unanswered(problem),
        None => {
            let open: Vec<String> = EXPOSED.iter().zip(&exposed).filter_map(|(path, look)| open(path, look.known()?)).collect();
            check.is(if open.is_empty() { passed("mode 0600") } else { failed(open.join("; ")) });
        }
    }
    let Some((outside, login, reached)) = outside else { return };
    let reached = got.take(reached);
    let place = format!("{}:{}", outside.host, outside.port);
    checks.on(node, "database", format!("the database at {place} lets {} in", outside.user)).judge(&got.take(login), |said| -> Finding {
        match self::login(said) {
            Ok(version) => passed(version),
            Err(why) => failed(why),
        }
    });
    for manager in managers {
        checks.on(manager, "database-reached", format!("it reaches the database at {place}")).judge(reached.of(manager), |reach| match reach {
            Reachability::Open => passed("somebody accepts"),
            Reachability::Refused => failed("nobody listens there"),
            Reachability::Silent => failed("no answer"),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_whose_words_the_installer_knows() {
        for fit in ["5.7.40-log", "5.6.51", "10.11.6-MariaDB-0+deb12u1"] {
            assert_eq!(unfit(fit), None, "{fit}");
        }
        assert!(unfit("8.0.36").is_some());
    }
}
