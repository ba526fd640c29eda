//! The port of Kubernetes' API. On a manager the gateway listens on 6443 and hands on to the APIs behind it; builds of 5.0 let the API
//! itself listen there, and then nothing but the node's own address answers. Found by what is written on the node.

use crate::config::Config;
use crate::{member, paths};
use arcus_sdk::prelude::*;

/// The gateway's.
const TAKEN: u16 = 6443;
/// Where the API listens instead.
const FREE: u16 = 6442;
const UNIT: &str = "kube-apiserver.service";
/// One manager's API at a time.
const GROUP: &str = "kubernetes-api";

/// The lines of the API in the settings of all of Kubernetes' services: from and to.
fn section(lines: &[&str]) -> Option<std::ops::Range<usize>> {
    let from = lines.iter().position(|line| line.trim_end() == "- name: kube-apiserver")?;
    let length = lines[from + 1..].iter().position(|line| line.starts_with("- name:")).unwrap_or(lines.len() - from - 1);
    Some(from..from + 1 + length)
}

/// The port that these settings let the API listen on. `None`: they have no API.
fn port(text: &str) -> Option<u16> {
    let lines: Vec<&str> = text.lines().collect();
    let said = lines[section(&lines)?].iter().find_map(|line| crate::installed::value(line, "--secure-port=", &['"']));
    // Its own default.
    Some(said.map_or(Some(TAKEN), |(_, port)| port.parse().ok()).unwrap_or_default())
}

/// The settings with the API on another port. `None`: there is no place for it that can be told.
fn moved(text: &str) -> Option<String> {
    if port(text)? != TAKEN {
        return Some(text.to_owned());
    }
    let lines: Vec<&str> = text.lines().collect();
    let section = section(&lines)?;
    let says = lines[section.clone()].iter().any(|line| line.contains("--secure-port="));
    // Behind the image's name, where words are the API's own and not docker's.
    let argument = |line: &str| ["--insecure-bind-address", "--insecure-port", "--advertise-address", "--etcd-servers"].iter().any(|word| line.trim_start().starts_with(word));
    let place = section.clone().find(|place| argument(lines[*place])).filter(|_| !says);
    if !says && place.is_none() {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 32);
    for (at, line) in lines.iter().enumerate() {
        if place == Some(at) {
            let indent = &line[..line.len() - line.trim_start().len()];
            out += &format!("{indent}--secure-port={FREE}\n");
        }
        let line = match section.contains(&at) {
            true if line.trim() == format!("port: {TAKEN}") => line.replace(&TAKEN.to_string(), &FREE.to_string()),
            true => line.replace(&format!("--secure-port={TAKEN}"), &format!("--secure-port={FREE}")),
            false => (*line).to_owned(),
        };
        out += &line;
        out.push('\n');
    }
    if !text.ends_with('\n') {
        out.pop();
    }
    Some(out)
}

/// Moves it where it is in the way, one manager after the other.
pub fn plan(cluster: &Cluster<Config>, plan: &mut Plan) {
    if !cluster.config.version.may_clash_with_gateway() {
        return;
    }
    let managers = member::managers(cluster);
    let seen = cluster.ask_each(managers.iter().copied(), probe::content(paths::KUBERNETES, 65_536));
    // The group lets one step be performed at a time; that each manager's API answers before the next is touched is an order of its own.
    let mut before: Option<Planned> = None;
    for node in managers {
        let title = "move Kubernetes' API off the port that the gateway needs";
        let ready = |step: Planned| step.title(title).needs(milestone::PLATFORM_JOINED, [node]).group(GROUP).after(&before);
        let written = match seen.of(node) {
            Known(None) => plan.later("api-port", node, "Rainbond is installed there", &["file"]),
            Unknown(problem) => plan.file("api-port", node, file(paths::KUBERNETES)).known::<()>(&Unknown(problem.clone())),
            Known(Some(found)) => match moved(&found.text()) {
                // Modes and owners are the installer's.
                Some(text) => {
                    let wanted = file(paths::KUBERNETES).content(text).mode(found.mode).owner(&found.owner, &found.group);
                    plan.file("api-port", node, wanted.keep_original())
                }
                None => {
                    let message = format!("{} on {} lets Kubernetes' API listen on {TAKEN}, which the gateway needs, and not as Arcus knows it", paths::KUBERNETES, node.name);
                    plan.warn(problem("rainbond.port-by-hand", message).on(node).help(format!("set --secure-port={FREE} and its endpoint's port there, `node service update`, and restart {UNIT}, one manager after the other")));
                    continue;
                }
            },
        };
        let written = ready(written);
        let update = plan
            .command("api-update", node, [paths::NODE_TOOL, "service", "update"])
            .status_lies()
            .until([probe::content(paths::KUBERNETES_UNIT, 65_536).on(node)], format!("its unit says {FREE}"), 30)
            .after([&written]);
        let update = ready(update).title("let the node's agent take its services' settings anew (node service update)");
        let asked = [probe::service_with(UNIT, [paths::KUBERNETES_UNIT]).on(node), probe::query("kubernetes-health", []).on(node), probe::sockets().on(node)];
        let run = plan
            .service("api-run", node, UNIT)
            .newer_than([paths::KUBERNETES_UNIT])
            .until(asked, format!("Kubernetes' API on {} answers, on {FREE}, and the gateway has {TAKEN}", node.name), 120)
            .after([&update]);
        before = Some(ready(run).title(format!("run {UNIT}")));
    }
}

