//! A step as the tests need one.

use arcus_contract::actions::{Action, Step};

/// It waits for nothing, and promises nothing.
pub fn step(id: &str, node: &str, action: Action) -> Step {
    Step {
        id: id.into(),
        node: node.into(),
        about: None,
        title: id.into(),
        action,
        after: vec![],
        needs: vec![],
        provides: vec![],
        group: None,
        once: false,
        goal: None,
        undo: None,
        disrupts: vec![],
        timeout_s: 60,
    }
}
