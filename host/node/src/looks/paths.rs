//! Files and folders: one `stat` for all, one `sha256sum` for all, content where it was asked for.
use std::collections::HashMap;

use arcus_contract::facts::{DirectoryFact, Fact, FileFact};
use arcus_contract::types::Problem;
use sha2::{Digest, Sha256};

use super::{Gathering, Part, Parts, Sorted, base64, denied, fact, problem, same, says_absent, unreadable};
use crate::library::Piece;
use crate::{Content, Hidden, Named, Seen, quote};

/// Content of a probe, at most.
const MOST: u32 = 1 << 20;

pub fn render(all: &mut Gathering, sorted: &Sorted) {
    let mut paths: Vec<&str> = sorted.files.iter().map(|(_, file)| file.path.as_str()).collect();
    paths.extend(sorted.directories.iter().map(|(_, path)| path.as_str()));
    paths.extend(sorted.contents.iter().map(|(_, path, _)| path.as_str()));
    paths.sort_unstable();
    paths.dedup();
    if !paths.is_empty() {
        let id = all.ids(1);
        all.line(Piece::Paths, &format!("paths {id} {}", quote::words(paths.iter().copied())));
        let asked: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let followed = all.ids(1);
        files(all, sorted, id, followed, &asked);
        directories(all, sorted, id, &asked);
        contents(all, sorted, id, followed, &asked);
        all.line(Piece::Paths, &format!("followed {followed}"));
    }
    for (at, directory, prefix) in sorted.names.clone() {
        let id = all.ids(1);
        all.line(Piece::Paths, &format!("names {id} {} {}", quote::word(&directory), quote::word(&prefix)));
        all.parser(move |parts| same(vec![at], names(parts, id, &directory).map(Seen::Names)));
    }
}

fn files(all: &mut Gathering, sorted: &Sorted, stat: u32, followed: u32, asked: &[String]) {
    if sorted.files.is_empty() {
        return;
    }
    // One line per path: the most that anybody wants of it.
    let mut wishes: Vec<(&str, u32)> = Vec::new();
    for (_, file) in &sorted.files {
        let most = file.content.min(MOST);
        match wishes.iter_mut().find(|(path, _)| *path == file.path) {
            Some(wish) => wish.1 = wish.1.max(most),
            None => wishes.push((&file.path, most)),
        }
    }
    let mut contents: HashMap<String, (u32, u32)> = HashMap::new();
    for (path, most) in wishes {
        let id = all.ids(1);
        all.line(Piece::Paths, &format!("one_file {id} {most} {}", quote::word(path)));
        contents.insert(path.to_owned(), (id, most));
    }
    let digests = all.ids(1);
    all.line(Piece::Paths, &format!("digests {digests}"));
    let (asked, wanted, private) = (asked.to_vec(), sorted.files.clone(), all.private_paths);
    all.parser(move |parts| {
        let stats = Stats::read(parts, stat, &asked);
        let links = Links::read(parts, followed, private);
        let sums = parts.get(digests).map(|part| sums(&part.text()));
        let one = |path: &str, wanted: u32| -> Result<Option<FileFact>, Problem> {
            let Some(stat) = stats.as_ref().map_err(Clone::clone)?.of(path)? else { return Ok(None) };
            if stat.kind != 0o100000 {
                return Err(problem("node.not-a-file", format!("{path} is there, and it is not a file"), false));
            }
            let (id, most) = contents[path];
            if wanted > 0 {
                links.check(path)?;
            }
            let mut content = match (most, parts.get(id)) {
                (0, _) => vec![],
                (_, Ok(part)) if part.status == 3 => part.bytes.clone(),
                (_, Ok(part)) if part.status == 0 => base64(&part.bytes)?,
                (_, Ok(part)) => return Err(not_read(part)),
                (_, Err(missing)) => return Err(missing),
            };
            // What was sent whole is hashed here, the rest there.
            let sha256 = match sums.as_ref().map_err(Clone::clone)?.get(path) {
                Some(sum) => sum.clone(),
                None if stat.size > 64 << 20 => String::new(),
                None if most > 0 && content.len() as u64 == stat.size => hex::encode(Sha256::digest(&content)),
                None => return Err(problem("node.unreadable", format!("{path} could not be read, or changed while it was"), true)),
            };
            content.truncate(wanted as usize);
            Ok(Some(FileFact { mode: stat.mode, owner: stat.owner, group: stat.group, size_bytes: stat.size, sha256, content }))
        };
        wanted.into_iter().flat_map(|(at, file)| fact(vec![at], one(&file.path, file.content).map(Fact::File))).collect()
    });
}

