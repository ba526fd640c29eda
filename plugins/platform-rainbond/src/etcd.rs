//! Members of etcd, by etcd's own word: the list that every member serves to its peers needs no majority, and no `grctl`.

use arcus_sdk::prelude::*;

/// The unit on managers.
pub const UNIT: &str = "etcd.service";
/// What makes a member forget all others and go on alone with its own data.
const ALONE: &str = " \\\n  --force-new-cluster";

/// A member as it is registered, whether it runs or not.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
pub struct Member {
    /// Its number.
    pub id: u64,
    /// Empty until it has run once.
    #[serde(default)]
    pub name: String,
    /// Where the others reach it.
    #[serde(rename = "peerURLs", default)]
    pub peers: Vec<String>,
}

impl Member {
    /// Whether it is the one on this node.
    pub fn is(&self, address: &str) -> bool {
        self.peers.iter().any(|url| host(url) == Some(address))
    }

    /// Its number, as the tools of etcd write it.
    pub fn hex(&self) -> String {
        format!("{:x}", self.id)
    }

    /// Its address, for people.
    pub fn place(&self) -> &str {
        self.peers.first().and_then(|url| host(url)).unwrap_or("nowhere")
    }
}

/// The host of `http://10.0.0.1:2380`.
fn host(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next()?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    Some(host.trim_start_matches('[').trim_end_matches(']'))
}

/// Where a member serves its list.
pub fn list(address: &str) -> String {
    let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
    format!("http://{host}:2380/members")
}

/// Reads that list. `Err`: what was said instead.
pub fn members(said: &Output) -> Result<Vec<Member>, String> {
    if said.status == 0
        && let Some(members) = said.json::<Vec<Member>>()
    {
        return Ok(members);
    }
    let text = said.error_text();
    Err(text.lines().map(str::trim).find(|line| !line.is_empty()).map_or_else(|| "etcd shows no list of its members".to_owned(), str::to_owned))
}

/// Whether `/health` says so. It is answered by a majority, not by the member alone.
pub fn is_healthy(said: &Output) -> bool {
    let text: String = said.text().split_whitespace().collect();
    said.status == 0 && ["\"health\":\"true\"", "\"health\":true"].iter().any(|word| text.contains(word))
}

/// How etcd is started so that the member goes on alone. `None`: it is, or the file is not understood.
pub fn alone(script: &str) -> Option<String> {
    let text = script.trim_end();
    // The command is the last of it, and all of its words are options of etcd.
    (text.contains("--data-dir") && text.contains("exec ") && !is_alone(script)).then(|| format!("{text}{ALONE}\n"))
}

/// Whether it is.
pub fn is_alone(script: &str) -> bool {
    script.contains(ALONE.trim_start_matches([' ', '\\', '\n']))
}

/// How it is started beside the others.
pub fn together(script: &str) -> String {
    script.replace(ALONE, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: i32, stdout: &str) -> Output {
        Output { status, stdout: stdout.into(), stderr: b"curl: (7) Failed to connect\n".to_vec(), truncated: false }
    }

    #[test]
    fn the_list_that_peers_are_served() {
        let text = r#"[{"id":10276657743932975437,"peerURLs":["http://10.99.0.11:2380"],"name":"a","clientURLs":["http://10.99.0.11:2379"]},{"id":26,"peerURLs":["http://[fd00::2]:2380"],"name":""}]"#;
        let members = members(&said(0, text)).unwrap();
        assert!(members[0].is("10.99.0.11") && !members[0].is("10.99.0.1"));
        assert_eq!((members[0].hex().as_str(), members[1].hex().as_str(), members[1].place()), ("8e9e05c52164694d", "1a", "fd00::2"));
        assert_eq!(super::members(&said(7, "")).unwrap_err(), "curl: (7) Failed to connect");
    }

    #[test]
    fn a_start_alone_and_back() {
        // As the installer writes it: a container, no newline at the end.
        let script = "#!/bin/sh\nexec docker \\\n  run \\\n  --name etcd \\\n  /usr/local/bin/etcd \\\n  --data-dir ${ETCD_DATA_DIR} \\\n  --quota-backend-bytes=$((4*1024))";
        let alone = super::alone(script).unwrap();
        assert!(alone.ends_with("--quota-backend-bytes=$((4*1024)) \\\n  --force-new-cluster\n") && is_alone(&alone) && !is_alone(script));
        assert_eq!(together(&alone).trim_end(), script);
        assert_eq!(super::alone(&alone), None, "it is already");
        assert_eq!(super::alone("#!/bin/sh\necho no etcd\n"), None);
    }
}
