//! Which plugins of third parties may be used: pinned and approved, here, by this operator, this very component.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use arcus_plan::manifest::Manifest;
use arcus_plugin::{Approval, ApprovalError, Approvals, Inspection, Lock, Pin, Refusal, admit};

const CLUSTER: &str = "4f1c2f0e-7d57-4c9e-9c5e-3b1d6c1e9a01";
const OTHER: &str = "9b1f7a52-6c0e-4d8e-9f43-5d2b8c7a1e60";

fn component(version: &str, write: &str) -> Inspection {
    let text = format!(
        "name = \"storage-x\"\nversion = {version:?}\nconcern = \"storage\"\ncontract = \"0.1\"\nsummary = \"x\"\n[grant]\nroles = [\"storage\"]\nactions = [\"file\"]\nwrite = [{write:?}]\n"
    );
    let manifest = Manifest::from_toml(&text).unwrap();
    Inspection { digest: arcus_plugin::digest(text.as_bytes()), manifest, size: text.len(), imports: vec![], withheld: vec![], exports: vec![], interfaces: vec![] }
}

fn lock(inspection: &Inspection) -> Lock {
    Lock { pins: [("storage-x".to_owned(), Pin::of(inspection, "./x.wasm", None))].into() }
}

/// An operator's side, and a project's folder beside it.
struct Side {
    temp: tempfile::TempDir,
}

impl Side {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("project")).unwrap();
        Self { temp }
    }

    fn path(&self) -> PathBuf {
        self.temp.path().join("state/approvals")
    }

    fn project(&self) -> PathBuf {
        self.temp.path().join("project")
    }

    fn open(&self) -> Approvals {
        Approvals::open(&self.path(), &self.project()).unwrap()
    }

    fn record(&self, cluster: &str, inspection: &Inspection) -> PathBuf {
        self.path().join(cluster).join("storage-x").join(&inspection.digest).with_extension("json")
    }
}

fn approve(approvals: &Approvals, inspection: &Inspection, at: &str) {
    approvals.keep(&Approval::of(inspection, CLUSTER, "eva@desk", at)).unwrap();
}

#[test]
fn what_is_pinned_and_approved_may_be_used_and_nothing_else() {
    let side = Side::new();
    let approvals = side.open();
    let one = component("1.0.0", "/srv/x");
    assert!(matches!(admit(&Lock::default(), Some(&approvals), CLUSTER, &one), Err(Refusal::NotPinned)));
    assert!(matches!(admit(&lock(&one), Some(&approvals), CLUSTER, &one), Err(Refusal::NotApproved(None))));
    // Without a place for approvals nothing is approved.
    assert!(matches!(admit(&lock(&one), None, CLUSTER, &one), Err(Refusal::NotApproved(None))));
    approve(&approvals, &one, "2026-01-01");
    admit(&lock(&one), Some(&approvals), CLUSTER, &one).unwrap();
    // Later, in another process.
    admit(&lock(&one), Some(&side.open()), CLUSTER, &one).unwrap();
    assert!(approvals.forget(CLUSTER, "storage-x").unwrap());
    assert!(matches!(admit(&lock(&one), Some(&approvals), CLUSTER, &one), Err(Refusal::NotApproved(None))));
}

#[test]
fn one_that_runs_live_is_refused_as_a_whole_where_the_policy_says_so() {
    let side = Side::new();
    let mut live = component("1.0.0", "/srv/x");
    live.manifest.grant.actions.push("call".into());
    let steps = component("1.0.1", "/srv/x");
    for one in [&live, &steps] {
        approve(&side.open(), one, "2026-01-01");
        admit(&lock(one), Some(&side.open()), CLUSTER, one).unwrap();
    }
    let strict = side.open().refusing_hatches(true);
    let refusal = admit(&lock(&live), Some(&strict), CLUSTER, &live).unwrap_err();
    assert!(matches!(refusal, Refusal::Hatch));
    assert_eq!(refusal.code(), "plugin.hatch-refused");
    let (message, help) = (refusal.message(&live), refusal.help("storage-x"));
    assert!(message.contains("grant.actions = \"call\"") && message.contains("steps of the kind `call`") && help.contains("arcus plugin inspect storage-x"), "{message}\n{help}");
    admit(&lock(&steps), Some(&strict), CLUSTER, &steps).unwrap();
}

#[test]
fn another_component_another_cluster_and_a_wider_grant_are_not_what_was_approved() {
    let side = Side::new();
    let approvals = side.open();
    let (one, two) = (component("1.0.0", "/srv/x"), component("1.1.0", "/etc/cron.d"));
    approve(&approvals, &one, "2026-01-01");
    assert!(matches!(admit(&lock(&one), Some(&approvals), OTHER, &one), Err(Refusal::NotApproved(None))));
    // Swapped on disk between a plan and its apply.
    let refusal = admit(&lock(&one), Some(&approvals), CLUSTER, &two).unwrap_err();
    assert!(matches!(&refusal, Refusal::OtherThanPinned(pin) if pin.version == "1.0.0"), "{refusal:?}");
    // Pinned by somebody else, with `git pull`.
    let refusal = admit(&lock(&two), Some(&approvals), CLUSTER, &two).unwrap_err();
    assert!(matches!(&refusal, Refusal::NotApproved(Some(before)) if before.version == "1.0.0"), "{refusal:?}");
    let message = refusal.message(&two);
    assert!(message.contains("1.0.0 was") && message.contains("+ grant.write = \"/etc/cron.d\""), "{message}");
    assert!(refusal.help("storage-x").contains("arcus plugin approve storage-x"));
}

