//! The volume: what gluster says of it, and whether it is the one that the cluster file means.

use crate::config::Config;
use crate::layout::{Layout, storage};
use crate::pool::{complaint, is_called};
use arcus_sdk::prelude::*;

/// A volume as `gluster volume info` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// `Created`, `Started` or `Stopped`.
    pub status: String,
    kind: String,
    number: String,
    bricks: Vec<Seen>,
    options: Vec<(String, String)>,
}

/// One of its bricks.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    host: String,
    path: String,
    arbiter: bool,
}

/// What a node says of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It is there.
    Is(Volume),
    /// The node's pool has none of this name.
    IsNot,
    /// The node's glusterd gives no answer.
    Nothing(String),
}

/// What to ask a node.
pub fn ask(config: &Config) -> Ask<Output> {
    probe::query("volume", [config.volume.as_str()])
}

/// Reads the answer.
pub fn said(output: &Output) -> Said {
    if output.error_text().contains("does not exist") || output.text().contains("does not exist") {
        return Said::IsNot;
    }
    let block = parse::blocks(&output.text(), "Volume Name").into_iter().next();
    let Some(block) = block.filter(|_| output.is_ok()) else { return Said::Nothing(complaint(output)) };
    let value = |key: &str| block.get(key).unwrap_or_default().to_owned();
    let numbered = |key: &str| key.strip_prefix("Brick").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    let bricks = block.lines().filter(|(key, _)| numbered(key)).filter_map(|(_, value)| brick(value));
    Said::Is(Volume {
        status: value("Status"),
        kind: value("Type"),
        number: value("Number of Bricks"),
        bricks: bricks.collect(),
        options: block.lines().filter(|(key, _)| key.contains('.')).map(|(key, value)| (key.into(), value.into())).collect(),
    })
}

fn brick(text: &str) -> Option<Seen> {
    let (place, arbiter) = match text.strip_suffix("(arbiter)") {
        Some(place) => (place.trim(), true),
        None => (text, false),
    };
    let (host, path) = place.split_once(':')?;
    Some(Seen { host: host.into(), path: path.into(), arbiter })
}

impl Volume {
    /// It can be mounted.
    pub fn is_started(&self) -> bool {
        self.status == "Started"
    }

    /// This host has a brick of it, whether the file knows it or not.
    pub fn is_kept_by(&self, host: &str) -> bool {
        self.bricks.iter().any(|brick| brick.host == host)
    }

    /// How it is put together, for people.
    pub fn shape(&self) -> String {
        format!("{} {}", self.kind, self.number)
    }

    /// What makes it another volume than the cluster file means. Options are no such thing.
    pub fn differences(&self, cluster: &Cluster<Config>, layout: &Layout) -> Vec<String> {
        let mut differences = Vec::new();
        if self.kind != layout.kind() || self.number != layout.number() {
            differences.push(format!("it is {}, wanted is {} {}", self.shape(), layout.kind(), layout.number()));
        }
        let is = |brick: &crate::layout::Brick, seen: &Seen| {
            cluster.node(&brick.node).is_some_and(|node| is_called(node, &seen.host)) && brick.path == seen.path
        };
        for brick in &layout.bricks {
            match self.bricks.iter().find(|seen| is(brick, seen)) {
                None => differences.push(format!("it has no brick {} on {}", brick.path, brick.node)),
                Some(seen) if seen.arbiter != brick.arbiter => {
                    let word = |arbiter| if arbiter { "an arbiter" } else { "a full copy" };
                    differences.push(format!("its brick on {} is {}, wanted is {}", brick.node, word(seen.arbiter), word(brick.arbiter)));
                }
                Some(_) => {}
            }
        }
        for seen in self.bricks.iter().filter(|seen| !layout.bricks.iter().any(|brick| is(brick, seen))) {
            differences.push(format!("it has a brick {}:{} that the file does not mean", seen.host, seen.path));
        }
        differences
    }

    /// Wanted options that it has not.
    pub fn other_options(&self, config: &Config, layout: &Layout) -> Vec<String> {
        let has = |name: &str| self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let wanted = layout.options(config).into_iter();
        let other = wanted.filter(|(name, value)| has(name) != Some(value));
        other.map(|(name, value)| format!("{name} is {}, wanted is {value}", has(&name).unwrap_or("not set"))).collect()
    }
}