fn directories(all: &mut Gathering, sorted: &Sorted, stat: u32, asked: &[String]) {
    let mut wanted = Vec::new();
    for (at, path) in sorted.directories.clone() {
        let id = all.ids(1);
        all.line(Piece::Paths, &format!("entries {id} {}", quote::word(&path)));
        wanted.push((at, path, id));
    }
    if wanted.is_empty() {
        return;
    }
    let asked = asked.to_vec();
    all.parser(move |parts| {
        let stats = Stats::read(parts, stat, &asked);
        let one = |path: &str, id: u32| -> Result<Option<DirectoryFact>, Problem> {
            let Some(stat) = stats.as_ref().map_err(Clone::clone)?.of(path)? else { return Ok(None) };
            if stat.kind != 0o040000 {
                return Err(problem("node.not-a-directory", format!("{path} is there, and it is not a directory"), false));
            }
            let part = parts.get(id)?;
            let entries = match part.status {
                0 => part.text().trim().parse().map_err(|_| problem("node.unreadable", format!("{path} could not be listed"), true))?,
                13 => return Err(denied(path)),
                _ => return Err(problem("node.unreadable", format!("{path} changed while it was looked at"), true)),
            };
            Ok(Some(DirectoryFact { mode: stat.mode, owner: stat.owner, group: stat.group, entries }))
        };
        wanted.into_iter().flat_map(|(at, path, id)| fact(vec![at], one(&path, id).map(Fact::Directory))).collect()
    });
}

fn contents(all: &mut Gathering, sorted: &Sorted, stat: u32, followed: u32, asked: &[String]) {
    let mut wanted = Vec::new();
    for (at, path, limit) in sorted.contents.clone() {
        let id = all.ids(1);
        // What is sent is a third larger, and must fit into a frame.
        all.line(Piece::Paths, &format!("whole {id} {} {}", limit.min(20 << 20), quote::word(&path)));
        wanted.push((at, path, limit, id));
    }
    if wanted.is_empty() {
        return;
    }
    let (asked, private) = (asked.to_vec(), all.private_paths);
    all.parser(move |parts| {
        let stats = Stats::read(parts, stat, &asked);
        let links = Links::read(parts, followed, private);
        let one = |path: &str, limit: u64, id: u32| -> Result<Option<Content>, Problem> {
            let Some(stat) = stats.as_ref().map_err(Clone::clone)?.of(path)? else { return Ok(None) };
            if stat.kind != 0o100000 {
                return Err(problem("node.not-a-file", format!("{path} is there, and it is not a file"), false));
            }
            links.check(path)?;
            let part = parts.get(id)?;
            if part.status != 0 {
                return Err(not_read(part));
            }
            let bytes = Hidden::new(base64(&part.bytes)?);
            if bytes.len() as u64 > limit {
                return Err(problem("node.truncated", format!("{path} is larger than {limit} bytes"), false));
            }
            Ok(Some(Content { sha256: bytes.sha256(), bytes, mode: stat.mode, owner: stat.owner, group: stat.group }))
        };
        wanted.into_iter().flat_map(|(at, path, limit, id)| same(vec![at], one(&path, limit, id).map(Seen::Content))).collect()
    });
}

/// Why a file that is there was not read.
fn not_read(part: &Part) -> Problem {
    if part.status == 40 { problem("node.unreadable", part.text(), false) } else { unreadable(&part.text()) }
}

/// Symbolic links that were followed to read something.
struct Links {
    /// Where they led, by path.
    real: HashMap<String, String>,
    private: fn(&str) -> bool,
}

