//! A component as registries keep it: a manifest, a config that says what it is, and one layer, the component itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::{digest, is_digest};

/// Of the manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Of the config.
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// Of the layer.
const LAYER: &str = "application/wasm";
/// Largest manifest.
pub(crate) const MOST_MANIFEST: u64 = 256 << 10;
/// What a component's signature is called in the manifest: the text of its `.minisig`.
const SIGNATURE: &str = "dev.arcus.minisign";
const VERSION: &str = "org.opencontainers.image.version";
const TITLE: &str = "org.opencontainers.image.title";
const DESCRIPTION: &str = "org.opencontainers.image.description";

/// What a component says of itself.
#[derive(Debug, Clone, Default)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is, one sentence.
    pub summary: String,
    /// The interfaces that it imports, also those of types alone.
    pub imports: Vec<String>,
    /// What it exports, as `interface#function`.
    pub exports: Vec<String>,
}

/// Ready to be put somewhere. The same component makes the same bytes, always.
#[derive(Debug, Clone)]
pub struct Artefact {
    /// Its name and version.
    pub name: String,
    /// Its version.
    pub version: String,
    pub(crate) manifest: Vec<u8>,
    pub(crate) config: Vec<u8>,
    pub(crate) component: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// A content by what it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl Descriptor {
    pub(crate) fn of(media_type: &str, bytes: &[u8], annotations: Option<BTreeMap<String, String>>) -> Self {
        Self { media_type: media_type.to_owned(), digest: digest(bytes), size: bytes.len() as u64, annotations }
    }
}

/// As `WasmConfig` of oci-wasm has it, which wasm-pkg-tools writes and reads.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    created: &'a str,
    author: Option<&'a str>,
    architecture: &'a str,
    os: &'a str,
    layer_digests: [String; 1],
    component: Interfaces<'a>,
}

#[derive(Serialize)]
struct Interfaces<'a> {
    exports: Vec<&'a str>,
    imports: Vec<&'a str>,
    target: Option<&'a str>,
}

impl Artefact {
    /// Of a component, with the text of its signature.
    pub fn of(described: &Described, component: Vec<u8>, signature: Option<&str>) -> Self {
        let config = Config {
            // When it was put somewhere says nothing about it, and would make it another each time.
            created: "1970-01-01T00:00:00Z",
            author: None,
            architecture: "wasm",
            os: "wasip2",
            layer_digests: [digest(&component)],
            component: Interfaces { exports: interfaces(&described.exports), imports: interfaces(&described.imports), target: None },
        };
        let config = serde_json::to_vec(&config).expect("plain data");
        let mut annotations = BTreeMap::from([(VERSION.to_owned(), described.version.clone()), (TITLE.to_owned(), described.name.clone()), (DESCRIPTION.to_owned(), described.summary.clone())]);
        annotations.extend(signature.map(|text| (SIGNATURE.to_owned(), text.to_owned())));
        let title = BTreeMap::from([(TITLE.to_owned(), format!("{}.wasm", described.name))]);
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MANIFEST.to_owned()),
            config: Descriptor::of(CONFIG, &config, None),
            layers: vec![Descriptor::of(LAYER, &component, Some(title))],
            annotations: Some(annotations),
        };
        Self { name: described.name.clone(), version: described.version.clone(), manifest: serde_json::to_vec(&manifest).expect("plain data"), config, component }
    }

    /// By which it is found whatever it is called: the digest of its manifest.
    pub fn digest(&self) -> String {
        digest(&self.manifest)
    }
}

/// Interfaces of functions, each once.
fn interfaces(functions: &[String]) -> Vec<&str> {
    let mut all: Vec<&str> = functions.iter().map(|function| function.split('#').next().unwrap_or(function)).collect();
    all.dedup();
    all
}

/// What a manifest says, as far as it can be followed.
#[derive(Debug)]
pub(crate) struct Contents {
    pub layer: Descriptor,
    pub signature: Option<String>,
}

