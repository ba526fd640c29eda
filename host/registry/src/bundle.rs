//! Components in a file, for machines without network: an OCI image layout in a tar file, as skopeo and oras know it
//! (`oci-archive:`). <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>

use std::collections::BTreeMap;
use std::io::Read;

use serde::{Deserialize, Serialize};
use tar::{Archive, Builder, EntryType, Header};

use crate::artefact::{Artefact, Contents, Descriptor, MANIFEST, MOST_MANIFEST};
use crate::fault::Fault;
use crate::{digest, is_digest};

const LAYOUT: (&str, &[u8]) = ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
const INDEX: &str = "index.json";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// What a component is called in it.
const REF: &str = "org.opencontainers.image.ref.name";
/// Where it came from.
const SOURCE: &str = "dev.arcus.source";
/// Files in one.
const MOST_FILES: usize = 1024;
/// Bytes of all of them.
const MOST_BYTES: u64 = 256 << 20;

/// A component of a bundle.
#[derive(Debug)]
pub struct Bundled {
    /// The component.
    pub component: Vec<u8>,
    /// The text of its signature.
    pub signature: Option<String>,
    /// Where it came from, as whoever made the bundle says.
    pub source: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    /// Others' tools leave it out.
    #[serde(default)]
    media_type: Option<String>,
    manifests: Vec<Descriptor>,
}

