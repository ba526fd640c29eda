//! Changes as calls of the shell library, and how the library says that they ended.
use std::time::Duration;

use arcus_contract::types::Problem;
use sha2::{Digest, Sha256};

use crate::library::{self, COPY_TREE, JOB_WRAPPER, Piece};
use crate::watch::{Watch, WatchBeat};
use crate::{Batch, Change, Ended, Expect, Failure, Layout, Outcome, Over, ServiceAction, Source, quote};

/// A task in the script.
pub struct Rendered {
    /// Of the library.
    pub needs: Vec<Piece>,
    /// Functions of its own: what prints its contents.
    pub functions: Vec<u8>,
    /// The call.
    pub call: Vec<u8>,
    /// What to send when it wants its content.
    pub stream: Option<Source>,
    /// How long before the node counts as lost.
    pub patience: Duration,
}

/// Contents up to this size travel in the script itself; larger ones are asked for when it is their turn.
const INLINE: usize = 256 << 10;

/// What is said of a full disk.
const FULL: &str = "no space left on the device";

/// How long after its time a task may say how it ended, on a busy node.
const GRACE: u64 = if cfg!(test) { 2 } else { 45 };

/// Writes a task.
pub fn render(index: usize, batch: &Batch, layout: &Layout) -> Result<Rendered, Problem> {
    let task = &batch.tasks[index];
    let seconds = task.timeout.as_secs().max(1);
    let mut out = Rendered { needs: vec![], functions: vec![], call: vec![], stream: None, patience: Duration::from_secs(seconds + GRACE) };
    let mut call = Call::default();
    match &task.change {
        Change::Nothing => drop(call.plain(":")),
        Change::Package { name, version } => {
            let (name, version) = package(name, version.as_deref())?;
            out.needs.push(Piece::Package);
            out.patience = Duration::from_secs(seconds * 3 + 90);
            call.plain("package").number(seconds).word(name).word(version);
            // One run of the package manager for all that follow each other, if none before this one has done it.
            let alone = index > 0 && matches!(batch.tasks[index - 1].change, Change::Package { .. });
            for other in batch.tasks[index..].iter().take(if alone { 1 } else { usize::MAX }) {
                let Change::Package { name, version } = &other.change else { break };
                match package(name, version.as_deref())? {
                    (name, "") => call.word(name),
                    (name, version) => call.word(&format!("{name}={version}")),
                };
            }
        }
        Change::Directory { path, mode, owner, group, shared_parent } => {
            out.needs.push(Piece::Write);
            call.plain("make_directory").path(path)?.plain(&format!("{mode:04o}")).name(owner)?.name(group)?.shared(*shared_parent);
        }
        Change::WriteFile { path, content, mode, owner, group, keep_original, expect, shared_parent } => {
            out.needs.push(Piece::Write);
            let (size, inline) = match content {
                Source::Bytes(bytes) if bytes.len() <= INLINE => (bytes.len() as u64, Some(bytes)),
                Source::Bytes(bytes) => (bytes.len() as u64, None),
                Source::Stream { size, .. } => (*size, None),
            };
            call.plain("write_file").path(path)?;
            match inline {
                Some(bytes) => call.plain(&feed(&mut out.functions, "feed", index, bytes.reveal())),
                None => {
                    out.stream = Some(content.clone());
                    out.patience += Duration::from_secs(size >> 20);
                    call.plain("streamed")
                }
            };
            let kept = if *keep_original { format!("{}/originals/{}", layout.state, hex::encode(Sha256::digest(path))) } else { "-".into() };
            call.number(size).plain(&content.sha256()).plain(&format!("{mode:04o}")).name(owner)?.name(group)?.word(&kept);
            call.word(expected(expect, true)?).shared(*shared_parent);
        }
        Change::Remove { path, expect, shared_parent } => {
            out.needs.push(Piece::Write);
            call.plain("remove_file").path(path)?.word(expected(expect, false)?).shared(*shared_parent);
        }
        Change::Service { name, actions } => {
            out.needs.push(Piece::Service);
            out.patience = Duration::from_secs(seconds * actions.len().max(1) as u64 + 60);
            call.plain("service").name(name)?.number(seconds);
            for action in actions {
                call.plain(match action {
                    ServiceAction::Enable => "enable",
                    ServiceAction::Disable => "disable",
                    ServiceAction::Start => "start",
                    ServiceAction::Stop => "stop",
                    ServiceAction::Restart => "restart",
                    ServiceAction::Reload => "reload",
                    ServiceAction::Hold => "hold",
                    ServiceAction::Release => "release",
                });
            }
        }
        Change::Mount { live, source, target, fstype, options, persist, over } => {
            out.needs.push(Piece::Mount);
            out.patience = Duration::from_secs(seconds * 2 + 90);
            let options = options.join(",");
            let fields = [source.as_str(), target, fstype, if options.is_empty() { "defaults" } else { &options }];
            let line = format!("{} 0 0", fields.map(quote::fstab_field).join(" "));
            call.plain(&format!("te={};", quote::word(&quote::fstab_field(target)))).plain("mount_it").number(seconds);
            call.name(source)?.path(target)?.name(fstype)?.text(&options)?.plain(if *persist { "1" } else { "0" });
            match over {
                Over::Nothing => call.plain("nothing").word(""),
                Over::Mount(other) => call.plain("mount").name(other)?,
                Over::Files => call.plain("files").word(""),
            };
            call.text(&line)?.plain(if *live { "1" } else { "0" });
        }
        Change::Unmount { target, source } => {
            out.needs.push(Piece::Mount);
            out.patience = Duration::from_secs(seconds * 2 + 90);
            call.plain(&format!("te={};", quote::word(&quote::fstab_field(target)))).plain("unmount_it").number(seconds).path(target)?;
            call.text(source.as_deref().unwrap_or_default())?;
        }
        Change::Command { argv, stdin, status_lies } => {
            call.plain("run").number(seconds);
            let feed = if stdin.is_empty() { "-".into() } else { feed(&mut out.functions, "feed", index, stdin.reveal()) };
            call.plain(&feed).plain(if *status_lies { "1" } else { "0" }).argv(argv)?;
        }
        Change::Job { id, argv, stdin, again } => {
            out.needs.extend([Piece::JobRuns, Piece::Job]);
            let wrapper = job_wrapper(argv)?;
            let (stdin, wrapper) =
                (feed(&mut out.functions, "feed", index, stdin.reveal()), feed(&mut out.functions, "wrapper", index, wrapper.as_bytes()));
            call.plain("start_job").word(&job_folder(layout, id)).word(&format!("{}.service", unit(layout, "job", id)));
            call.plain(&stdin).plain(&wrapper).plain(if *again { "1" } else { "0" });
        }
        Change::CopyTree { id, source, target, mirror, compare, receipt } => {
            out.needs.extend([Piece::JobRuns, Piece::Job]);
            let key = hex::encode(&Sha256::digest(format!("{source}\n{target}"))[..16]);
            let mut command = Call::default();
            command.plain("copy_tree").path(source)?.path(target)?.plain(if *mirror { "1" } else { "0" }).plain(if *compare { "1" } else { "0" });
            command.path(receipt)?.word(&format!("{}/trees/{key}", layout.state));
            let wrapper = wrapped(&format!("(\n{}{}\n)", *COPY_TREE, command.0.trim_start()));
            let wrapper = feed(&mut out.functions, "wrapper", index, wrapper.as_bytes());
            let stdin = feed(&mut out.functions, "feed", index, b"");
            call.plain("start_job").word(&job_folder(layout, id)).word(&format!("{}.service", unit(layout, "job", id)));
            call.plain(&stdin).plain(&wrapper).plain("1");
        }
        Change::LockTake { owner, stale_after_s, over } => {
            out.needs.push(Piece::State);
            let json = serde_json::to_string(owner).map_err(|error| bad(&error.to_string()))?;
            let feed = feed(&mut out.functions, "feed", index, format!("{json}\n").as_bytes());
            call.plain("under_guard lock_take").word(&quote::file_name(&owner.run)).number(owner.epoch).number(u64::from(*stale_after_s));
            call.word(&over.as_deref().map(quote::file_name).unwrap_or_default()).plain(&feed);
        }
        Change::LockBeat { run } => {
            out.needs.push(Piece::State);
            call.plain("under_guard lock_beat").word(&quote::file_name(run));
        }
        Change::LockRelease { run } => {
            out.needs.push(Piece::State);
            call.plain("under_guard lock_release").word(&quote::file_name(run));
        }
        Change::KeepSecret { name, value } => {
            out.needs.push(Piece::State);
            let feed = feed(&mut out.functions, "feed", index, value.reveal());
            call.plain("under_guard keep_secret").word(&secret_file(layout, name)).plain(&feed);
        }
        Change::Arm { id, after_s, argv } => {
            out.needs.push(Piece::Drill);
            let feed = feed(&mut out.functions, "feed", index, format!("PATH={}\nexport PATH\n{} || exit\n", library::PATH, words(argv)?).as_bytes());
            call.plain("arm").word(&unit(layout, "timer", id)).number(u64::from(*after_s)).plain(&feed);
        }
        Change::Disarm { id } => {
            out.needs.push(Piece::Drill);
            call.plain("disarm").word(&unit(layout, "timer", id));
        }
        Change::Fire { id } => {
            out.needs.push(Piece::Drill);
            call.plain("fire").word(&unit(layout, "timer", id));
        }
        Change::Isolate { interface, for_s, movable } => {
            out.needs.push(Piece::Drill);
            for address in movable {
                address.parse::<std::net::IpAddr>().map_err(|_| bad(&format!("{address:?} is not an IP address")))?;
            }
            call.plain("isolate").interface(interface)?.word(&unit(layout, "isolate", interface)).number(u64::from(*for_s)).word(&movable.join(" "));
        }
        Change::Rejoin { interface } => {
            out.needs.push(Piece::Drill);
            call.plain("fire").word(&unit(layout, "isolate", interface));
        }
        Change::HoldDown { unit: name, id, for_s } => {
            out.needs.push(Piece::Drill);
            // It becomes part of paths, and of the timer's script.
            if !name.ends_with(".service") || name.starts_with(['-', '.']) || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._@-".contains(&b)) {
                return Err(bad(&format!("{name:?} is not the plain name of a service")));
            }
            call.plain("hold_down").word(name).word(&unit(layout, "timer", id)).number(u64::from(*for_s));
        }
        Change::Watch(watch) => {
            out.needs.push(Piece::Watch);
            out.patience += Duration::from_secs(60);
            let observer = feed(&mut out.functions, "observer", index, observer(watch)?.as_bytes());
            call.plain("begin_watch").word(&watch_folder(layout, &watch.id)).word(&unit(layout, "watch", &watch.id)).plain(&observer);
        }
        Change::EndWatch { id } => {
            out.needs.push(Piece::Watch);
            call.plain("end_watch").word(&watch_folder(layout, id)).word(&unit(layout, "watch", id));
        }
        Change::ForgetWatch { id } => {
            out.needs.push(Piece::Watch);
            out.patience += Duration::from_secs(60);
            call.plain("forget_watch").word(&watch_folder(layout, id)).word(&unit(layout, "watch", id));
        }
        Change::NoteDrill(note) => {
            out.needs.push(Piece::State);
            let json = serde_json::to_string(note).map_err(|error| bad(&error.to_string()))?;
            let feed = feed(&mut out.functions, "feed", index, format!("{}\n{json}\n", quote::file_name(&note.run)).as_bytes());
            call.plain("under_guard note_drill").plain(&feed);
        }
        Change::ForgetDrill { run } => {
            out.needs.push(Piece::State);
            call.plain("under_guard forget_drill").word(&quote::file_name(run));
        }
    }
    out.call = call.0.into_bytes();
    Ok(out)
}

