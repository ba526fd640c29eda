//! The system: which one it is, and settings that break the installation.

use crate::seen::Seen;
use arcus_sdk::prelude::*;

/// The checks of a node's system.
pub fn check(seen: &Seen<'_>, checks: &mut Checks) {
    let node = seen.node;
    checks.on(node, "os", "its system is one that was tried").judge(&seen.os, |os| system(os, seen.is_member()));
    checks.on(node, "arch", "it is x86_64").judge(&seen.os, |os| match os.arch.as_str() {
        "x86_64" => passed("x86_64"),
        other => failed(format!("it is {other}, and Rainbond's programs are built for x86_64 only")),
    });
    checks.on(node, "kernel", "its kernel is 3.10 or newer").judge(&seen.os, |os| match version(&os.kernel) {
        Some(found) if found >= (3, 10) => passed(os.kernel.clone()),
        Some(_) => failed(format!("{}: containers need 3.10", os.kernel)),
        None => arcus_sdk::unknown(format!("{} is no version", os.kernel)),
    });
    checks.on(node, "systemd", "systemd runs it").judge(&seen.systemd, |fact| match fact {
        Some(_) => passed("/run/systemd/system is there"),
        None => failed("/run/systemd/system is not there: everything here is a systemd unit, so another system is needed"),
    });
    checks.on(node, "root", "commands run as root").judge(&seen.user, |said| match said.text().trim() {
        "0" => passed("user id 0"),
        other => failed(format!("user id {other}: log in as root, or as a user who may use sudo")),
    });
    checks.on(node, "selinux", "SELinux is not in the way").judge(&seen.enforce, |fact| match fact.as_ref().map(|fact| fact.text()) {
        None => passed("this system has no SELinux"),
        Some(text) if text.trim() != "1" => passed("it does not enforce"),
        Some(_) if seen.is_member() => warned("it enforces; the installer turns it off, now and in /etc/selinux/config"),
        // Nobody turns it off there, and nobody has to.
        Some(_) => warned(
            "it enforces, and stays: its policy lets GlusterFS use any directory as long as gluster_export_all_rw is on, as it is from the beginning \
             (`getsebool gluster_export_all_rw`); Arcus gives what it writes the labels of the policy",
        ),
    });
    if !seen.is_member() {
        return;
    }
    checks.on(node, "swap", "no swap is used").judge(&seen.swaps, |said| match swap_kib(said) {
        Some(0) => passed("none"),
        Some(kib) => warned(format!("{} MiB; the installer turns it off and deletes every line of /etc/fstab with `swap` in it", kib / 1024)),
        None => arcus_sdk::unknown("/proc/swaps does not say"),
    });
    checks.on(node, "overcommit", "the kernel grants memory as containers want it").judge(&seen.overcommit, |value| match value.as_deref().map(str::trim) {
        Some("2") => failed("vm.overcommit_memory is 2, and the installer refuses that: set it to 0 or 1 in /etc/sysctl.conf"),
        Some(other) => passed(format!("vm.overcommit_memory is {other}")),
        None => arcus_sdk::unknown("the kernel has no vm.overcommit_memory"),
    });
    checks.on(node, "dns", "a name server is set").judge(&seen.resolv, |fact| {
        let text = fact.as_ref().map(|fact| fact.text()).unwrap_or_default();
        let servers: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver")).map(str::trim).collect();
        match servers.as_slice() {
            [] => warned("/etc/resolv.conf names none; the installer would take 114.114.114.114: add the one of your network"),
            // The installer hands the first on to its own DNS, which asks itself then.
            [first, ..] if first.starts_with("127.") => {
                warned(format!("the first is {first}, on this machine; the installer makes it the upstream of its own DNS: put the one of your network first"))
            }
            all => passed(all.join(", ")),
        }
    });
}

fn system(os: &Os, is_member: bool) -> arcus_sdk::Finding {
    let name = format!("{} {}, kernel {}", os.id, os.version, os.kernel);
    let major = os.version.split('.').next().unwrap_or_default();
    // os-release of CentOS 7 does not tell the minor version; its kernels do.
    let build = parse_build(&os.kernel);
    match (os.id.as_str(), major, build) {
        ("centos", "7", Some(693)) => passed(format!("{name}: CentOS 7.4, as the guide has it")),
        ("centos", "7", Some(862 | 957)) => {
            warned(format!("{name}: CentOS 7.5 or 7.6 with its first kernel; Rainbond 5.0's installer stops there to ask, and nobody can answer: install a kernel 4.x"))
        }
        ("centos", "7", _) => warned(format!("{name}: the guide's is CentOS 7.4; this one was not tried")),
        ("debian", "12", _) => warned(format!("{name}: Arcus was tried on it with real storage and gateways and a stand-in for Rainbond's installer; the guide's is CentOS 7.4")),
        // The installer asks for these four by name; who is only like them is refused by it.
        ("centos" | "rhel" | "debian" | "ubuntu", _, _) => warned(format!("{name}: not tried; Rainbond's installer takes it, the guide's is CentOS 7.4")),
        _ if is_member => failed(format!("{name}: Rainbond's installer refuses all but CentOS, Red Hat, Debian and Ubuntu; use CentOS 7.4")),
        _ => match Family::of(os) {
            Some(_) => warned(format!("{name}: not tried; packages are those of its family")),
            None => failed(format!("{name}: of no family whose packages are known; use a system of Debian's or Red Hat's family")),
        },
    }
}

/// 693 of `3.10.0-693.el7.x86_64`.
fn parse_build(kernel: &str) -> Option<u32> {
    kernel.strip_prefix("3.10.0-")?.split(['.', '-']).next()?.parse().ok()
}

fn version(kernel: &str) -> Option<(u32, u32)> {
    let mut parts = kernel.split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The sum of the sizes in `/proc/swaps`, whose first line is a header.
fn swap_kib(said: &Output) -> Option<u64> {
    let text = said.text();
    let mut lines = text.lines();
    lines.next().filter(|header| said.status == 0 && header.contains("Size"))?;
    lines.map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_what_the_kernel_says() {
        assert_eq!(version("3.10.0-693.el7.x86_64"), Some((3, 10)));
        assert_eq!(version("6.1.0-18-amd64"), Some((6, 1)));
        assert_eq!(version("4.19+"), Some((4, 19)));
        assert_eq!(version("x"), None);
        assert_eq!(parse_build("3.10.0-693.el7.x86_64"), Some(693));
    }

    #[test]
    fn swap_is_the_sum_of_all() {
        let said = |text: &str| swap_kib(&Output { status: 0, stdout: text.into(), stderr: vec![], truncated: false });
        let header = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
        assert_eq!(said(header), Some(0));
        assert_eq!(said(&format!("{header}/dev/sda2   partition\t1024\t0\t-2\n/swap  file\t512\t0\t-3\n")), Some(1536));
        assert_eq!(said(""), None);
    }
}
