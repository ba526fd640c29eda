//! What a test needs of the machine, installed when it is not there.
use std::process::Command;
use std::sync::Mutex;

static ONE: Mutex<()> = Mutex::new(());

/// Programs, each with the package of Debian that brings it.
pub fn need(programs: &[(&str, &str)]) {
    let _one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let missing: Vec<&str> = programs
        .iter()
        .filter(|(program, _)| !std::env::split_paths("/usr/sbin:/usr/bin:/sbin:/bin").any(|folder| folder.join(program).exists()))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return;
    }
    eprintln!("installing with apt-get: {}", missing.join(" "));
    for args in [&["update"][..], &[&["install", "--no-install-recommends"][..], &missing[..]].concat()[..]] {
        let out = Command::new("apt-get").args(["-q", "-y", "-o", "DPkg::Lock::Timeout=120"]).args(args).env("DEBIAN_FRONTEND", "noninteractive").output();
        let good = out.as_ref().is_ok_and(|out| out.status.success());
        assert!(good, "this test needs {missing:?}, and apt-get could not install it: {out:?}");
    }
}

/// The shells that every promise must hold in.
pub fn shells() {
    need(&[("dash", "dash"), ("bash", "bash"), ("busybox", "busybox")]);
}
