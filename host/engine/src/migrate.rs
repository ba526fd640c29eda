//! Moving the shared directory to another storage: which plugins plan what meanwhile, and what nothing else may do.

use arcus_contract::actions::Desired;
use arcus_node::{Answer, Hidden, Look, Seen};
use arcus_plan::manifest::Concern;
use arcus_plugin::{Failure, Seat};

use crate::aim::{Aim, Way};
use crate::cast::Role;
use crate::engine::Engine;
use crate::fault::{Fault, Kind, Trouble};
use crate::observer::Observer;
use crate::vault::NodeFiles;

/// Where whoever moves the shared directory notes, on every manager, how far that is: one line. It is gone when nothing is under way.
const PHASE: &str = "/var/lib/arcus-migration/phase";
const PHASE_LIMIT: u64 = 4096;

/// The next round also reads what managers remember of a migration, where this file wants none: then it is another file's.
pub fn look(engine: &Engine, observer: &Observer) {
    managers(engine).for_each(|node| observer.want_file(node.to_owned(), PHASE.into()));
}

/// The same, for whoever looks by itself.
pub fn asks(engine: &Engine) -> impl Iterator<Item = (String, Look)> {
    managers(engine).map(|node| (node.to_owned(), Look::Content { path: PHASE.into(), limit: PHASE_LIMIT }))
}

/// What those were answered, as [`unknown`].
pub fn told(engine: &Engine, answers: impl Iterator<Item = Answer>) -> Option<(String, String)> {
    managers(engine).zip(answers).find_map(|(node, answer)| match answer {
        Ok(Seen::Content(Some(content))) => Some((node.to_owned(), first_line(&content.bytes))),
        _ => None,
    })
}

/// Where a migration is that this file knows nothing of: the manager that remembers it, and its words.
pub fn unknown(engine: &Engine, files: &NodeFiles) -> Option<(String, String)> {
    managers(engine).find_map(|node| Some((node.to_owned(), first_line(files.get(&(node.to_owned(), PHASE.to_owned()))?.as_ref()?))))
}

fn first_line(text: &Hidden) -> String {
    String::from_utf8_lossy(text.reveal()).lines().next().unwrap_or_default().to_owned()
}

/// What to do about that.
pub const UNKNOWN_HELP: &str = "use the cluster file it was begun with, where `storage` has `migrating-from`: `arcus migrate status` tells more then";

/// Nothing else is planned either, where somebody moves the directory by another file.
pub fn refuse_unknown(engine: &Engine, files: &NodeFiles) -> Result<(), Fault> {
    match unknown(engine, files) {
        None => Ok(()),
        Some((node, words)) => {
            let message = format!("the shared directory is being moved, and this file does not say so: {words}");
            let trouble = Trouble { code: "migrate.under-way".into(), message, node: Some(node), help: Some(UNKNOWN_HELP.into()), ..Trouble::default() };
            Err(Fault::one(Kind::Input, trouble))
        }
    }
}

fn managers(engine: &Engine) -> impl Iterator<Item = &str> {
    let wanted = engine.cluster.migrating.is_none();
    engine.cluster.with(arcus_contract::types::Role::Manage).filter(move |_| wanted).map(|member| member.node.name.as_str())
}

/// While the file wants a migration nothing else is planned: whatever else it says is meant for the storage after that.
pub fn refuse(engine: &Engine, aim: &Aim) -> Result<(), Fault> {
    let migrating = engine.cluster.migrating.as_ref();
    match (aim, migrating) {
        (Aim::Migrate(_), Some(_)) | (Aim::Plan | Aim::Mend | Aim::Leave(_), None) => Ok(()),
        (Aim::Migrate(_), None) => {
            let help = "under `storage`, set `use` to the new one, `migrating-from` to the one that is mounted, and keep the sections of both";
            Err(Fault::new(Kind::Input, "migrate.not-wanted", "the cluster file does not say what the shared directory is to be moved from").help(help))
        }
        (_, Some(migrating)) => {
            let to = engine.cluster.storage.as_ref().map_or("", |used| used.name.as_str());
            let message = format!("the file says that the shared directory moves from {} to {to}, which this command does not do", migrating.from.name);
            let help = "`arcus migrate start` moves it, `arcus migrate status` says where that stands; once it is confirmed, take `migrating-from` out of the file";
            Err(Fault::new(Kind::Input, "migrate.pending", message).help(help))
        }
    }
}

