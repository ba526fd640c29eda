//! Installed packages: one call for all.
use std::collections::HashMap;

use arcus_contract::facts::Fact;

use super::{Gathering, fact, missing_tool};
use crate::quote;
use crate::library::Piece;

pub fn render(all: &mut Gathering, packages: &[(usize, String)]) {
    if packages.is_empty() {
        return;
    }
    let (id, packages) = (all.ids(1), packages.to_vec());
    let mut names: Vec<&str> = packages.iter().map(|(_, name)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    all.line(Piece::Packages, &format!("packages {id} {}", quote::words(names)));
    all.parser(move |parts| {
        let found = parts.get(id).and_then(|part| if part.status == 0 { Ok(installed(&part.text())) } else { Err(missing_tool()) });
        packages
            .into_iter()
            .flat_map(|(at, name)| {
                let bare = name.split(':').next().unwrap_or_default().to_owned();
                let answer = found.clone().and_then(|found| {
                    let version = found.versions.get(&bare).cloned();
                    // dpkg and rpm say by name what they do not know; anything else is no answer.
                    if version.is_some() || found.denied.contains(&name) { Ok(version) } else { Err(super::unreadable(&found.other)) }
                });
                fact(vec![at], answer.map(Fact::Package))
            })
            .collect()
    });
}

#[derive(Clone, Default)]
struct Found {
    versions: HashMap<String, String>,
    denied: Vec<String>,
    other: String,
}

fn installed(text: &str) -> Found {
    let mut found = Found::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["install" | "hold", "ok", "installed", name, version] => {
                found.versions.insert((*name).into(), (*version).into());
            }
            // Known, but removed or half-way: not installed.
            [_, _, _, name, ..] if line.starts_with("deinstall ") || line.starts_with("unknown ") || line.starts_with("install ") || line.starts_with("purge ") => {
                found.denied.push((*name).into());
            }
            ["dpkg-query:", "no", "packages", "found", "matching", name] => found.denied.push((*name).into()),
            ["package", name, "is", "not", "installed"] => found.denied.push((*name).into()),
            _ => found.other = line.into(),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dpkg_and_rpm_say() {
        let found = installed(
            "install ok installed keepalived 1:2.2.7-1+b2\ndeinstall ok config-files nginx 1.22\nunknown ok not-installed awk \ndpkg-query: no packages found matching nonesuch\ninstall ok half-configured x 1\nhold ok installed held 3\npackage foo is not installed\n",
        );
        assert_eq!(found.versions["keepalived"], "1:2.2.7-1+b2");
        assert_eq!(found.versions["held"], "3");
        for name in ["nginx", "awk", "nonesuch", "x", "foo"] {
            assert!(found.denied.contains(&name.to_owned()), "{name}");
        }
        assert_eq!(installed("rpmdb: cannot open Packages index").other, "rpmdb: cannot open Packages index");
    }
}
