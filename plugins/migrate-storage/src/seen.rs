//! Everything that is looked at, in one ask.

use crate::exports::{self, Line};
use crate::phase::{self, Phase};
use crate::route::{Config, MEMORY, NEW, NEW_OWN, Route};
use crate::users::{self, User};
use arcus_sdk::prelude::*;

/// A member, as it was found.
pub struct Member<'a> {
    pub node: &'a Node,
    pub mounts: Look<Vec<Mounted>>,
    /// Its units as they were before the freeze, or are.
    pub users: Look<Vec<User>>,
    /// Units that ran before and do not run now.
    pub stopped: Vec<String>,
    /// What is held there.
    pub held: Vec<String>,
    pub holders: Look<Vec<Holder>>,
}

/// All of it.
pub struct Seen<'a> {
    pub members: Vec<Member<'a>>,
    pub phase: Look<Phase>,
    /// Of the copying node.
    pub os: Look<Os>,
    /// The line that exports the old storage, as it was before it was closed.
    pub export: Look<Option<Line>>,
    /// Receipts that are there: `live`, `final`, `back-live`, `back`.
    pub receipts: Look<Vec<&'static str>>,
    /// Whether the new storage is the migration's, what is in it, and what of that is its own.
    pub target: (Look<Option<FileFact>>, Look<Option<DirectoryFact>>, Look<Option<DirectoryFact>>),
    /// What the copy says it does.
    pub copying: Option<String>,
    /// Why the copy that this phase is about came to nothing.
    pub failed: Option<String>,
}

const RECEIPTS: [&str; 4] = ["live", "final", "back-live", "back"];

/// Where a receipt lies.
pub fn receipt(name: &str) -> String {
    format!("{MEMORY}/{name}")
}

/// Where it is noted that the new storage is the migration's. It stays after the way back: who begins anew finds what was copied before.
pub fn claim() -> String {
    receipt("target")
}

impl<'a> Seen<'a> {
    /// Problems: what stands in the way of any plan.
    pub fn look(cluster: &'a Cluster<Config>, route: &Route<'a>) -> Result<Self, Vec<Problem>> {
        let content = |path: String| probe::content(path, 65_536);
        let mut batch = cluster.batch();
        let on_members = batch.each(route.members.iter().copied(), (probe::mounts(), content(users::path()), probe::holders(route.shared.path.as_str())));
        let on_units = batch.each_of(route.members.iter().map(|node| {
            let asks: Vec<_> = users::named(route, node).into_iter().map(probe::service).collect();
            (*node, asks)
        }));
        let on_keepers = batch.each(route.keepers.iter().copied(), content(phase::path()));
        let on_copier = batch.one(
            route.copier,
            (probe::os(), content(exports::FILE.into()), content(exports::KEPT.into()), RECEIPTS.map(|name| probe::file(receipt(name))).to_vec(), RECEIPTS.map(|name| probe::job(format!("copy-{name}:{}", route.copier.name))).to_vec(), (content(claim()), probe::directory(NEW), probe::directory(NEW_OWN))),
        );
        let mut got = batch.send();
        let (on_members, on_units, on_keepers) = (got.take(on_members), got.take(on_units), got.take(on_keepers));
        let (os, exported, kept, receipts, jobs, target) = got.take(on_copier);

        let mut problems = Vec::new();
        let members = route.members.iter().map(|node| {
            let (mounts, noted, holders) = on_members.of(node).clone();
            let units = users::named(route, node);
            let facts: Look<Vec<(String, Option<ServiceFact>)>> =
                units.into_iter().zip(on_units.of(node)).try_fold(Vec::new(), |mut all, (unit, look)| match look {
                    Known(fact) => {
                        all.push((unit, fact.clone()));
                        Ok(all)
                    }
                    Unknown(problem) => Err(problem.clone()),
                }).map_or_else(Unknown, Known);
            let held = facts.known().map(|facts| facts.iter().filter(|(_, fact)| fact.as_ref().is_some_and(|fact| fact.held)).map(|(unit, _)| unit.clone()).collect());
            let text = noted.known().and_then(Option::as_ref).map(FileText::text);
            let stopped = |users: &[User]| {
                let runs = |unit: &str| facts.known().is_some_and(|facts| facts.iter().any(|(name, fact)| name == unit && fact.as_ref().is_some_and(|fact| fact.active)));
                users.iter().filter(|user| user.running && !runs(&user.unit)).map(|user| user.unit.clone()).collect()
            };
            let stopped = if facts.known().is_some() { text.as_ref().map(|text| stopped(&users::parse(text))).unwrap_or_default() } else { Vec::new() };
            let users = match (&noted, &text) {
                (Unknown(problem), _) => Unknown(problem.clone()),
                (Known(_), Some(text)) => Known(users::parse(text)),
                (Known(_), None) => facts.map(|facts| users::of(&facts)),
            };
            Member { node, mounts, users, stopped, held: held.unwrap_or_default(), holders }
        }).collect();

        let mut phase = Known(Phase::None);
        for node in &route.keepers {
            match on_keepers.of(node) {
                Unknown(problem) => {
                    // Somebody may know of a later one.
                    phase = Unknown(problem.clone());
                    break;
                }
                Known(None) => {}
                Known(Some(file)) => match phase::parse(route, node, &file.text()) {
                    Ok(found) => phase = phase.map(|phase| phase.max(found)),
                    Err(problem) => problems.push(problem),
                },
            }
        }
        let export = if route.serves { line(route, &exported, &kept, &phase, &mut problems) } else { Known(None) };
        let receipts = RECEIPTS.into_iter().zip(&receipts).try_fold(Vec::new(), |mut all, (name, look)| match look {
            Known(file) => {
                all.extend(file.as_ref().map(|_| name));
                Ok(all)
            }
            Unknown(problem) => Err(problem.clone()),
        }).map_or_else(Unknown, Known);
        let running = jobs.iter().filter_map(Look::known).flatten().find(|job| job.running);
        let copying = running.map(last_words);
        let due = phase.known().and_then(|phase| phase.copy());
        let of_phase = RECEIPTS.iter().zip(&jobs).find(|(name, _)| Some(**name) == due).and_then(|(_, job)| job.known()?.as_ref());
        let failed = of_phase.filter(|job| !job.running && job.status.is_some_and(|status| status != 0)).map(last_words);
        if problems.is_empty() { Ok(Seen { members, phase, os, export, receipts, target, copying, failed }) } else { Err(problems) }
    }