/// Judges `api-update`.
pub fn updated(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Option<FileFact>>(0)? {
        Some(unit) if unit.text().contains(&format!("--secure-port={FREE}")) => met(),
        Some(_) => unmet(format!("{UNIT} does not say --secure-port={FREE}")),
        None => unmet(format!("there is no {UNIT}")),
    }
}

/// Judges `api-run`.
pub fn runs(_: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match case.get::<Option<ServiceFact>>(0)? {
        Some(service) if service.active && !service.stale => {}
        Some(service) if service.active => return unmet("it runs with what its unit said before"),
        _ => return unmet("it does not run"),
    }
    let said = case.get::<Output>(1)?;
    if said.status != 0 {
        return unmet(format!("it does not answer: {}", said.error_text().lines().next().unwrap_or_default()));
    }
    let sockets = case.get::<Vec<Socket>>(2)?;
    let heard = |port: u16| sockets.iter().any(|socket| socket.tcp && socket.port == port);
    match (heard(FREE), heard(TAKEN)) {
        (true, true) => met(),
        (false, _) => unmet(format!("nobody listens on {FREE}")),
        (true, false) => unmet(format!("the gateway does not listen on {TAKEN} yet")),
    }
}

/// The checks, with either version.
pub fn verify(cluster: &Cluster<Config>, checks: &mut Checks) {
    let managers = member::managers(cluster);
    let seen = cluster.ask_many(managers.iter().copied(), (probe::content(paths::KUBERNETES, 65_536), probe::service_with(UNIT, [paths::KUBERNETES_UNIT]), probe::query("kubernetes-health", [])));
    for node in managers {
        let (file, service, health) = seen.of(node);
        checks.on(node, "kubernetes-port", "Kubernetes' API is not in the gateway's way").judge(file, |file| match file.as_ref().map(|file| port(&file.text())) {
            Some(Some(TAKEN)) => failed(format!("both want {TAKEN}")),
            Some(Some(port)) => passed(format!("it listens on {port}")),
            Some(None) => failed(format!("{} has no kube-apiserver", paths::KUBERNETES)),
            None => failed(format!("there is no {}", paths::KUBERNETES)),
        });
        let check = checks.on(node, "kubernetes", "Kubernetes' API runs as its unit says, and answers on the node");
        match (service, health) {
            (Known(Some(service)), _) if service.active && service.stale => check.failed("it runs with what its unit said before"),
            (Known(service), Known(said)) if said.status != 0 || !service.as_ref().is_some_and(|service| service.active) => {
                check.failed(said.error_text().lines().next().unwrap_or("it does not answer").to_owned());
            }
            (Known(_), Known(_)) => check.passed("it answers"),
            (Unknown(problem), _) | (_, Unknown(problem)) => check.unanswered(problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "version: '2.1'\nservices:\n- name: kube-apiserver\n  endpoints:\n  - name: APISERVER_ENDPOINTS\n    port: 6443\n  start: >-\n    docker run --name kube-apiserver\n    goodrain.me/kube-apiserver:v1.10.11\n    --insecure-port=8181\n    --etcd-servers=x\n- name: kube-scheduler\n  endpoints:\n  - name: SCHEDULER_ENDPOINTS\n    port: 6443\n";

    #[test]
    fn its_default_is_in_the_way_and_only_its_own_lines_change() {
        assert_eq!(port(OLD), Some(6443));
        let new = moved(OLD).unwrap();
        assert_eq!(port(&new), Some(6442));
        assert!(new.contains("    goodrain.me/kube-apiserver:v1.10.11\n    --secure-port=6442\n    --insecure-port=8181\n"), "{new}");
        assert!(new.contains("APISERVER_ENDPOINTS\n    port: 6442\n") && new.ends_with("SCHEDULER_ENDPOINTS\n    port: 6443\n"), "{new}");
        assert_eq!(moved(&new).unwrap(), new);
        let said = OLD.replace("--insecure-port=8181", "--secure-port=6443");
        assert_eq!(port(&moved(&said).unwrap()), Some(6442));
    }

    #[test]
    fn what_is_not_known_is_not_written() {
        assert_eq!(port("services: []\n"), None);
        assert_eq!(moved(&OLD.replace("--insecure-port=8181", "--x").replace("--etcd-servers=x", "--y")), None);
    }
}
