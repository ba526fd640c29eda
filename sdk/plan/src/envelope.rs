//! The envelope: what the operator approved. A later round may only do what lies inside it.

use std::collections::BTreeMap;

use arcus_contract::actions::{Action, Disruption, Step};

use crate::loss::lost;

/// The ids of a plan, with all that a yes to them covers.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Envelope {
    /// By plugin and id.
    intents: BTreeMap<String, Intent>,
}

/// One approved step.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Intent {
    node: String,
    kinds: Vec<String>,
    disrupts: Vec<Disruption>,
    /// Nodes that it runs live on. None: it does not, or it was not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    live: Option<Vec<String>>,
    /// What of the data it may lose. None: nothing, or it was not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    loses: Option<String>,
}

/// A step of a later round that nobody approved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{plugin}: step `{step}` was not announced: {reason}")]
pub struct Outside {
    /// Name of the plugin.
    pub plugin: String,
    /// Id of the step.
    pub step: String,
    /// What differs from what was approved.
    pub reason: String,
}

impl Envelope {
    /// Of plans, as approved: every step that they state, also those that are so already.
    pub fn of<'a>(plans: impl IntoIterator<Item = (&'a str, &'a [Step])>) -> Self {
        let mut envelope = Self::default();
        for (plugin, steps) in plans {
            for step in steps {
                let kinds = match &step.action {
                    Action::Later(later) => later.kinds.clone(),
                    action => vec![action.word().to_owned()],
                };
                let live = if let Action::Call(call) = &step.action { Some(call.nodes.clone()) } else { None };
                let loses = lost(step).filter(|_| !matches!(step.action, Action::Later(_)));
                let intent = Intent { node: step.node.clone(), kinds, disrupts: step.disrupts.clone(), live, loses };
                envelope.intents.insert(format!("{plugin}/{}", step.id), intent);
            }
        }
        envelope
    }

    /// Where steps of this plugin that are not known yet may run live, should they come to that: nowhere but on these nodes.
    pub fn live_within(&mut self, plugin: &str, nodes: &[String]) {
        for (name, intent) in &mut self.intents {
            let ours = name.strip_prefix(plugin).is_some_and(|rest| rest.starts_with('/'));
            if ours && intent.live.is_none() && intent.kinds.iter().any(|kind| kind == "call") {
                intent.live = Some(nodes.to_vec());
            }
        }
    }

    /// Checks a step of a later round.
    ///
    /// # Errors
    /// Why it lies outside.
    pub fn covers(&self, plugin: &str, step: &Step) -> Result<(), Outside> {
        let outside = |reason: String| Err(Outside { plugin: plugin.to_owned(), step: step.id.clone(), reason });
        let Some(intent) = self.intents.get(&format!("{plugin}/{}", step.id)) else {
            return outside("no step or intent of this name was shown".into());
        };
        if intent.node != step.node {
            return outside(format!("it was shown for {}, not {}", intent.node, step.node));
        }
        let kinds = match &step.action {
            Action::Later(later) => later.kinds.clone(),
            action => vec![action.word().to_owned()],
        };
        if let Some(kind) = kinds.iter().find(|kind| !intent.kinds.contains(kind)) {
            return outside(format!("it is a {kind}, shown was {}", intent.kinds.join(" or ")));
        }
        if let (Action::Call(call), Some(shown)) = (&step.action, &intent.live)
            && let Some(node) = call.nodes.iter().find(|node| !shown.contains(node))
        {
            return outside(format!("it runs live on {node}, shown was {}", shown.join(", ")));
        }
        if step.disrupts.iter().any(|risk| !intent.disrupts.contains(risk)) {
            return outside("it puts more at risk than was shown".into());
        }
        if let (false, Some(lost), Some(shown)) = (matches!(step.action, Action::Later(_)), lost(step), &intent.loses)
            && lost != *shown
        {
            return outside(format!("it may lose {lost}, shown was {shown}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::step;
    use arcus_contract::actions::{Call, Later};

    #[test]
    fn what_runs_live_later_stays_on_the_nodes_that_were_shown() {
        let call = |nodes: &[&str]| step("relay", "one", Action::Call(Call { name: "relay".into(), args: "{}".into(), nodes: nodes.iter().map(|node| (*node).to_owned()).collect() }));
        let later = [step("relay", "one", Action::Later(Later { why: "the first is not there yet".into(), kinds: vec!["wait".into(), "call".into()] }))];
        let mut envelope = Envelope::of([("p", later.as_slice())]);
        envelope.live_within("other", &[]);
        envelope.live_within("p", &["one".into(), "two".into()]);
        assert_eq!(envelope.covers("p", &call(&["two"])), Ok(()));
        assert_eq!(envelope.covers("p", &later[0]), Ok(()));
        assert_eq!(envelope.covers("p", &call(&["one", "three"])).unwrap_err().reason, "it runs live on three, shown was one, two");
        // What was shown with its own nodes keeps to these.
        let shown = [call(&["one"])];
        let mut envelope = Envelope::of([("p", shown.as_slice())]);
        envelope.live_within("p", &["one".into(), "two".into()]);
        assert_eq!(envelope.covers("p", &call(&["two"])).unwrap_err().reason, "it runs live on two, shown was one");
    }

    #[test]
    fn what_was_shown_to_be_lost_is_all_that_may_be() {
        let wipe = |action: Action| Step { disrupts: vec![Disruption::Data], ..step("wipe:one", "one", action) };
        let path = |path: &str| wipe(Action::Absent(path.into()));
        let shown = [path("/srv/data")];
        let envelope = Envelope::of([("p", shown.as_slice())]);
        assert_eq!(envelope.covers("p", &path("/srv/data")), Ok(()));
        assert_eq!(envelope.covers("p", &path("/srv")).unwrap_err().reason, "it may lose one:/srv, shown was one:/srv/data");
        // Not known yet, the node as a whole was accepted.
        let later = [wipe(Action::Later(Later { why: "it is looked at".into(), kinds: vec!["absent".into()] }))];
        assert_eq!(Envelope::of([("p", later.as_slice())]).covers("p", &path("/srv/data")), Ok(()));
        assert_eq!(envelope.covers("p", &later[0]), Ok(()));
    }
}
