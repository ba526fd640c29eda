//! How a file should be, against how it is: rendering of whole files, marked blocks and keyed lines.

use arcus_contract::facts::{FileFact, Likeness};
use arcus_contract::files::{Content, File, Part, Piece};
use sha2::{Digest, Sha256};

/// Where content comes from that a plugin only names. The host answers from its secrets, artifacts and nodes.
pub trait Contents {
    /// The value of a secret of this plugin. None: not made yet, or not given.
    fn secret(&self, name: &str) -> Option<Vec<u8>>;
    /// An artifact of the operator. None: not given.
    fn artifact(&self, name: &str) -> Option<Vec<u8>>;
    /// What a file of a node holds. None: it is not there, or the node did not answer.
    fn node_file(&self, node: &str, path: &str) -> Option<Vec<u8>>;
    /// What was fetched last from this node under this name. None: nothing.
    fn kept(&self, node: &str, name: &str) -> Option<Kept> {
        let _ = (node, name);
        None
    }
}

/// A file of a node on the operator's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// Contents where nothing is named.
pub struct Plain;

impl Contents for Plain {
    fn secret(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
    fn artifact(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
    fn node_file(&self, _: &str, _: &str) -> Option<Vec<u8>> {
        None
    }
}

/// Why content cannot be rendered now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The secret has no value yet.
    #[error("the secret `{0}` has no value yet")]
    Secret(String),
    /// The operator did not bind the artifact.
    #[error("the artifact `{0}` is not given")]
    Artifact(String),
    /// The file of the other node is not there.
    #[error("`{1}` of node {0} is not there")]
    NodeFile(String, String),
}

/// Lower-case hex SHA-256.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What the plugin's part holds, without what is around it.
///
/// # Errors
/// What is not known yet.
pub fn body(content: &Content, contents: &dyn Contents) -> Result<Vec<u8>, Missing> {
    match content {
        Content::Pieces(pieces) => pieces_body(pieces, contents),
        Content::Artifact(name) => contents.artifact(name).ok_or_else(|| Missing::Artifact(name.clone())),
        Content::NodeFile((node, path)) => {
            contents.node_file(node, path).ok_or_else(|| Missing::NodeFile(node.clone(), path.clone()))
        }
    }
}

/// Joins pieces, secrets put in.
///
/// # Errors
/// The first secret without a value.
pub fn pieces_body(pieces: &[Piece], contents: &dyn Contents) -> Result<Vec<u8>, Missing> {
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Secret(name) => {
                out.extend(contents.secret(name).ok_or_else(|| Missing::Secret(name.clone()))?);
            }
        }
    }
    Ok(out)
}

/// Whether a file's content holds anything that must not be shown.
pub fn is_secret(file: &File) -> bool {
    match &file.content {
        Content::Pieces(pieces) => pieces.iter().any(|piece| matches!(piece, Piece::Secret(_))),
        Content::Artifact(_) => false,
        Content::NodeFile(_) => true,
    }
}

/// The whole file as it should be, given what is there now (None: nothing).
///
/// # Errors
/// What is not known yet.
pub fn render(file: &File, current: Option<&[u8]>, contents: &dyn Contents) -> Result<Vec<u8>, Missing> {
    let body = body(&file.content, contents)?;
    Ok(match &file.part {
        Part::Whole => body,
        Part::Block(marker) => with_block(current.unwrap_or_default(), marker, &body),
        Part::Line(key) => with_line(current.unwrap_or_default(), key, &body),
        Part::Hosts => with_hosts(current.unwrap_or_default(), &body),
    })
}

/// Compares. Mode, owner and group count for a file that is owned whole; a part leaves them to whoever owns the rest.
///
/// # Errors
/// What is not known yet.
pub fn likeness(file: &File, fact: Option<&FileFact>, contents: &dyn Contents) -> Result<Likeness, Missing> {
    let Some(fact) = fact else {
        body(&file.content, contents)?;
        return Ok(Likeness::Absent);
    };
    let same = match file.part {
        Part::Whole => {
            digest(&body(&file.content, contents)?) == fact.sha256
                && fact.mode == file.mode
                && fact.owner == file.owner
                && fact.group == file.group
        }
        Part::Block(_) | Part::Line(_) | Part::Hosts => render(file, Some(&fact.content), contents)? == fact.content,
    };
    Ok(if same { Likeness::Same } else { Likeness::Differs })
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|b| *b == b'\n')
}

fn ended(out: &mut Vec<u8>) {
    if out.last().is_some_and(|b| *b != b'\n') {
        out.push(b'\n');
    }
}

fn with_block(current: &[u8], marker: &str, body: &[u8]) -> Vec<u8> {
    let begin = format!("# >>> {marker}");
    let end = format!("# <<< {marker}");
    let mut block = format!("{begin}\n").into_bytes();
    block.extend_from_slice(body);
    ended(&mut block);
    block.extend_from_slice(end.as_bytes());
    block.push(b'\n');

    let (mut out, mut inside, mut placed) = (Vec::with_capacity(current.len() + block.len()), false, false);
    for line in lines(current) {
        let text = line.trim_ascii();
        if !inside && text == begin.as_bytes() {
            inside = true;
            if !placed {
                out.extend_from_slice(&block);
                placed = true;
            }
        } else if inside && text == end.as_bytes() {
            inside = false;
        } else if !inside {
            out.extend_from_slice(line);
        }
    }
    if !placed {
        ended(&mut out);
        out.extend_from_slice(&block);
    }
    out
}