/// The new storage is made ready, and the migration goes its way. All others wait.
pub async fn plan(engine: &Engine, role: &Role, way: Way, seat: Seat) -> Result<Desired, Failure> {
    let new = engine.cluster.storage.as_ref().is_some_and(|used| used.plugin == role.plugin.name());
    match (role.plugin.manifest().concern, way) {
        (Concern::Storage, _) if new => role.plugin.plan(seat, &role.input).await,
        (Concern::Migration, Way::Forward) => role.plugin.plan(seat, &role.input).await,
        (Concern::Migration, Way::Back) => role.plugin.rollback(seat, &role.input).await,
        (Concern::Migration, Way::Confirm) => role.plugin.confirm(seat, &role.input).await,
        _ => {
            drop(seat);
            Ok(Desired { steps: vec![], warnings: vec![] })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use arcus_node::{Content, Report, Simulated};

    use super::*;
    use crate::simulated::{Opened, not_simulated};

    fn content(text: &str) -> Content {
        Content { bytes: Hidden::from(text.to_owned()), sha256: String::new(), mode: 0o600, owner: "root".into(), group: "root".into() }
    }

    /// A cluster of which one manager may remember a migration.
    async fn cluster(remembers: Option<(&'static str, &'static str)>) -> Opened {
        let transport = Simulated::new(move |node, batch| {
            let answer = |look: &Look| match look {
                Look::Content { path, .. } if path == PHASE => {
                    let text = remembers.filter(|(keeper, _)| *keeper == node).map(|(_, text)| text);
                    Ok(Seen::Content(text.map(content)))
                }
                _ => Err(not_simulated()),
            };
            Ok(Report { answers: batch.looks.iter().map(answer).collect(), ..Report::default() })
        });
        Opened::new(transport).await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_migration_that_another_file_began_is_told_and_nothing_else_is_planned() {
        let engine = cluster(Some(("m2", "phase 3 of 7, freeze; from nfs to glusterfs\n"))).await;
        let fault = engine.plan().await.unwrap_err();
        let [trouble] = fault.troubles.as_slice() else { panic!("{fault}") };
        assert_eq!((trouble.code.as_str(), trouble.node.as_deref(), fault.kind), ("migrate.under-way", Some("m2"), Kind::Input));
        assert!(trouble.message.ends_with("phase 3 of 7, freeze; from nfs to glusterfs"), "{}", trouble.message);
        assert!(engine.verify().await.is_err());
        let open = engine.status().await.unwrap().open;
        assert!(open.iter().any(|line| line.contains("phase 3 of 7, freeze") && line.contains("migrating-from")), "{open:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn status_asks_for_it_together_with_all_else() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (phase, other) = (|look: &Look| matches!(look, Look::Content { path, .. } if path == PHASE), |look: &Look| matches!(look, Look::Drill));
        let seen = asked.clone();
        let transport = Simulated::new(move |node, batch| {
            if node == "m2" && batch.looks.iter().any(phase) {
                seen.lock().unwrap().push(batch.looks.iter().any(other));
            }
            Ok(Report { answers: vec![Err(not_simulated()); batch.looks.len()], ..Report::default() })
        });
        Opened::new(transport).await.status().await.unwrap();
        assert_eq!(*asked.lock().unwrap(), [true]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn where_nobody_remembers_one_nothing_is_in_the_way() {
        let engine = cluster(None).await;
        assert!(engine.plan().await.is_ok());
        let open = engine.status().await.unwrap().open;
        assert!(!open.iter().any(|line| line.contains("moved")), "{open:?}");
    }
}
