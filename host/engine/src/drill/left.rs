//! Drills that nobody finished: noted on the managers before the fault is made, so that whoever comes next knows of it, and takes it
//! back, whatever became of the machine it was begun from.

use std::collections::{BTreeMap, BTreeSet};

use arcus_contract::types::Role;
use arcus_node::{Change, DrillNote, Fence, Look, Seen, TimerFact};
use futures::future::join_all;

use super::PowerHook;
use crate::apply::run_id;
use crate::engine::Engine;
use crate::event::Event;
use crate::fault::{Fault, Kind, Trouble};
use crate::journal::{Entry, Journal, now};
use crate::lock::Held;

/// A drill that is under way, or was left open.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OpenDrill {
    /// Id of the drill.
    pub id: String,
    /// The run.
    pub run: String,
    /// `stop`, `kill`, `isolate`, `power`.
    pub fault: String,
    /// Where.
    pub node: String,
    /// The unit or the interface.
    pub what: Option<String>,
    /// Who began it, on which machine.
    pub operator: String,
    /// Since when, seconds since 1970.
    pub since: u64,
    /// Seconds until the node takes it back by itself; none when it has no timer (any more), or was not reached.
    pub restores_in_s: Option<u64>,
}

impl OpenDrill {
    /// Of a note, with the timers of its node.
    pub fn of(note: &DrillNote, timers: &[TimerFact]) -> Self {
        Self {
            id: note.drill.clone(),
            run: note.run.clone(),
            fault: note.fault.clone(),
            node: note.node.clone(),
            what: note.what.clone(),
            operator: note.operator.clone(),
            since: note.since,
            restores_in_s: timers.iter().map(|timer| timer.left_s).min(),
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        let node = &self.node;
        let what = match (self.fault.as_str(), &self.what) {
            ("stop", Some(unit)) => format!("{unit} is stopped on {node}"),
            ("kill", Some(unit)) => format!("{unit} is killed and held down on {node}"),
            ("isolate", _) => format!("{node} is cut off"),
            ("power", _) => format!("{node} has no power"),
            (fault, _) => format!("{fault} on {node}"),
        };
        let back = match (self.restores_in_s, self.fault.as_str()) {
            (Some(seconds), _) => format!("the node takes it back by itself in {seconds} s, `arcus drill back` and the next `arcus apply` at once"),
            (None, "isolate") => "the node takes it back by itself; `arcus drill back` waits for it".into(),
            (None, "power") => "switch it on by hand, or `arcus drill back --power-hook …`".into(),
            (None, _) => "the node has no timer any more; `arcus drill back` and the next `arcus apply` take it back".into(),
        };
        let since = jiff::Timestamp::from_second(self.since as i64).map(|at| at.to_string()).unwrap_or_default();
        format!("the drill {} of run {} by {} since {since}: {what}; {back}", self.id, self.run, self.operator)
    }
}

impl Engine {
    /// Notes it on every manager that answers, and on the node itself; one must have taken the note.
    pub(super) async fn note(&self, note: &DrillNote, fence: &Fence) -> Result<(), String> {
        let ends = self.on_note_keepers(&note.node, |node| async move { self.fenced(&node, "drill", Change::NoteDrill(note.clone()), fence).await }).await;
        let mut whys = Vec::new();
        for end in ends {
            match end {
                Ok(()) => return Ok(()),
                Err(why) => whys.push(why),
            }
        }
        Err(format!("nobody could note that it is under way: {}", whys.join("; ")))
    }

    pub(super) async fn forget_note(&self, note: &DrillNote, fence: &Fence) {
        let forget = |node: String| async move { self.fenced(&node, "drill", Change::ForgetDrill { run: note.run.clone() }, fence).await };
        self.on_note_keepers(&note.node, forget).await;
    }

    async fn on_note_keepers<F: Future<Output = Result<(), String>>>(&self, node: &str, act: impl Fn(String) -> F) -> Vec<Result<(), String>> {
        let mut keepers: BTreeSet<String> = self.cluster.with(Role::Manage).map(|member| member.node.name.clone()).collect();
        keepers.insert(node.to_owned());
        join_all(keepers.into_iter().map(act)).await
    }