impl Links {
    fn read(parts: &Parts, id: u32, private: fn(&str) -> bool) -> Self {
        let text = parts.get(id).map(Part::text).unwrap_or_default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        Self { real: lines.chunks_exact(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect(), private }
    }

    /// What is private stays so by any name.
    fn check(&self, path: &str) -> Result<(), Problem> {
        match self.real.get(path) {
            Some(real) if (self.private)(real) => Err(problem("node.denied", format!("{path} is a link to {real}, which nobody may read"), false)),
            _ => Ok(()),
        }
    }
}

fn names(parts: &Parts, id: u32, directory: &str) -> Result<Vec<Named>, Problem> {
    let part = parts.get(id)?;
    match part.status {
        0 => {}
        13 => return Err(denied(directory)),
        _ => return Err(unreadable(&part.text())),
    }
    let text = part.text();
    let mut lines = text.lines();
    let Some(now) = lines.next().and_then(|line| line.parse::<u64>().ok()) else { return Ok(vec![]) };
    Ok(lines
        .filter_map(|line| {
            let (written, path) = line.split_once(' ')?;
            let name = path.strip_prefix(directory)?.trim_start_matches('/');
            Some(Named { name: name.into(), age_s: now.saturating_sub(written.parse().ok()?) })
        })
        .collect())
}

#[derive(Clone)]
struct Stat {
    kind: u32,
    mode: u32,
    size: u64,
    owner: String,
    group: String,
}

/// What one `stat` said of all paths.
struct Stats {
    found: HashMap<String, Stat>,
    not: HashMap<String, String>,
}

impl Stats {
    fn read(parts: &Parts, id: u32, asked: &[String]) -> Result<Self, Problem> {
        let text = parts.get(id)?.text();
        let mut found = HashMap::new();
        let mut said = Vec::new();
        for line in text.lines() {
            match line.strip_prefix('=').and_then(stat_line) {
                Some((path, stat)) => drop(found.insert(path, stat)),
                None => said.push(line.to_owned()),
            }
        }
        // Its complaints come in the order of its arguments.
        let missing: Vec<&String> = asked.iter().filter(|path| !found.contains_key(*path)).collect();
        let not = if missing.len() == said.len() {
            missing.into_iter().cloned().zip(said).collect()
        } else {
            let all = said.join("; ");
            missing.into_iter().map(|path| (path.clone(), format!("unclear: {all}"))).collect()
        };
        Ok(Self { found, not })
    }

    /// None: it is not there.
    fn of(&self, path: &str) -> Result<Option<Stat>, Problem> {
        if let Some(stat) = self.found.get(path) {
            return Ok(Some(stat.clone()));
        }
        match self.not.get(path) {
            Some(said) if says_absent(said) && !said.starts_with("unclear: ") => Ok(None),
            Some(said) => Err(unreadable(said)),
            None => Err(problem("node.unreadable", format!("nothing was said about {path}"), true)),
        }
    }
}

fn stat_line(line: &str) -> Option<(String, Stat)> {
    let mut fields = line.splitn(7, ' ');
    let mode = u32::from_str_radix(fields.next()?, 16).ok()?;
    let size = fields.next()?.parse().ok()?;
    let (uid, gid, user, group, path) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let named = |name: &str, number: &str| if name == "UNKNOWN" { number.to_owned() } else { name.to_owned() };
    Some((path.into(), Stat { kind: mode & 0o170000, mode: mode & 0o7777, size, owner: named(user, uid), group: named(group, gid) }))
}

/// `sha256sum` escapes names with backslashes in them, and says so by a leading one.
fn sums(text: &str) -> HashMap<String, String> {
    text.lines()
        .filter_map(|line| {
            let escaped = line.starts_with('\\');
            let (sum, path) = line.trim_start_matches('\\').split_once(' ')?;
            let path = path.get(1..)?;
            let path = if escaped { path.replace("\\\\", "\\") } else { path.to_owned() };
            (sum.len() == 64).then(|| (path, sum.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::looks::Part;

    fn parts(text: &str) -> Parts {
        Parts {
            parts: HashMap::from([(1, Part { status: 1, bytes: text.into() })]),
            missing: problem("node.timeout", "", true),
            clock: None,
        }
    }

    #[test]
    fn absent_and_unreadable_are_told_apart() {
        let asked = ["/a b", "/gone", "/hung"].map(str::to_owned);
        let stats = Stats::read(
            &parts("stat: cannot statx '/gone': No such file or directory\nstat: cannot stat '/hung': Transport endpoint is not connected\n=81a4 5 0 0 root root /a b\n"),
            1,
            &asked,
        )
        .unwrap();
        let found = stats.of("/a b").unwrap().unwrap();
        assert_eq!((found.mode, found.kind, found.size, found.owner.as_str()), (0o644, 0o100000, 5, "root"));
        assert!(stats.of("/gone").unwrap().is_none());
        assert_eq!(stats.of("/hung").err().unwrap().code, "node.unreadable");
        let unclear = Stats::read(&parts("No such file or directory\n"), 1, &asked).unwrap();
        assert_eq!(unclear.of("/gone").err().unwrap().code, "node.unreadable", "fewer complaints than paths prove nothing");
    }

    #[test]
    fn checksums() {
        let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let all = sums(&format!("{sum}  /plain name\n\\{sum}  /back\\\\slash\nnonsense\n"));
        assert_eq!(all.len(), 2);
        assert!(all.contains_key("/plain name") && all.contains_key("/back\\slash"));
    }
}