    /// That member.
    pub fn of(&self, node: &Node) -> &Member<'a> {
        self.members.iter().find(|member| member.node.name == node.name).expect("every member was looked at")
    }

    pub fn has(&self, name: &str) -> bool {
        self.receipts.is_known_and(|receipts| receipts.contains(&name))
    }
}

impl Member<'_> {
    /// What is live at this place.
    pub fn live(&self, path: &str) -> Option<&Mounted> {
        self.mounts.known()?.iter().rev().find(|mounted| mounted.live && mounted.target == path)
    }

    /// It uses the new storage already.
    pub fn is_switched(&self, route: &Route) -> bool {
        self.live(&route.shared.path).is_some_and(|mounted| is(mounted, &route.new.1))
    }
}

/// How far a copy is, or what it ended with.
fn last_words(job: &JobFact) -> String {
    String::from_utf8_lossy(&job.tail).lines().last().unwrap_or_default().to_owned()
}

/// Whether this mount is what the offer says. Gluster's helper leaves out a slash, and the kernel has names of its own for types.
pub fn is(mounted: &Mounted, offer: &StorageOffer) -> bool {
    mounted.source.replacen(":/", ":", 1) == offer.source.replacen(":/", ":", 1)
}

/// The line as it was before: the one kept, where it was closed already.
fn line(route: &Route, exported: &Look<Option<FileFact>>, kept: &Look<Option<FileFact>>, phase: &Look<Phase>, problems: &mut Vec<Problem>) -> Look<Option<Line>> {
    let path = &route.shared.path;
    match (kept, exported) {
        (Unknown(problem), _) | (_, Unknown(problem)) => Unknown(problem.clone()),
        (Known(Some(kept)), _) => Known(exports::find(&kept.text(), path).ok()),
        (Known(None), Known(exported)) => {
            let text = exported.as_ref().map(FileText::text).unwrap_or_default();
            match exports::find(&text, path) {
                Ok(line) => Known(Some(line)),
                // Who has switched needs none.
                Err(_) if phase.is_known_and(|phase| *phase >= Phase::Thawed) => Known(None),
                Err(why) => {
                    let help = format!("export {path} with one line of {}, so that it can be closed and opened again", exports::FILE);
                    problems.push(problem("migrate.exports", why).on(route.copier).help(help));
                    Known(None)
                }
            }
        }
    }
}
