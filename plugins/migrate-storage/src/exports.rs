//! What the copying node exports of the old storage, where it is its server. Others' lines are left alone: the platform may share
//! folders of its own, and checks that somebody serves them.

use crate::route::{MEMORY, Route};
use arcus_sdk::prelude::*;

/// Where the line is kept that was there before.
pub const KEPT: &str = "/var/lib/arcus-migration/exports";
/// What the server reads.
pub const FILE: &str = "/etc/exports";
/// Whom the directory is exported to while it is closed: the server itself, to read.
const CLOSED: &str = "127.0.0.1(ro)";

/// The line in /etc/exports for the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it begins with: the path.
    pub key: String,
    /// All of it.
    pub text: String,
}

impl Line {
    /// Nobody but the server itself is let in.
    pub fn closed(&self) -> String {
        format!("{} {CLOSED}\n", self.key)
    }
}

/// The only line that exports this path.
pub fn find(text: &str, path: &str) -> Result<Line, String> {
    let lines: Vec<&str> = text.lines().filter(|line| line.strip_prefix(path).is_some_and(|rest| rest.starts_with([' ', '\t']))).collect();
    match lines.as_slice() {
        [] => Err(format!("no line of {FILE} begins with {path}")),
        [line] if line.trim_end().ends_with('\\') => Err(format!("the line for {path} in {FILE} goes on in the next one")),
        [line] => Ok(Line { key: path.to_owned(), text: format!("{line}\n") }),
        _ => Err(format!("more than one line of {FILE} begins with {path}")),
    }
}

/// The steps that close the export: the old line is kept, then replaced, then read by the server.
pub fn close(route: &Route, line: &Line, after: &[Planned], plan: &mut Plan) -> Planned {
    let node = route.copier;
    let kept = plan
        .file("keep-export", node, file(KEPT).content(line.text.clone()).mode(0o600))
        .title(format!("keep the line of {FILE} for {} in {MEMORY}", route.shared.path))
        .after(after);
    let closed = plan.line("close-export", node, FILE, &line.key, line.closed()).title(format!("let no node at {} any more", route.shared.path)).after([&kept]);
    plan.command("closed", node, ["exportfs", "-raf"])
        .until([probe::query("exports", []).on(node)], format!("{} is exported to nobody but the server itself", route.shared.path), 15)
        .title("have the NFS server forget its clients")
        .after([&closed])
}

/// The steps that open it again.
pub fn open(route: &Route, line: &Line, after: &[Planned], plan: &mut Plan) -> Planned {
    let node = route.copier;
    let opened = plan.line("open-export", node, FILE, &line.key, line.text.clone()).title(format!("export {} as before", route.shared.path)).after(after);
    plan.command("opened", node, ["exportfs", "-raf"])
        .until([probe::query("exports", []).on(node)], format!("{} is exported again", route.shared.path), 15)
        .title("have the NFS server read its exports")
        .after([&opened])
}

/// The step that has the server let go of what lies on the path. It looks there for whoever asks, also for those it turns away, and what it
/// has found is busy for as long as it remembers.
pub fn let_go(route: &Route, after: &[Planned], plan: &mut Plan) -> Planned {
    let node = route.copier;
    plan.command("let-go", node, ["exportfs", "-raf"])
        .until([probe::query("handed-out", []).on(node)], format!("the NFS server holds nothing on {}", route.shared.path), 15)
        .title("have the NFS server forget whom it has turned away")
        .after(after)
}

/// Judges `let-go`. Those turned away are listed behind a `#`; where there is no list, nobody serves.
pub fn is_let_go<C>(cluster: &Cluster<C>, case: &Case<'_>) -> Judged {
    let path = shared_path(cluster);
    let output = case.get::<Output>(0)?;
    let holds = |line: &str| line.trim_start_matches(['#', ' ']).split_whitespace().next() == Some(path);
    match output.text().lines().find(|line| holds(line)) {
        Some(line) => unmet(format!("it holds {}", line.trim())),
        None => met(),
    }
}

/// Clients of the path, as `exportfs -s` lists them: one a line.
fn clients<'a>(output: &'a Output, path: &'a str) -> impl Iterator<Item = String> + 'a {
    let text = output.text();
    let of = move |line: &str| {
        let mut words = line.split_whitespace();
        (words.next() == Some(path)).then(|| words.next().unwrap_or_default().to_owned())
    };
    text.lines().filter_map(of).collect::<Vec<_>>().into_iter()
}

fn is_own(client: &str) -> bool {
    client.starts_with("127.0.0.1(") || client.starts_with("localhost(")
}

/// Judges `closed`.
pub fn is_closed<C>(cluster: &Cluster<C>, case: &Case<'_>) -> Judged {
    let path = shared_path(cluster);
    let output = case.get::<Output>(0)?;
    match clients(output, path).find(|client| !is_own(client)) {
        None => met(),
        Some(client) => unmet(format!("{client} is still let in")),
    }
}

/// Judges `opened`.
pub fn is_open<C>(cluster: &Cluster<C>, case: &Case<'_>) -> Judged {
    let path = shared_path(cluster);
    let output = case.get::<Output>(0)?;
    if clients(output, path).any(|client| !is_own(&client)) { met() } else { unmet("it is exported to nobody") }
}

fn shared_path<C>(cluster: &Cluster<C>) -> &str {
    cluster.handed.demands.shared.as_ref().map_or("", |shared| shared.path.as_str())
}
