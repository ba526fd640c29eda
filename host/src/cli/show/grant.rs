//! What a plugin asks to be allowed, shown in full, and in plain words what that amounts to on a node.

use arcus_plan::manifest::{Grant, Secret};
use arcus_plugin::{Approval, Inspection, beyond};

use crate::cli::foreign::Foreign;
use crate::cli::paint::Paint;
use crate::cli::safe::Safe;
use crate::safe;

/// A plugin, all of it.
pub fn plugin(inspection: &Inspection, origin: &str, paint: Paint) -> Safe {
    let manifest = &inspection.manifest;
    let mut text = Safe::new();
    text.line(&safe!("{} {}: {}", paint.bold(Foreign::word(&manifest.name)), Foreign::word(&manifest.version), Foreign::line(&manifest.summary)));
    text.line(&safe!("  from       {}", Foreign::line(origin)));
    text.line(&safe!("  sha256     {}", Foreign::word(&inspection.digest)));
    text.line(&safe!("  size       {} bytes", inspection.size));
    text.line(&safe!("  concern    {}", manifest.concern.as_str()));
    text.line(&safe!("  contract   {}", Foreign::word(&manifest.contract)));
    text.line(&safe!("  tested on  {}", words(&manifest.tested_on)));
    text.line(&safe!("  imports    {}", words(&inspection.imports)));
    if !inspection.withheld.is_empty() {
        text.line(&safe!("  withheld   {} (its language's library imports it; a call of it ends what the plugin does)", words(&inspection.withheld)));
    }
    text.line(&"");
    text.line(&paint.bold("It asks to be allowed:"));
    let grant = &manifest.grant;
    if grant.roles.is_empty() {
        text.line(&safe!("  {:<15} {}", "steps on roles", "every role"));
    }
    for (what, list) in [
        ("steps on roles", &grant.roles),
        ("actions", &grant.actions),
        ("packages", &grant.packages),
        ("services", &grant.services),
        ("to write below", &grant.write),
        ("to read below", &grant.read),
        ("kept secret", &grant.secret),
        ("artifacts", &grant.artifacts),
    ] {
        if !list.is_empty() {
            text.line(&safe!("  {:<15} {}", what, words(list)));
        }
    }
    for command in &grant.command {
        text.line(&safe!("  {:<15} {}", "command", argv(&command.argv)));
        for option in &command.options {
            text.line(&safe!("  {:<15}   with {}", "", argv(option)));
        }
        if let Some(stdin) = &command.stdin {
            text.line(&safe!("  {:<15}   fed {}", "", Foreign::line(stdin)));
        }
    }
    for query in &grant.query {
        text.line(&safe!("  {:<15} {} ({})", "query", argv(&query.argv), Foreign::word(&query.id)));
        if !query.redact.is_empty() {
            text.line(&safe!("  {:<15}   without {}", "", words(&query.redact)));
        }
    }
    for (name, secret) in &grant.secrets {
        let origin = match secret {
            Secret::Operator => safe!("yours: --secret {}=...", Foreign::word(name)),
            Secret::Generated { length, .. } => safe!("made once, {} characters, kept on the nodes that use it", *length),
        };
        text.line(&safe!("  {:<15} {}: {}", "secret", Foreign::word(name), origin));
    }
    text.line(&"");
    if manifest.has_hatch() {
        text.line(&paint.red(safe!("It runs live on nodes with the roles {}: its steps of the kind `call` are the plugin itself,", words(&grant.roles))));
        text.line(&"which runs the commands above, and reads and writes the files above, as it likes while such a step runs. What it does then");
        text.line(&"cannot be shown beforehand; it is in the journal afterwards. Your policy can refuse all of this: hatch = \"refuse\".");
        text.line(&"");
    }
    let powers = powers(grant);
    if powers.is_empty() {
        text.line(&"None of this amounts to root on a node.");
    } else {
        text.line(&paint.red("This amounts to root on nodes of those roles, since whoever may"));
        for power in &powers {
            text.line(&safe!("  - {}", power));
        }
        if manifest.has_hatch() {
            text.line(&"can make that node do anything. Nothing outside of this is done, and every step is shown before, but what it does live.");
        } else {
            text.line(&"can make that node do anything. Nothing outside of this is done, and every step is shown before.");
        }
    }
    text
}

