//! Describing drills: a fault, what beats meanwhile, and what must be so under the fault and again after it.

use arcus_contract::actions::{Action, Goal, Step};
use arcus_contract::checks::{Beat, Drill, Fault, Watch};
use arcus_contract::facts::{Query, Request};
use arcus_contract::types::Node;

/// A drill being described. `id` is stable: `vip-stop`.
pub struct Trial(Drill);

impl Trial {
    fn new(id: impl Into<String>, title: impl Into<String>, fault: Fault) -> Self {
        Trial(Drill { id: id.into(), title: title.into(), fault, watches: Vec::new(), recovers: Vec::new(), heals: Vec::new() })
    }
    /// Stops a unit on a node; it is started again.
    pub fn stop(id: impl Into<String>, title: impl Into<String>, node: &Node, unit: impl Into<String>) -> Self {
        Self::new(id, title, Fault::Stop((node.name.clone(), unit.into())))
    }
    /// Kills all that runs in a unit on a node, and lets nobody start it; it is started again.
    pub fn kill(id: impl Into<String>, title: impl Into<String>, node: &Node, unit: impl Into<String>) -> Self {
        Self::new(id, title, Fault::Kill((node.name.clone(), unit.into())))
    }
    /// Cuts a node off from all others for so many seconds; a timer on the node undoes it.
    pub fn isolate(id: impl Into<String>, title: impl Into<String>, node: &Node, seconds: u32) -> Self {
        Self::new(id, title, Fault::Isolate((node.name.clone(), seconds)))
    }
    /// The node loses power, by the operator's hook.
    pub fn power(id: impl Into<String>, title: impl Into<String>, node: &Node) -> Self {
        Self::new(id, title, Fault::Power(node.name.clone()))
    }

    /// While it runs, the observer beats every so many milliseconds; a longer time without a beat than `at_most_ms` fails the drill.
    pub fn watch(self, id: impl Into<String>, observer: &Node, beat: Beat, every_ms: u32, at_most_ms: u32) -> Self {
        self.watch_from(id, observer, [], beat, every_ms, at_most_ms)
    }

    /// The same, where these others can take the observer's place. They read back what a [`write`] wrote.
    pub fn watch_from<'a>(
        mut self,
        id: impl Into<String>,
        observer: &Node,
        others: impl IntoIterator<Item = &'a Node>,
        beat: Beat,
        every_ms: u32,
        at_most_ms: u32,
    ) -> Self {
        let others = others.into_iter().map(|node| node.name.clone()).collect();
        self.0.watches.push(Watch { id: id.into(), observer: observer.name.clone(), others, beat, every_ms, at_most_ms });
        self
    }

    /// This must be so under the fault, and again after it was taken back. Judged by the entry of `goals()` for this verb.
    pub fn recovers(
        mut self,
        verb: &str,
        node: &Node,
        requests: impl IntoIterator<Item = Request>,
        expect: impl Into<String>,
        within_s: u32,
    ) -> Self {
        self.0.recovers.push(wait(verb, node, requests, expect.into(), within_s));
        self
    }

    /// This must be so only after it was taken back.
    pub fn heals(
        mut self,
        verb: &str,
        node: &Node,
        requests: impl IntoIterator<Item = Request>,
        expect: impl Into<String>,
        within_s: u32,
    ) -> Self {
        self.0.heals.push(wait(verb, node, requests, expect.into(), within_s));
        self
    }

    /// The drill.
    pub fn drill(self) -> Drill {
        self.0
    }
}

fn wait(verb: &str, node: &Node, requests: impl IntoIterator<Item = Request>, expect: String, within_s: u32) -> Step {
    Step {
        id: format!("{verb}:{}", node.name),
        node: node.name.clone(),
        about: None,
        title: format!("wait until {expect}"),
        action: Action::Wait,
        after: Vec::new(),
        needs: Vec::new(),
        provides: Vec::new(),
        group: None,
        once: false,
        goal: Some(Goal { requests: requests.into_iter().collect(), expect, within_s }),
        undo: None,
        disrupts: Vec::new(),
        timeout_s: within_s,
    }
}

/// ICMP echo to this address.
pub fn ping(address: impl Into<String>) -> Beat {
    Beat::Ping(address.into())
}
/// TCP connect to address and port.
pub fn connect(address: impl Into<String>, port: u16) -> Beat {
    Beat::Connect((address.into(), port))
}
/// Writes and syncs records to a new file in this directory.
pub fn write(directory: impl Into<String>) -> Beat {
    Beat::Write(directory.into())
}
/// This query of the manifest ends with status 0.
pub fn responds<'a>(id: &str, args: impl IntoIterator<Item = &'a str>) -> Beat {
    Beat::Query(Query { id: id.to_owned(), args: args.into_iter().map(str::to_owned).collect() })
}
