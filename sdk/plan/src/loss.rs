//! What a step that puts data at risk may lose, by the name that the operator accepts it by.

use arcus_contract::actions::{Action, Disruption, Step};

/// A volume, `NODE:PATH`, or a node; none where no data are at risk.
///
/// It is what the step's id names, where that is not the node it runs on: `wipe:data` and `wipe:data@storage01` lose `data`. Else it is the
/// place that the action is about, else all that is on the node.
pub fn lost(step: &Step) -> Option<String> {
    if !step.disrupts.contains(&Disruption::Data) {
        return None;
    }
    let node = &step.node;
    let subject = step.id.split_once(':').map_or("", |(_, subject)| subject);
    let subject = subject.strip_suffix(node.as_str()).and_then(|named| named.strip_suffix('@')).unwrap_or(subject);
    if !subject.is_empty() && subject != node {
        return Some(subject.to_owned());
    }
    let place = match &step.action {
        Action::Absent(path) | Action::Unmount(path) => Some(path),
        Action::Directory(directory) => Some(&directory.path),
        Action::File(file) => Some(&file.path),
        Action::Mount(mount) => Some(&mount.target),
        Action::CopyTree(copy) => Some(&copy.target),
        _ => None,
    };
    Some(place.map_or_else(|| node.clone(), |path| format!("{node}:{path}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::step;

    #[test]
    fn what_is_lost_is_called_what_the_plugin_calls_it_else_by_its_place_else_by_its_node() {
        let wipe = |id: &str, action: Action| lost(&Step { disrupts: vec![Disruption::Blackout, Disruption::Data], ..step(id, "storage01", action) }).unwrap();
        let absent = || Action::Absent("/srv/data".into());
        for (id, name) in [("wipe:data", "data"), ("wipe:data@storage01", "data"), ("wipe:data@storage02", "data@storage02"), ("wipe:compute07", "compute07")] {
            assert_eq!(wipe(id, Action::Wait), name);
            assert_eq!(wipe(id, absent()), name);
        }
        for id in ["wipe:storage01", "wipe", "wipe:", "wipe:@storage01"] {
            assert_eq!(wipe(id, absent()), "storage01:/srv/data", "{id}");
            assert_eq!(wipe(id, Action::Wait), "storage01", "{id}");
        }
        assert_eq!(lost(&Step { disrupts: vec![Disruption::Quorum], ..step("wipe:data", "storage01", absent()) }), None);
    }
}