/// What a result frame says.
pub fn outcome(status: i32, bytes: &[u8]) -> Option<Outcome> {
    let mut parts = bytes.splitn(3, |b| *b == b'\n');
    let head = std::str::from_utf8(parts.next()?).ok()?;
    let message = String::from_utf8_lossy(parts.next()?).into_owned();
    let tail = parts.next().unwrap_or_default().to_vec();
    let (word, code) = head.split_once(' ')?;
    let failure = || {
        let full = code != "package.not-found" && frames_find(&tail, b"No space left on device");
        Failure {
            code: if full { "node.no-space".into() } else { code.into() },
            // A script that has looked at the disk itself says so already.
            message: if full && !message.ends_with(FULL) { format!("{message}: {FULL}") } else { message.clone() },
            status: (status != 0).then_some(status),
            tail: tail.clone(),
        }
    };
    Some(match word {
        "done" => Outcome::Done(Ended { status, tail }),
        "failed" => Outcome::Failed(failure()),
        "refused" => Outcome::Refused(failure()),
        "stale" => Outcome::Stale { found: (code != "-").then(|| code.to_owned()) },
        "timeout" => Outcome::Timeout(Ended { status, tail }),
        "fenced" => Outcome::Fenced { epoch: code.parse().ok()? },
        _ => return None,
    })
}