impl Contents {
    /// From a manifest; `most` bytes may its component have.
    pub(crate) fn read(manifest: &[u8], origin: &str, most: u64) -> Result<Self, Fault> {
        let wrong = |why: String| Fault::new("registry.no-component", format!("{origin} is no component: {why}"), "it must be one manifest with one layer, `application/wasm`, as `arcus plugin publish` and wasm-pkg-tools put it");
        let manifest: Manifest = serde_json::from_slice(manifest).map_err(|error| wrong(error.to_string()))?;
        if manifest.schema_version != 2 || manifest.media_type.as_deref().is_some_and(|kind| kind != MANIFEST) {
            return Err(wrong(format!("its manifest is of another kind, {}", manifest.media_type.unwrap_or_default())));
        }
        if manifest.config.media_type != CONFIG {
            return Err(wrong(format!("its config is {}, not {CONFIG}", manifest.config.media_type)));
        }
        let [layer] = <[Descriptor; 1]>::try_from(manifest.layers).map_err(|layers| wrong(format!("it has {} layers", layers.len())))?;
        if layer.media_type != LAYER {
            return Err(wrong(format!("its layer is {}, not {LAYER}", layer.media_type)));
        }
        if !is_digest(&layer.digest) {
            return Err(wrong("the digest of its layer is none".into()));
        }
        if layer.size > most {
            return Err(Fault::denied("registry.too-large", format!("the component in {origin} has {} bytes, and a plugin may have {most}", layer.size), "do not use it, and tell its author"));
        }
        let signature = manifest.annotations.and_then(|mut annotations| annotations.remove(SIGNATURE));
        Ok(Self { layer, signature })
    }