/// What it asks for beyond what was approved last, and what not any more.
pub fn difference(before: &Approval, inspection: &Inspection, paint: Paint) -> Safe {
    change(&before.version, &before.grant, inspection, paint)
}

/// The same, from one grant to that of a component.
pub fn change(version: &str, before: &Grant, inspection: &Inspection, paint: Paint) -> Safe {
    let now = &inspection.manifest.grant;
    let (more, less) = (beyond(before, now), beyond(now, before));
    let mut text = Safe::new();
    if more.is_empty() && less.is_empty() {
        text.line(&safe!("It asks for the same as {}.", Foreign::word(version)));
        return text;
    }
    text.line(&paint.bold(safe!("Compared with {}:", Foreign::word(version))));
    for permission in &more {
        text.line(&paint.red(safe!("  + {}", Foreign::line(permission))));
    }
    for permission in &less {
        text.line(&paint.green(safe!("  - {}", Foreign::line(permission))));
    }
    let known = powers(before);
    let new: Vec<Safe> = powers(now).into_iter().filter(|power| !known.contains(power)).collect();
    if !new.is_empty() {
        text.line(&paint.red("Of this, amounts to root what was not allowed before:"));
        for power in &new {
            text.line(&safe!("  - {}", power));
        }
    }
    text
}

fn words(list: &[String]) -> Safe {
    if list.is_empty() {
        return safe!("nothing");
    }
    Safe::join(&list.iter().map(|word| Safe::of(&Foreign::word(word))).collect::<Vec<_>>(), ", ")
}

/// Words with spaces are quoted, so that one cannot pass for two.
fn argv(words: &[String]) -> Safe {
    let quoted = |word: &String| {
        let shown = Foreign::line(word);
        if word.contains([' ', '"']) || word.is_empty() { safe!("\"{}\"", shown) } else { Safe::of(&shown) }
    };
    Safe::join(&words.iter().map(quoted).collect::<Vec<_>>(), " ")
}

/// Folders in which a file makes root do something, and how.
const RUN_BY_ROOT: [(&str, &str); 16] = [
    ("/etc/systemd", "units are run by the system"),
    ("/lib/systemd", "units are run by the system"),
    ("/usr/lib/systemd", "units are run by the system"),
    ("/run/systemd", "units are run by the system"),
    ("/etc/cron.d", "its jobs are run as root"),
    ("/var/spool/cron", "its jobs are run as root"),
    ("/etc/sudoers.d", "it decides who becomes root"),
    ("/etc/pam.d", "it decides who is let in"),
    ("/etc/ld.so.preload", "every program loads it"),
    ("/etc/profile.d", "every login reads it"),
    ("/etc/udev", "its rules run programs as root"),
    ("/etc/modprobe.d", "it runs programs as root"),
    ("/root", "keys and start files of root are there"),
    ("/etc/ssh", "it decides who is let in"),
    ("/etc/keepalived", "keepalived runs the scripts it names as root"),
    ("/usr", "programs that root runs are there"),
];

/// What of a grant amounts to root on a node, each in plain words.
pub fn powers(grant: &Grant) -> Vec<Safe> {
    let mut powers = Vec::new();
    let acts = |kind: &str| grant.actions.iter().any(|action| action == kind);
    if acts("file") || acts("call") || acts("copy-tree") || acts("directory") || acts("mount") {
        for prefix in &grant.write {
            let inside = |folder: &str| arcus_plan::pattern::is_under(prefix, folder) || arcus_plan::pattern::is_under(folder, prefix);
            if let Some((folder, why)) = RUN_BY_ROOT.into_iter().find(|(folder, _)| inside(folder)) {
                powers.push(safe!("write below {} ({}: {})", Foreign::word(prefix), folder, why));
            }
        }
    }
    if acts("mount") {
        powers.push(safe!("mount below {} (what is mounted may bring programs that run as root)", words(&grant.write)));
    }
    if acts("package") && !grant.packages.is_empty() {
        powers.push(safe!("install {} (packages bring scripts that run as root)", words(&grant.packages)));
    }
    if acts("command") || acts("job") || acts("call") {
        for command in &grant.command {
            powers.push(safe!("run {} (as root)", argv(&command.argv)));
        }
    }
    powers
}

