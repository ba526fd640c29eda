//! What registries, bundles and files of logins say, whoever wrote them.

use crate::artefact::{Artefact, Contents, Described};
use crate::login::Logins;
use crate::place::Place;
use crate::{bundle, is_digest, wire};

fn artefact() -> Artefact {
    Artefact::of(&Described { name: "storage-x".into(), version: "1.0.0".into(), ..Described::default() }, b"\0asm component".to_vec(), Some("signed"))
}

#[test]
fn manifests() {
    let whole = artefact().manifest;
    arcus_fuzz::bytes(&[&whole], &["application/wasm", "\"size\":18446744073709551615", "\"layers\":[]", "null", "sha256:../../x"], |bytes| {
        if let Ok(contents) = Contents::read(bytes, "x", 1000) {
            assert!(is_digest(&contents.layer.digest) && contents.layer.size <= 1000);
        }
    });
}

#[test]
fn bundles() {
    let whole = bundle::write(&[(artefact(), Some("oci://host/x".into()))]).unwrap();
    arcus_fuzz::bytes(&[&whole], &["ustar\0", "index.json", "blobs/sha256/", "\x30\x37\x37\x37\x37\x37\x37\x37\x37\x37\x37"], |bytes| {
        // Whatever is done to it, nothing comes out that its own digests do not vouch for.
        for one in bundle::read(bytes, "x", 1000).into_iter().flatten() {
            assert!(one.component.len() <= 1000);
        }
    });
}

#[test]
fn logins() {
    let seed = r#"{"auths": {"host:5000": {"auth": "b3BzOmh1c2g="}, "https://index.docker.io/v1/": {"username": "d", "password": "hush"}}, "credHelpers": {"x": "y"}, "credsStore": "z"}"#;
    arcus_fuzz::text(&[seed], &["\"auth\"", "host:5000", "null", "b3BzOmh1c2g="], |text| {
        if let Err(fault) = Logins::parse(text, "config.json") {
            assert!(!fault.to_string().contains("hush"), "{fault}");
        }
    });
}

#[test]
fn places() {
    arcus_fuzz::text(&["oci://host:5000/a/b:1.0.0", "oci://host/x@sha256:0000000000000000000000000000000000000000000000000000000000000000"], &["oci://", "@", "..", "%2e%2e", "\r\n"], |text| {
        let Ok(place) = Place::parse(text) else { return };
        assert_eq!(Place::parse(&place.to_string()).unwrap(), place, "it says the same when it is written again");
        assert!(!place.to_string().contains(['\r', '\n', ' ', '?', '#', '%']) && !place.repository.contains(".."), "{place}");
    });
}

#[test]
fn where_we_are_sent() {
    let from = "https://registry.example.org/v2/x";
    arcus_fuzz::text(&["/v2/y", "https://cdn.example.net/y?z=1", "https://registry.example.org/y"], &["//", "http://", "https://", "@", "#", "registry.example.org"], |text| {
        let Ok(hop) = wire::hop(from, text, true) else { return };
        assert!(hop.to.to_ascii_lowercase().starts_with("https://"), "{hop:?}");
        // Only the very same host may be given anything.
        let authority = hop.to[8..].split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        assert_eq!(hop.same, matches!(authority.as_str(), "registry.example.org" | "registry.example.org:443"), "{hop:?}");
    });
}