/// The problem of a volume that is another.
pub fn differs(config: &Config, differences: &[String]) -> Problem {
    let message = format!("there is a volume {} already, and it is another: {}", config.volume, differences.join("; "));
    // Most often a storage node was taken out of the file.
    let left_out: Vec<String> = differences.iter().filter_map(|what| what.strip_prefix("it has a brick ")?.split(' ').next().map(str::to_owned)).collect();
    let help = match left_out.first() {
        Some(brick) => format!(
            "put the node of {brick} back into the file; to take it out for good: {}",
            crate::leave::by_hand(config, &left_out, brick.split(':').next().unwrap_or_default())
        ),
        None => "Arcus never rebuilds a volume: name another `volume` (and `brick`), or make the file say what is there".to_owned(),
    };
    problem("gluster.volume-differs", message).at("/volume").help(help)
}

/// Judges `create`: a node of the pool shows the volume as the file means it.
pub fn is_made(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let layout = match Layout::of(cluster) {
        Ok(layout) => layout,
        Err(problem) => return will_fail(problem),
    };
    // One member of the pool knows for all. Those that do not answer matter only where none shows it: it is made once.
    for (_, answer) in (0..case.len()).filter_map(|place| case.raw(place)) {
        let Ok(arcus_sdk::contract::facts::Fact::Query(output)) = answer else { continue };
        if let Said::Is(volume) = said(output) {
            let differences = volume.differences(cluster, &layout);
            return if differences.is_empty() { met() } else { will_fail(differs(&cluster.config, &differences)) };
        }
    }
    case.all::<Output>()?;
    unmet(format!("there is no volume {}", cluster.config.volume))
}

/// Judges `start`.
pub fn is_started(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    match said(case.get::<Output>(0)?) {
        Said::Is(volume) if volume.is_started() => met(),
        Said::Is(volume) => unmet(format!("the volume is {}", volume.status.to_lowercase())),
        Said::IsNot => unmet(format!("there is no volume {}", cluster.config.volume)),
        Said::Nothing(words) => unmet(words),
    }
}

/// Judges `options`.
pub fn is_set(cluster: &Cluster<Config>, case: &Case<'_>) -> Judged {
    let layout = match Layout::of(cluster) {
        Ok(layout) => layout,
        Err(problem) => return will_fail(problem),
    };
    match said(case.get::<Output>(0)?) {
        Said::Is(volume) => match volume.other_options(&cluster.config, &layout).as_slice() {
            [] => met(),
            other => unmet(other.join("; ")),
        },
        Said::IsNot => unmet(format!("there is no volume {}", cluster.config.volume)),
        Said::Nothing(words) => unmet(words),
    }
}

/// Bricks of the volume whose process runs, as `gluster volume status --xml` tells: `None` when it could not be told (another
/// transaction holds the pool's lock).
pub fn online(cluster: &Cluster<Config>, layout: &Layout, output: &Output) -> Option<Vec<String>> {
    let text = output.text();
    if !text.contains("<opRet>0</opRet>") {
        return None;
    }
    let field = |node: &str, name: &str| {
        let (_, rest) = node.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(value, _)| value.trim().to_owned())
    };
    let running: Vec<(String, String)> = text
        .split("<node>")
        .skip(1)
        .filter(|node| field(node, "status").as_deref() == Some("1"))
        .filter_map(|node| Some((field(node, "hostname")?, field(node, "path")?)))
        .collect();
    let is_online = |brick: &&crate::layout::Brick| {
        let node = cluster.node(&brick.node);
        running.iter().any(|(host, path)| *path == brick.path && node.is_some_and(|node| is_called(node, host)))
    };
    Some(layout.bricks.iter().filter(is_online).map(|brick| format!("{} {}", brick.node, brick.path)).collect())
}

/// Entries that `gluster volume heal ... info` counts, and the bricks that it could not ask.
pub fn entries(output: &Output) -> Option<(u64, Vec<String>)> {
    let (mut count, mut silent, mut brick, mut any) = (0, Vec::new(), String::new(), false);
    for line in output.text().lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("Brick ") {
            brick = name.to_owned();
        } else if let Some(number) = line.strip_prefix("Number of entries").and_then(|rest| rest.split(':').nth(1)) {
            any = true;
            match number.trim().parse::<u64>() {
                Ok(number) => count = u64::saturating_add(count, number),
                Err(_) => silent.push(brick.clone()),
            }
        }
    }
    (output.is_ok() && any).then_some((count, silent))
}