    /// What the nodes were told of drills under way, once each.
    async fn notes(&self) -> Vec<DrillNote> {
        let asks = self.cluster.with(Role::Manage).map(|member| (member.node.name.clone(), Look::Drill)).collect();
        let mut notes = BTreeMap::new();
        for answer in self.fleet.look(asks).await {
            if let Ok(Seen::Drill(Some(note))) = answer {
                notes.insert((note.run.clone(), note.drill.clone()), note);
            }
        }
        notes.into_values().collect()
    }

    /// Takes back what an earlier run left open, and nothing else.
    ///
    /// # Errors
    /// When another run holds the lock, or something cannot be taken back.
    pub async fn drill_back(&self, hook: Option<&PowerHook>) -> Result<Vec<String>, Fault> {
        let held = self.take_lock(&run_id(), "drill back").await?;
        let result = self.finish_left(&held, hook, None).await;
        held.release().await;
        result
    }

    /// As [`Engine::drill_back`], but takes the lock only where there is something to take back.
    ///
    /// # Errors
    /// As there.
    pub async fn finish_drills(&self) -> Result<Vec<String>, Fault> {
        if self.notes().await.is_empty() { Ok(vec![]) } else { self.drill_back(None).await }
    }

    /// Takes back what earlier runs left open; what was done, in words.
    pub(crate) async fn finish_left(&self, held: &Held, hook: Option<&PowerHook>, journal: Option<&Journal>) -> Result<Vec<String>, Fault> {
        let fence = held.fence();
        let mut done = Vec::new();
        for note in self.notes().await.into_iter().filter(|note| note.run != fence.run) {
            let open = OpenDrill::of(&note, &[]);
            self.emit(Event::Drill { drill: note.drill.clone(), what: format!("run {} left it open: taking it back on {}", note.run, note.node) });
            self.take_back(&note, hook, &fence).await.map_err(|why| {
                let help = match note.fault.as_str() {
                    "power" => format!("switch {} on by hand, or name the program that does: `arcus drill back --power-hook …`; then again", note.node),
                    _ => format!("see what is the matter with {}, then `arcus drill back` again", note.node),
                };
                Fault::one(
                    Kind::Unreachable,
                    Trouble {
                        code: "drill.left-open".into(),
                        message: format!("the drill {} of run {} could not be taken back: {why}", note.drill, note.run),
                        help: Some(help),
                        node: Some(note.node.clone()),
                        plugin: Some(note.plugin.clone()),
                        ..Trouble::default()
                    },
                )
            })?;
            for (node, id) in &note.observers {
                if let Err(why) = self.fenced(node, "watch", Change::ForgetWatch { id: id.clone() }, &fence).await {
                    self.emit(Event::Note(format!("the observer that a drill left on {node} ends by itself; it could not be ended now: {why}")));
                }
            }
            self.forget_note(&note, &fence).await;
            if let Some(journal) = journal {
                let entry = Entry::Decided { run: note.run.clone(), plugin: note.plugin.clone(), step: note.drill.clone(), node: note.node.clone(), as_seen: "done".into(), at: now() };
                let _ = journal.write(&entry);
            }
            done.push(format!("{} on {}, left open by run {} of {}", open.id, open.node, open.run, open.operator));
        }
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_drill_says_what_is_broken_and_who_mends_it_when() {
        let note = DrillNote {
            run: "r1".into(),
            plugin: "p".into(),
            drill: "vip-stop".into(),
            fault: "stop".into(),
            node: "manage01".into(),
            what: Some("keepalived.service".into()),
            timer: Some("drill-vip-stop".into()),
            observers: vec![],
            operator: "eva@desk".into(),
            since: 0,
        };
        let words = |fault: &str, timers: &[TimerFact]| OpenDrill::of(&DrillNote { fault: fault.into(), ..note.clone() }, timers).words();
        let timers = [TimerFact { unit: "arcus-timer".into(), left_s: 41 }];
        assert!(words("stop", &timers).contains("keepalived.service is stopped on manage01; the node takes it back by itself in 41 s"));
        assert!(words("kill", &[]).contains("held down on manage01; the node has no timer any more; `arcus drill back`"));
        assert!(words("isolate", &[]).contains("manage01 is cut off; the node takes it back by itself"));
        assert!(words("power", &[]).contains("manage01 has no power; switch it on by hand"));
    }
}