fn frames_find(haystack: &[u8], needle: &[u8]) -> bool {
    crate::frames::find(haystack, needle).is_some()
}

/// Folder of a job on the node.
pub fn job_folder(layout: &Layout, id: &str) -> String {
    format!("{}/jobs/{}", layout.state, quote::file_name(id))
}

/// Where a secret is kept on the node.
pub fn secret_file(layout: &Layout, name: &str) -> String {
    format!("{}/secrets/{}", layout.state, quote::file_name(name))
}

/// Folder of an observer on the node.
pub fn watch_folder(layout: &Layout, id: &str) -> String {
    format!("{}/watches/{}", layout.state, quote::file_name(id))
}

/// An observer as a program.
fn observer(watch: &Watch) -> Result<String, Problem> {
    let every = watch.every.as_millis().clamp(5, 60_000) as u64;
    let patience = |ms: u64| ms / every + 1;
    let plain = |text: &str| text.parse::<std::net::IpAddr>().map(|_| quote::word(text)).map_err(|_| bad(&format!("{text:?} is not an IP address")));
    let told = match &watch.beat {
        WatchBeat::Connect { address, port } => format!("KIND=connect HOST={} PORT={port} PATIENCE={}", plain(address)?, patience(250)),
        WatchBeat::Ping { address } => format!("KIND=ping HOST={} PATIENCE={}", plain(address)?, patience(1000)),
        WatchBeat::Write { path, tag } => {
            if tag.len() != 32 || !tag.bytes().all(|b| b.is_ascii_alphanumeric()) || !quote::is_clean_path(path) || path == "/" {
                return Err(bad(&format!("{path:?} and {tag:?} are not what an observer can write")));
            }
            format!("KIND=write TAG={tag} WROTE={}", quote::word(path))
        }
        WatchBeat::Command { argv } => format!("KIND=command\ncommand_of() {{ timeout -k 2 5 {}; }}", words(argv)?),
    };
    Ok(format!("{told}\nEVERY={}.{:03} FOR={}\n{}", every / 1000, every % 1000, watch.lasts.as_secs().max(1), *library::OBSERVER))
}