/// The storage nodes' words on the volume, by name of node.
pub fn ask_all(cluster: &Cluster<Config>) -> Vec<Request> {
    ask(&cluster.config).on_each(storage(cluster))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(status: i32, stdout: &str, stderr: &str) -> Output {
        Output { status, stdout: stdout.into(), stderr: stderr.into(), truncated: false }
    }

    const INFO: &str = " \nVolume Name: data\nType: Replicate\nVolume ID: fb2c90bd-c3e3-4e7d-a417-610cdb5ff942\nStatus: Started\n\
        Snapshot Count: 0\nNumber of Bricks: 1 x (2 + 1) = 3\nTransport-type: tcp\nBricks:\nBrick1: 10.99.0.31:/data/brick\n\
        Brick2: 10.99.0.32:/data/brick\nBrick3: 10.99.0.33:/data/brick (arbiter)\nOptions Reconfigured:\nnetwork.ping-timeout: 10\n\
        cluster.quorum-type: auto\ntransport.address-family: inet\nnfs.disable: on\n";

    #[test]
    fn a_volume_as_gluster_10_prints_it() {
        let Said::Is(volume) = said(&output(0, INFO, "")) else { panic!() };
        assert_eq!(volume.shape(), "Replicate 1 x (2 + 1) = 3");
        assert!(volume.is_started());
        assert_eq!(volume.bricks.len(), 3);
        assert_eq!(volume.bricks[2], Seen { host: "10.99.0.33".into(), path: "/data/brick".into(), arbiter: true });
        assert!(volume.options.contains(&("network.ping-timeout".into(), "10".into())));
    }

    #[test]
    fn no_volume_is_another_thing_than_no_answer() {
        assert_eq!(said(&output(1, "", "Volume data does not exist\n")), Said::IsNot);
        let down = output(1, "", "Connection failed. Please check if gluster daemon is operational.\n");
        assert!(matches!(said(&down), Said::Nothing(words) if words.starts_with("Connection failed")));
        let mut cut = output(0, INFO, "");
        cut.truncated = true;
        assert!(matches!(said(&cut), Said::Nothing(_)));
    }

    #[test]
    fn entries_to_heal_and_bricks_that_cannot_be_asked() {
        let text = "Brick 10.99.0.31:/data/brick\n/a\n/b\nStatus: Connected\nNumber of entries: 2\n\nBrick 10.99.0.32:/data/brick\n\
                    Status: Transport endpoint is not connected\nNumber of entries: -\n";
        assert_eq!(entries(&output(0, text, "")), Some((2, vec!["10.99.0.32:/data/brick".to_owned()])));
        let split = "Brick 10.99.0.31:/data/brick\nStatus: Connected\nNumber of entries in split-brain: 0\n";
        assert_eq!(entries(&output(0, split, "")), Some((0, vec![])));
        assert_eq!(entries(&output(254, "", "Volume heal failed.\n")), None);
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;

    const INFO: &str = "\nVolume Name: data\nType: Replicate\nVolume ID: 3f3e\nStatus: Started\nNumber of Bricks: 1 x (2 + 1) = 3\nBricks:\nBrick1: 10.0.0.31:/data/brick\nBrick2: 10.0.0.33:/data/brick (arbiter)\nOptions Reconfigured:\nnetwork.ping-timeout: 10\n";
    const HEAL: &str = "Brick 10.0.0.31:/data/brick\nStatus: Connected\nNumber of entries: 0\n\nBrick 10.0.0.32:/data/brick\nStatus: Transport endpoint is not connected\nNumber of entries: -\n";

    #[test]
    fn what_gluster_says() {
        arcus_fuzz::text(&[INFO, HEAL], &["does not exist", "Brick1:", "Number of entries: ", "(arbiter)", "Volume Name: ", "18446744073709551615", "Connected"], |text| {
            for status in [0, 1] {
                let output = Output { status, stdout: text.into(), stderr: vec![], truncated: false };
                if let Said::Is(volume) = said(&output) {
                    assert!(status == 0 && output.text().contains(&volume.status));
                }
                let _ = (crate::pool::peers(&output), complaint(&output));
                if let Some((count, silent)) = entries(&output) {
                    assert!(count > 0 || silent.len() <= text.lines().count());
                }
            }
        });
    }
}