#[cfg(test)]
mod tests {
    use arcus_plan::manifest::Manifest;

    use super::*;

    const MANIFEST: &str = r#"
        name = "gateway-x"
        version = "0.1.0"
        concern = "gateway"
        contract = "0.1"
        summary = "A virtual address."
        tested-on = ["debian 12"]
        [grant]
        roles = ["gateway"]
        actions = ["file", "package", "command", "service"]
        read = ["/etc/x"]
        write = ["/etc/keepalived", "/srv/x"]
        packages = ["keepalived"]
        services = ["keepalived.service"]
        [[grant.command]]
        argv = ["/usr/bin/x", "set", "<address>", "two words"]
        options = [["--weight", "<uint>"]]
        [[grant.query]]
        id = "state"
        argv = ["/usr/bin/x", "show"]
        redact = ["/password"]
        [grant.secrets.pass]
        origin = "generated"
        length = 8
        [grant.secrets.token]
        origin = "operator"
    "#;

    fn inspection() -> Inspection {
        Inspection { manifest: Manifest::from_toml(MANIFEST).unwrap(), digest: "ab".repeat(32), size: 1234, imports: vec!["arcus:plugin/log@0.1.0#emit".into()], withheld: vec![], exports: vec![], interfaces: vec![] }
    }

    #[test]
    fn everything_that_is_asked_for_is_shown() {
        insta::assert_snapshot!(plugin(&inspection(), "./x.wasm", Paint::new(false)).as_str());
    }

    #[test]
    fn what_runs_live_is_said_as_such_and_is_root_by_what_it_may_run_and_write() {
        let mut live = inspection();
        live.manifest.grant.actions = vec!["call".into()];
        let text = plugin(&live, "./x.wasm", Paint::new(false));
        for words in ["It runs live on nodes with the roles gateway", "cannot be shown beforehand", "run /usr/bin/x set <address> \"two words\" (as root)", "write below /etc/keepalived", "but what it does live."] {
            assert!(text.as_str().contains(words), "{words:?} is not in\n{}", text.as_str());
        }
        assert!(change("0.0.9", &inspection().manifest.grant, &live, Paint::new(false)).as_str().contains("+ grant.actions = \"call\""));
    }

    #[test]
    fn a_grant_without_such_powers_says_so() {
        let mut harmless = inspection();
        harmless.manifest.grant = Grant { actions: vec!["file".into()], write: vec!["/srv/x".into()], ..Grant::default() };
        assert!(plugin(&harmless, "x", Paint::new(false)).as_str().contains("None of this amounts to root"));
    }

    #[test]
    fn what_is_more_and_what_is_less_is_told() {
        let mut before = inspection().manifest.grant;
        before.write = vec!["/srv/x".into(), "/srv/\u{1b}[2Jy".into()];
        before.packages.clear();
        let text = change("0.0.9", &before, &inspection(), Paint::new(false));
        insta::assert_snapshot!(text.as_str());
        assert_eq!(change("0.1.0", &inspection().manifest.grant, &inspection(), Paint::new(false)).as_str(), "It asks for the same as 0.1.0.\n");
        let everywhere = Inspection { manifest: Manifest { grant: Grant { roles: vec![], ..inspection().manifest.grant }, ..inspection().manifest }, ..inspection() };
        assert!(change("0.1.0", &inspection().manifest.grant, &everywhere, Paint::new(false)).as_str().contains("+ grant.roles = every role"));
        assert!(plugin(&everywhere, "x", Paint::new(false)).as_str().contains("every role"));
    }

    #[test]
    fn a_folder_above_a_dangerous_one_is_as_dangerous() {
        for path in ["/", "/etc", "/etc/systemd/system", "/usr/local/bin"] {
            let grant = Grant { actions: vec!["file".into()], write: vec![path.into()], ..Grant::default() };
            assert_eq!(powers(&grant).len(), 1, "{path}");
        }
    }
}
