//! Manifests and commands as strangers write them.

use crate::manifest::Manifest;
use crate::pattern;

const PLUGINS: [&str; 3] = [
    include_str!("../../../plugins/storage-glusterfs/manifest.toml"),
    include_str!("../../../plugins/platform-rainbond/manifest.toml"),
    include_str!("../../../plugins/gateway-keepalived/manifest.toml"),
];
const WORDS: [&str; 14] =
    ["[grant]", "[[grant.command]]", "argv = [\"sh\", \"-c\"]", "\"<uint>\"", "\"<path:/>\"", "\"<enum:|>\"", "<ident>...", "contract", "origin = \"generated\"", "schema = {}", "\"\"\"", "'''", "[[", "\\u0000"];

/// Nothing that a shell, a terminal or a program's options would read as more than a word.
fn is_harmless(word: &str) -> bool {
    !word.starts_with('-') && !word.chars().any(|c| c.is_control() || "'\"`$\\;&|<>(){}*?!#".contains(c))
}

#[test]
fn manifests_of_authors() {
    arcus_fuzz::text(&PLUGINS, &WORDS, |text| {
        if let Ok(manifest) = Manifest::from_toml(text) {
            assert_eq!(Manifest::parse(&manifest.to_section()).unwrap(), manifest, "what a component carries says the same");
            assert!(!manifest.summary.chars().any(char::is_control));
        }
    });
}

#[test]
fn manifests_in_components() {
    let sections: Vec<Vec<u8>> = PLUGINS.iter().map(|text| Manifest::from_toml(text).unwrap().to_section()).collect();
    let sections: Vec<&[u8]> = sections.iter().map(Vec::as_slice).collect();
    arcus_fuzz::bytes(&sections, &WORDS, |bytes| {
        if let Ok(manifest) = Manifest::parse(bytes) {
            assert_eq!(Manifest::parse(&manifest.to_section()).unwrap(), manifest);
        }
    });
}

/// A template in the first line, the command that is to be an instance of it in the second, arguments for its holes in the third; word by word.
const COMMANDS: [&str; 4] = [
    "gluster volume create <ident> replica <uint> <brick:/data>...\ngluster volume create v replica 3 a:/data/b b:/data/b\nv 3 a:/data/b",
    "grctl node get <uuid> -o json\ngrctl node get 11111111-aaaa-4aaa-8aaa-000000000001 -o json\n11111111-aaaa-4aaa-8aaa-000000000001",
    "curl --output /opt/x <url>\ncurl --output /opt/x https://example.org/a\nhttps://example.org/a",
    "ip route add <cidr> via <address> dev <enum:eth0|eth1>\nip route add 10.0.0.0/8 via 10.0.0.1 dev eth0\n10.0.0.0/8 10.0.0.1 eth0",
];
const KINDS: [&str; 12] =
    ["<address>", "<ident>...", "<uint>", "<uuid>", "<cidr>", "<path:/data>", "<brick:/data>", "<url>", "<enum:a|b>", "<fstab:/grdata>", "/data/../etc", "$(reboot)"];

#[test]
fn commands_and_their_templates() {
    arcus_fuzz::text(&COMMANDS, &KINDS, |text| {
        let mut lines = text.split('\n').map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let (template, argv, args) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        if pattern::check(&template).is_err() {
            assert!(!pattern::matches(&template, &[], &argv), "what is no template lets nothing through");
            return;
        }
        let literal = |word: &String| template.contains(word);
        let is_safe = |word: &String| literal(word) || word.split(' ').all(is_harmless);
        if pattern::matches(&template, &[], &argv) {
            assert!(argv.iter().all(is_safe), "{template:?} lets {argv:?} through");
        }
        if let Ok(filled) = pattern::fill(&template, &args) {
            assert!(filled.iter().all(is_safe), "{template:?} is filled as {filled:?}");
        }
    });
}

#[test]
fn what_commands_are_fed() {
    let seeds = ["UPDATE region_info SET url='<address>' WHERE name='<ident>';\0UPDATE region_info SET url='10.0.0.1' WHERE name='rainbond';"];
    arcus_fuzz::text(&seeds, &KINDS, |text| {
        let (template, fed) = text.split_once('\0').unwrap_or((text, text));
        let holes = template.matches('<').count();
        if pattern::matches_text(template, fed) && holes > 0 && !template.contains("<<") {
            // Whatever fills the holes, it brings no quote beyond those of the template.
            assert!(fed.matches('\'').count() <= template.matches('\'').count(), "{template:?} lets {fed:?} through");
        }
        let args: Vec<String> = fed.split(' ').map(str::to_owned).collect();
        let _ = pattern::fill_text(template, &args);
    });
}