fn with_line(current: &[u8], key: &str, body: &[u8]) -> Vec<u8> {
    let mut wanted = body.to_vec();
    ended(&mut wanted);
    let (mut out, mut placed) = (Vec::with_capacity(current.len() + wanted.len()), false);
    for line in lines(current) {
        if has_key(line, key) {
            if !placed {
                out.extend_from_slice(&wanted);
                placed = true;
            }
        } else {
            out.extend_from_slice(line);
        }
    }
    if !placed {
        ended(&mut out);
        out.extend_from_slice(&wanted);
    }
    out
}

/// Address, names and comment of a line of a hosts file. None: it has no entry.
fn entry(line: &[u8]) -> Option<(&[u8], Vec<&[u8]>, &[u8])> {
    let end = line.iter().position(|b| *b == b'#').unwrap_or(line.len());
    let (fields, comment) = line.split_at(end);
    let mut fields = fields.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    Some((fields.next()?, fields.collect(), comment.trim_ascii_end()))
}

/// The first line that has one of the names gives way to the wanted ones, so that an entry stays where the installer put it.
fn with_hosts(current: &[u8], body: &[u8]) -> Vec<u8> {
    let mut wanted = body.to_vec();
    ended(&mut wanted);
    let names: Vec<&[u8]> = lines(&wanted).filter_map(entry).flat_map(|(_, names, _)| names).collect();
    let ours = |name: &&[u8]| names.iter().any(|own| own.eq_ignore_ascii_case(name));
    let (mut out, mut placed) = (Vec::with_capacity(current.len() + wanted.len()), false);
    for line in lines(current) {
        let Some((address, found, comment)) = entry(line).filter(|(_, found, _)| found.iter().any(ours)) else {
            out.extend_from_slice(line);
            continue;
        };
        if !placed {
            out.extend_from_slice(&wanted);
            placed = true;
        }
        let rest: Vec<&[u8]> = found.into_iter().filter(|name| !ours(name)).collect();
        if !rest.is_empty() {
            out.extend_from_slice(&[&[address][..], &rest, &[comment][..usize::from(!comment.is_empty())]].concat().join(&b' '));
            out.push(b'\n');
        }
    }
    if !placed {
        ended(&mut out);
        out.extend_from_slice(&wanted);
    }
    out
}

/// A line begins with a key when the key is followed by a blank, `=`, `:` or the end of the line.
fn has_key(line: &[u8], key: &str) -> bool {
    line.trim_ascii_start()
        .strip_prefix(key.as_bytes())
        .is_some_and(|rest| rest.first().is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'=' | b':')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_replaced_in_place_and_added_once() {
        let first = with_block(b"127.0.0.1 localhost", "arcus", b"10.0.0.1 a\n");
        assert_eq!(first, b"127.0.0.1 localhost\n# >>> arcus\n10.0.0.1 a\n# <<< arcus\n");
        let mut edited = first.clone();
        edited.extend_from_slice(b"10.9.9.9 other\n");
        let second = with_block(&edited, "arcus", b"10.0.0.2 b");
        assert_eq!(second, b"127.0.0.1 localhost\n# >>> arcus\n10.0.0.2 b\n# <<< arcus\n10.9.9.9 other\n");
        assert_eq!(with_block(&second, "arcus", b"10.0.0.2 b"), second);
    }

    #[test]
    fn a_line_is_keyed_by_its_first_word() {
        let text = b"vm.swappiness = 10\nvm.swappiness_other=1\n";
        let out = with_line(text, "vm.swappiness", b"vm.swappiness = 0");
        assert_eq!(out, b"vm.swappiness = 0\nvm.swappiness_other=1\n");
        assert_eq!(with_line(&out, "vm.swappiness", b"vm.swappiness = 0"), out);
    }

    #[test]
    fn names_have_one_entry_and_the_rest_of_a_hosts_file_stays() {
        let text = b"127.0.0.1 localhost\n# Rainbond hosts BEGIN\n10.0.0.11  kubeapi.x x\n# Rainbond hosts END\n10.0.0.11 first X # both\n#10.0.0.9 x\n";
        let out = with_hosts(text, b"10.0.0.100 kubeapi.x x");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "127.0.0.1 localhost\n# Rainbond hosts BEGIN\n10.0.0.100 kubeapi.x x\n# Rainbond hosts END\n10.0.0.11 first # both\n#10.0.0.9 x\n"
        );
        assert_eq!(with_hosts(&out, b"10.0.0.100 kubeapi.x x"), out);
        // Two entries, in a file that has none of them and no end of its last line.
        let out = with_hosts(b"::1 six", b"10.0.0.1 a\n10.0.0.2 b\n");
        assert_eq!(out, b"::1 six\n10.0.0.1 a\n10.0.0.2 b\n");
        assert_eq!(with_hosts(&out, b"10.0.0.1 a\n10.0.0.2 b\n"), out);
        let moved = with_hosts(&out, b"10.0.0.2 a b\n");
        assert_eq!(moved, b"::1 six\n10.0.0.2 a b\n");
    }
}