/// A unit's name that no other cluster and no other id has.
fn unit(layout: &Layout, kind: &str, id: &str) -> String {
    let digest = hex::encode(Sha256::digest(format!("{}\n{id}", layout.state)));
    let plain: String = id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' }).take(60).collect();
    format!("arcus-{kind}-{}-{plain}", &digest[..12])
}

fn job_wrapper(argv: &[String]) -> Result<String, Problem> {
    Ok(wrapped(&words(argv)?))
}

/// A job's script around its command.
fn wrapped(command: &str) -> String {
    format!(
        "{}{command} <\"$1/stdin\" >\"$1/output\" 2>&1 9>&-\nr=$?\nprintf '%s\\n' \"$r\" >\"$1/status.new\" && mv \"$1/status.new\" \"$1/status\"\nexit 0\n",
        *JOB_WRAPPER
    )
}

fn words(argv: &[String]) -> Result<String, Problem> {
    let mut call = Call::default();
    call.argv(argv)?;
    Ok(call.0.trim_start().to_owned())
}

/// Defines a function that prints these bytes, and names it.
fn feed(functions: &mut Vec<u8>, kind: &str, index: usize, bytes: &[u8]) -> String {
    let name = format!("{kind}_{index}");
    functions.extend_from_slice(format!("{name}() {{ ").as_bytes());
    quote::print(bytes, functions);
    functions.extend_from_slice(b"; }\n");
    name
}

/// Only plain names: `apt-get` reads a trailing `-` as "remove", and patterns and files as well.
fn package<'a>(name: &'a str, version: Option<&'a str>) -> Result<(&'a str, &'a str), Problem> {
    let plain = |text: &str, more: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || more.bytes().any(|m| m == b));
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if !first || !plain(name, "+.-_") || name.ends_with(['-', '+']) && !name.ends_with("++") {
        return Err(bad(&format!("{name:?} is not the plain name of a package")));
    }
    let version = version.unwrap_or_default();
    if !plain(version, "+.-~:_^") || version.starts_with('-') {
        return Err(bad(&format!("{version:?} is not a version of a package")));
    }
    Ok((name, version))
}

