//! Files beside the cluster file and on the operator's side, whoever wrote them.

use crate::{Lock, Policy, grant_digest, permissions};

const LOCK: &str = "\
# What the third parties' plugins of this cluster are.

format = 1

[plugin.storage-x]
version = \"1.2.0\"
source = \"./x.wasm\"
digest = \"abababababababababababababababababababababababababababababababab\"
key = \"RWQ\"

[plugin.storage-x.grant]
actions = [\"command\", \"file\"]
write = [\"/srv/x\"]

[[plugin.storage-x.grant.command]]
argv = [\"x\", \"<uint>\"]

[plugin.storage-x.grant.secrets.s]
origin = \"operator\"
";
const KEY: &str = "RWRBQUFBQUFBQa8Go+MpFxTk81bBnJsVzRlR7G5mYqp3vgdUfyiTgzQd";
const SIGNATURE: &str = "untrusted comment: signature of a test key\nRURBQUFBQUFBQbaCSK8wRCiiFppqyk16sJwfE1rbCsjyiU3KX4v7kPk8Oj/jd+chTOyzYGP0XM5UEHT/X+rMU93rETzhynNAywI=\ntrusted comment: a test\nrub1O6qnbUWOTP4K38nRJ1U7/cmrPjIzKOZD9nNPuYehySiGqmwVVHC5xT3Wcpuv1dwTsdS4RUL/DmIsWtnDDA==\n";

#[test]
fn lock_files() {
    arcus_fuzz::text(&[LOCK], &["[plugin.y]", "format = 2", "grant = {}", "[[plugin]]", "\"\"", "origin = \"generated\"\nlength = 8"], |text| {
        let Ok(lock) = Lock::parse(text) else { return };
        let again = Lock::parse(&lock.to_text()).unwrap_or_else(|error| panic!("what it writes does not read: {error}\n{}", lock.to_text()));
        assert_eq!(again, lock, "it says the same when it is written again");
        for pin in lock.pins.values() {
            assert_eq!(grant_digest(&pin.grant).len(), 64);
            let _ = permissions(&pin.grant);
        }
    });
}

#[test]
fn policies() {
    let seed = format!("unsigned = \"refuse\"\n[keys]\nacme = \"{KEY}\"\n");
    arcus_fuzz::text(&[&seed], &["unsigned = \"allow\"", "[keys]", KEY], |text| {
        let _ = Policy::parse(text);
    });
}

#[test]
fn signatures() {
    let policy = Policy::parse(&format!("[keys]\nacme = \"{KEY}\"\n")).unwrap();
    assert!(policy.signer(b"a component", SIGNATURE).unwrap().is_some());
    arcus_fuzz::text(&[SIGNATURE], &["trusted comment: ", "untrusted comment: ", "\n\n"], |text| {
        // Whatever is done to it, it never signs something else.
        assert!(!matches!(policy.signer(b"another component", text), Ok(Some(_))));
    });
}