    /// The component must be what the manifest says.
    pub(crate) fn check(&self, component: &[u8], origin: &str) -> Result<(), Fault> {
        if component.len() as u64 == self.layer.size && digest(component) == self.layer.digest {
            return Ok(());
        }
        Err(Fault::denied("registry.wrong-digest", format!("the component in {origin} is not the one that its manifest names ({})", self.layer.digest), "it was damaged or swapped: do not use it, and tell who keeps it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artefact() -> Artefact {
        let described = Described {
            name: "storage-x".into(),
            version: "1.2.0".into(),
            summary: "a shelf".into(),
            imports: vec!["arcus:plugin/log@0.1.0".into(), "arcus:plugin/observe@0.1.0".into(), "arcus:plugin/types@0.1.0".into()],
            exports: vec!["arcus:plugin/lifecycle@0.1.0#plan".into(), "arcus:plugin/lifecycle@0.1.0#judge".into()],
        };
        Artefact::of(&described, b"\0asm component".to_vec(), Some("signed"))
    }

    #[test]
    fn it_has_the_form_that_wasm_pkg_tools_reads() {
        let artefact = artefact();
        let manifest: serde_json::Value = serde_json::from_slice(&artefact.manifest).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&artefact.config).unwrap();
        assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
        assert_eq!((&manifest["config"]["mediaType"], &manifest["layers"][0]["mediaType"]), (&"application/vnd.wasm.config.v0+json".into(), &"application/wasm".into()));
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
        assert_eq!(manifest["config"]["digest"], digest(&artefact.config));
        assert_eq!((&config["architecture"], &config["os"], &config["layerDigests"][0]), (&"wasm".into(), &"wasip2".into(), &manifest["layers"][0]["digest"]));
        assert_eq!(config["component"], serde_json::json!({ "exports": ["arcus:plugin/lifecycle@0.1.0"], "imports": ["arcus:plugin/log@0.1.0", "arcus:plugin/observe@0.1.0", "arcus:plugin/types@0.1.0"], "target": null }));
        let contents = Contents::read(&artefact.manifest, "x", 100).unwrap();
        assert_eq!(contents.signature.as_deref(), Some("signed"));
        contents.check(&artefact.component, "x").unwrap();
        assert_eq!(contents.check(b"\0asm componenT", "x").unwrap_err().code, "registry.wrong-digest");
        assert_eq!(super::tests::artefact().digest(), artefact.digest());
    }

    /// What `wkg oci push` and `wkg publish` put into a registry (oci-wasm 0.6.0 over oci-client 0.17.0: keys in canonical order, and a list
    /// of what is said of it only where something is), with a component of ours in it.
    const OF_WKG: [&str; 2] = [
        r#"{"config":{"digest":"CONFIG","mediaType":"application/vnd.wasm.config.v0+json","size":519},"layers":[{"annotations":{"org.opencontainers.image.title":"storage-x.wasm"},"digest":"LAYER","mediaType":"application/wasm","size":14}],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}"#,
        r#"{"annotations":{"org.opencontainers.image.version":"1.2.0"},"config":{"digest":"CONFIG","mediaType":"application/vnd.wasm.config.v0+json","size":519},"layers":[{"annotations":{"org.opencontainers.image.title":"storage-x.wasm"},"digest":"LAYER","mediaType":"application/wasm","size":14}],"mediaType":"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}"#,
    ];
    /// The config that both bring.
    const CONFIG_OF_WKG: &str = r#"{"created":"2026-11-26T11:07:40.646773805Z","author":null,"architecture":"wasm","os":"wasip2","layerDigests":["LAYER"],"component":{"exports":["arcus:plugin/lifecycle@0.1.0"],"imports":["arcus:plugin/types@0.1.0","arcus:plugin/log@0.1.0","arcus:plugin/observe@0.1.0"],"target":null}}"#;

    #[test]
    fn what_wkg_has_put_somewhere_is_read() {
        let ours = artefact();
        let layer = digest(&ours.component);
        for manifest in OF_WKG {
            let manifest = manifest.replace("LAYER", &layer).replace("CONFIG", &digest(CONFIG_OF_WKG.as_bytes()));
            let contents = Contents::read(manifest.as_bytes(), "x", 100).unwrap();
            assert_eq!((contents.layer.digest.as_str(), contents.layer.size, contents.signature.as_deref()), (layer.as_str(), 14, None));
            contents.check(&ours.component, "x").unwrap();
        }
    }

    #[test]
    fn what_is_said_of_a_component_has_the_keys_that_wkg_writes_and_no_others() {
        let ours = artefact();
        let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
        // All that may differ: when it was made, and the order of names.
        let mut theirs = json(CONFIG_OF_WKG.replace("LAYER", &digest(&ours.component)).as_bytes());
        theirs["created"] = "1970-01-01T00:00:00Z".into();
        theirs["component"]["imports"].as_array_mut().unwrap().sort_by_key(ToString::to_string);
        assert_eq!(json(&ours.config), theirs);
        // As for the manifest: ours says more of it, and nothing in another place.
        let mut more = json(&ours.manifest);
        more["annotations"].as_object_mut().unwrap().retain(|key, _| key == VERSION);
        let theirs = json(OF_WKG[1].replace("LAYER", &digest(&ours.component)).replace("CONFIG", &digest(&ours.config)).replace("519", &ours.config.len().to_string()).as_bytes());
        assert_eq!(more, theirs);
    }

    #[test]
    fn what_has_another_form_is_refused() {
        let artefact = artefact();
        let whole: serde_json::Value = serde_json::from_slice(&artefact.manifest).unwrap();
        let code = |edit: &dyn Fn(&mut serde_json::Value)| {
            let mut manifest = whole.clone();
            edit(&mut manifest);
            Contents::read(manifest.to_string().as_bytes(), "x", 100).unwrap_err().code
        };
        assert_eq!(code(&|it| it["layers"][0]["size"] = 101.into()), "registry.too-large");
        for edit in [
            &(|it: &mut serde_json::Value| it["layers"] = serde_json::json!([])) as &dyn Fn(&mut serde_json::Value),
            &|it| it["layers"] = serde_json::json!([it["layers"][0], it["layers"][0]]),
            &|it| it["layers"][0]["mediaType"] = "application/x-tar".into(),
            &|it| it["layers"][0]["digest"] = "sha256:../../etc/passwd".into(),
            &|it| it["layers"][0]["size"] = (-1).into(),
            &|it| it["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into(),
            &|it| it["mediaType"] = "application/vnd.oci.image.index.v1+json".into(),
            &|it| it["schemaVersion"] = 1.into(),
            &|it| *it = serde_json::json!([]),
        ] {
            assert_eq!(code(edit), "registry.no-component");
        }
    }
}