/// Whether a file that begins so is one.
pub fn is_bundle(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// All of it: the same components make the same bytes. With each, where it came from.
///
/// # Errors
/// When memory cannot be written to.
pub fn write(artefacts: &[(Artefact, Option<String>)]) -> std::io::Result<Vec<u8>> {
    let mut contents: BTreeMap<String, &[u8]> = BTreeMap::new();
    let mut manifests = Vec::new();
    for (artefact, source) in artefacts {
        for bytes in [&artefact.manifest, &artefact.config, &artefact.component] {
            contents.insert(path(&digest(bytes)), bytes);
        }
        let mut annotations = BTreeMap::from([(REF.to_owned(), format!("{}:{}", artefact.name, artefact.version))]);
        annotations.extend(source.clone().map(|source| (SOURCE.to_owned(), source)));
        manifests.push(Descriptor::of(MANIFEST, &artefact.manifest, Some(annotations)));
    }
    let index = serde_json::to_vec(&Index { schema_version: 2, media_type: Some(INDEX_TYPE.to_owned()), manifests })?;
    let mut tar = Builder::new(Vec::new());
    let all = [(LAYOUT.0.to_owned(), LAYOUT.1), (INDEX.to_owned(), index.as_slice())];
    for (path, bytes) in all.into_iter().chain(contents) {
        let mut header = Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_entry_type(EntryType::Regular);
        tar.append_data(&mut header, path, bytes)?;
    }
    tar.into_inner()
}

/// All components in one, each of at most so many bytes. Nothing is unpacked to a disk.
///
/// # Errors
/// When it is none, is damaged, or holds what it must not.
pub fn read(from: impl Read, origin: &str, most: u64) -> Result<Vec<Bundled>, Fault> {
    let wrong = |why: String| Fault::new("bundle.damaged", format!("{origin} cannot be read: {why}"), "`arcus plugin bundle` and `arcus plugin pack` write such files: get it again");
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    // The format has headers of any length: none is read beyond this.
    let mut archive = Archive::new(from.take(MOST_BYTES));
    for entry in archive.entries().map_err(|error| wrong(error.to_string()))? {
        let entry = entry.map_err(|error| wrong(error.to_string()))?;
        match entry.header().entry_type() {
            EntryType::Regular => {}
            EntryType::Directory => continue,
            other => return Err(wrong(format!("it holds something that is neither file nor folder ({other:?})"))),
        }
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.size() > most.max(MOST_MANIFEST) || files.len() >= MOST_FILES {
            return Err(Fault::denied("bundle.too-large", format!("{origin} holds more, or larger files, than a bundle of plugins does"), "do not use it"));
        }
        let (size, mut bytes) = (entry.size(), Vec::new());
        entry.take(size).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
        files.insert(path.strip_prefix("./").unwrap_or(&path).to_owned(), bytes);
    }
    let index = files.get(INDEX).ok_or_else(|| wrong("it has no index".into()))?;
    let index: Index = serde_json::from_slice(index).map_err(|error| wrong(format!("its index: {error}")))?;
    let content = |descriptor: &Descriptor| {
        let bytes = is_digest(&descriptor.digest).then(|| files.get(&path(&descriptor.digest))).flatten().ok_or_else(|| wrong(format!("{} is not in it", descriptor.digest)))?;
        if digest(bytes) == descriptor.digest { Ok(bytes) } else { Err(Fault::denied("registry.wrong-digest", format!("{} in {origin} is not what it is called", descriptor.digest), "it was damaged or changed: do not use it")) }
    };
    let mut all = Vec::new();
    for manifest in &index.manifests {
        let contents = Contents::read(content(manifest)?, origin, most)?;
        let component = content(&contents.layer)?;
        contents.check(component, origin)?;
        let source = manifest.annotations.as_ref().and_then(|annotations| annotations.get(SOURCE)).cloned();
        all.push(Bundled { component: component.clone(), signature: contents.signature, source });
    }
    if all.is_empty() { Err(wrong("there is no component in it".into())) } else { Ok(all) }
}

fn path(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artefact::Described;

    fn artefact(name: &str, component: &[u8]) -> Artefact {
        Artefact::of(&Described { name: name.into(), version: "1.0.0".into(), ..Described::default() }, component.to_vec(), Some("signed"))
    }

    fn bundle() -> Vec<u8> {
        write(&[(artefact("storage-x", b"\0asm one"), Some("oci://host/x".into())), (artefact("network-y", b"\0asm two"), None)]).unwrap()
    }

    #[test]
    fn what_was_put_in_comes_out() {
        let bytes = bundle();
        assert!(is_bundle(&bytes) && !is_bundle(b"\0asm") && bytes == bundle());
        let all = read(bytes.as_slice(), "x.tar", 100).unwrap();
        let told: Vec<_> = all.iter().map(|one| (one.component.as_slice(), one.signature.as_deref(), one.source.as_deref())).collect();
        assert_eq!(told, [(&b"\0asm one"[..], Some("signed"), Some("oci://host/x")), (b"\0asm two", Some("signed"), None)]);
    }

    /// skopeo's: no media type in its index, folders of their own, other names.
    #[test]
    fn what_others_tools_write_is_read() {
        let artefact = artefact("storage-x", b"\0asm one");
        let index = serde_json::json!({ "schemaVersion": 2, "manifests": [Descriptor::of(MANIFEST, &artefact.manifest, None)] }).to_string();
        let mut tar = Builder::new(Vec::new());
        let mut put = |path: &str, kind: EntryType, bytes: &[u8]| {
            let mut header = Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_entry_type(kind);
            tar.append_data(&mut header, path, bytes).unwrap();
        };
        put("./blobs/sha256/", EntryType::Directory, b"");
        for bytes in [&artefact.component, &artefact.config, &artefact.manifest] {
            put(&format!("./{}", path(&digest(bytes))), EntryType::Regular, bytes);
        }
        put("./index.json", EntryType::Regular, index.as_bytes());
        let bytes = tar.into_inner().unwrap();
        assert!(is_bundle(&bytes));
        let all = read(bytes.as_slice(), "x.tar", 100).unwrap();
        assert_eq!((all.len(), all[0].component.as_slice(), all[0].signature.as_deref()), (1, &b"\0asm one"[..], Some("signed")));
    }

    #[test]
    fn what_was_changed_or_cut_is_refused() {
        let bytes = bundle();
        let at = bytes.windows(8).position(|part| part == b"\0asm one").unwrap();
        let mut changed = bytes.clone();
        changed[at + 7] = b'E';
        assert_eq!(read(changed.as_slice(), "x", 100).unwrap_err().code, "registry.wrong-digest");
        assert_eq!(read(bytes.as_slice(), "x", 7).unwrap_err().code, "registry.too-large");
        assert_eq!(read(&bytes[..at + 2], "x", 100).unwrap_err().code, "bundle.damaged");
        assert_eq!(read(&b"text"[..], "x", 100).unwrap_err().code, "bundle.damaged");
        assert_eq!(read(&[0; 1024][..], "x", 100).unwrap_err().code, "bundle.damaged");
    }

    #[test]
    fn links_and_large_files_are_refused() {
        let with = |kind: EntryType, size: u64| {
            let mut tar = Builder::new(Vec::new());
            let mut header = Header::new_ustar();
            header.set_size(size);
            header.set_entry_type(kind);
            if kind == EntryType::Symlink {
                header.set_link_name("/etc/passwd").unwrap();
            }
            tar.append_data(&mut header, "index.json", std::io::repeat(b'x').take(size)).unwrap();
            read(tar.into_inner().unwrap().as_slice(), "x", 100).unwrap_err().code
        };
        assert_eq!(with(EntryType::Symlink, 0), "bundle.damaged");
        assert_eq!(with(EntryType::Regular, MOST_MANIFEST + 1), "bundle.too-large");
    }
}