#[test]
fn a_lock_file_edited_by_hand_is_told() {
    let side = Side::new();
    let approvals = side.open();
    let one = component("1.0.0", "/srv/x");
    approve(&approvals, &one, "2026-01-01");
    for (field, edit) in [
        ("version", (|pin: &mut Pin| pin.version = "9.0.0".into()) as fn(&mut Pin)),
        ("grant", |pin| pin.grant.write = vec!["/etc".into()]),
        ("grant", |pin| pin.grant.roles.clear()),
    ] {
        let mut lock = lock(&one);
        edit(lock.pins.get_mut("storage-x").unwrap());
        let refusal = admit(&lock, Some(&approvals), CLUSTER, &one).unwrap_err();
        assert!(matches!(refusal, Refusal::LockEdited(found) if found == field), "{field}: {refusal:?}");
    }
    let mut lock = lock(&one);
    lock.pins.get_mut("storage-x").unwrap().digest = "00".repeat(32);
    assert!(matches!(admit(&lock, Some(&approvals), CLUSTER, &one), Err(Refusal::OtherThanPinned(_))));
}

#[test]
fn an_approval_copied_from_another_cluster_or_edited_approves_nothing() {
    let side = Side::new();
    let approvals = side.open();
    let (one, two) = (component("1.0.0", "/srv/x"), component("1.1.0", "/etc/cron.d"));
    approve(&approvals, &one, "2026-01-01");
    let copy = |to: &Path, edit: &dyn Fn(String) -> String| {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, edit(fs::read_to_string(side.record(CLUSTER, &one)).unwrap())).unwrap();
    };
    copy(&side.record(OTHER, &one), &|text| text);
    assert!(matches!(admit(&lock(&one), Some(&approvals), OTHER, &one), Err(Refusal::NotApproved(None))));
    // That of one component under the name of another, as it is and with the digest changed: the grant is another as well.
    copy(&side.record(CLUSTER, &two), &|text| text);
    assert!(matches!(admit(&lock(&two), Some(&approvals), CLUSTER, &two), Err(Refusal::NotApproved(_))));
    copy(&side.record(CLUSTER, &two), &|text| text.replace(&one.digest, &two.digest).replace("1.0.0", "1.1.0"));
    assert!(matches!(admit(&lock(&two), Some(&approvals), CLUSTER, &two), Err(Refusal::NotApproved(_))));
    copy(&side.record(CLUSTER, &one), &|text| text.replace("{", "{ \"more\": 1, "));
    assert!(matches!(admit(&lock(&one), Some(&approvals), CLUSTER, &one), Err(Refusal::Unknown(ApprovalError::Io { .. }))));
}

#[test]
fn approvals_that_others_can_write_or_that_come_with_the_project_are_refused() {
    let side = Side::new();
    let one = component("1.0.0", "/srv/x");
    approve(&side.open(), &one, "2026-01-01");
    assert_eq!(fs::metadata(side.path()).unwrap().mode() & 0o7777, 0o700);
    assert_eq!(fs::metadata(side.record(CLUSTER, &one)).unwrap().mode() & 0o7777, 0o600);
    for path in [side.record(CLUSTER, &one), side.path().join(CLUSTER).join("storage-x"), side.path().join(CLUSTER)] {
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(before.mode() | 0o020)).unwrap();
        let refusal = admit(&lock(&one), Some(&side.open()), CLUSTER, &one).unwrap_err();
        assert!(matches!(&refusal, Refusal::Unknown(ApprovalError::NotPrivate { .. })), "{}: {refusal:?}", path.display());
        fs::set_permissions(&path, before).unwrap();
    }
    fs::set_permissions(side.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Approvals::open(&side.path(), &side.project()), Err(ApprovalError::NotPrivate { .. })));
    // Inside the project's folder, directly and through a link.
    let inside = side.project().join("state");
    assert!(matches!(Approvals::open(&inside, &side.project()), Err(ApprovalError::NotPrivate { .. })));
    symlink(&inside, side.temp.path().join("link")).unwrap();
    assert!(matches!(Approvals::open(&side.temp.path().join("link"), &side.project()), Err(ApprovalError::NotPrivate { .. })));
    // A record that is a link leads nowhere.
    fs::set_permissions(side.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let record = side.record(CLUSTER, &one);
    fs::rename(&record, side.temp.path().join("elsewhere")).unwrap();
    symlink(side.temp.path().join("elsewhere"), &record).unwrap();
    assert!(matches!(admit(&lock(&one), Some(&side.open()), CLUSTER, &one), Err(Refusal::Unknown(_))));
}