fn expected(expect: &Expect, writing: bool) -> Result<&str, Problem> {
    match expect {
        Expect::Absent if writing => Ok("absent"),
        Expect::Absent | Expect::Any => Ok("any"),
        Expect::Digest(digest) if digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) => Ok(digest),
        Expect::Digest(digest) => Err(bad(&format!("{digest:?} is not a SHA-256"))),
    }
}

fn bad(message: &str) -> Problem {
    Problem { code: "change.bad".into(), message: message.into(), help: None, node: None, pointer: None, retryable: false }
}

/// A call, word by word.
#[derive(Default)]
struct Call(String);

impl Call {
    /// Shell as it stands.
    fn plain(&mut self, text: &str) -> &mut Self {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        self.0.push_str(text);
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.plain(&number.to_string())
    }

    fn word(&mut self, text: &str) -> &mut Self {
        self.plain(&quote::word(text))
    }

    /// Any text without control characters.
    fn text(&mut self, text: &str) -> Result<&mut Self, Problem> {
        if text.chars().any(char::is_control) {
            return Err(bad(&format!("{text:?} has control characters")));
        }
        Ok(self.word(text))
    }

    /// Of a user, group, unit, source: not empty, and no option.
    fn name(&mut self, text: &str) -> Result<&mut Self, Problem> {
        if text.is_empty() || text.starts_with('-') {
            return Err(bad(&format!("{text:?} is not a name")));
        }
        self.text(text)
    }

    fn interface(&mut self, name: &str) -> Result<&mut Self, Problem> {
        if name.is_empty() || name.len() > 15 || name.starts_with(['-', '.']) || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@:".contains(&b)) {
            return Err(bad(&format!("{name:?} is not the name of a network interface")));
        }
        Ok(self.word(name))
    }

    fn path(&mut self, path: &str) -> Result<&mut Self, Problem> {
        if !quote::is_clean_path(path) || path == "/" {
            return Err(bad(&format!("{path:?} is not a clean absolute path")));
        }
        Ok(self.word(path))
    }

    /// Whether others may be able to write on the way to it.
    fn shared(&mut self, shared: bool) -> &mut Self {
        self.plain(if shared { "1" } else { "0" })
    }

    fn argv(&mut self, argv: &[String]) -> Result<&mut Self, Problem> {
        if argv.is_empty() || argv[0].is_empty() || argv[0].starts_with('-') || !argv.iter().all(|word| quote::is_argument(word)) {
            return Err(bad("a command has no program, or a NUL in an argument"));
        }
        for (index, word) in argv.iter().enumerate() {
            // The program always in quotes: never a keyword, a builtin's alias or an assignment.
            if index == 0 { self.plain(&format!("'{}'", word.replace('\'', "'\\''"))) } else { self.word(word) };
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_are_plain() {
        for good in ["keepalived", "libstdc++", "g++", "python3.11", "glusterfs-server"] {
            assert!(package(good, None).is_ok(), "{good}");
        }
        for bad in ["", "-y", "foo-", "foo+", "./x.deb", "http://x", "foo/suite", "foo*", "a b", "foo=1"] {
            assert!(package(bad, None).is_err(), "{bad}");
        }
        assert!(package("a", Some("1:2.3-4~bpo+1")).is_ok());
        assert!(package("a", Some("1 --force")).is_err());
    }

    #[test]
    fn results() {
        assert_eq!(outcome(0, b"done -\n\nhello\nthere"), Some(Outcome::Done(Ended { status: 0, tail: b"hello\nthere".to_vec() })));
        assert_eq!(outcome(1, b"stale -\n\n"), Some(Outcome::Stale { found: None }));
        assert_eq!(outcome(1, b"fenced 7\n\n"), Some(Outcome::Fenced { epoch: 7 }));
        assert_eq!(outcome(0, b"nonsense -\n\n"), None);
        let Some(Outcome::Failed(failure)) = outcome(1, b"failed file.failed\n/x cannot be written\nsh: write error: No space left on device\n") else { panic!() };
        assert_eq!(failure.code, "node.no-space");
    }
}
