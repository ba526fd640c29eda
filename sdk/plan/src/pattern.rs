//! Typed holes: how a manifest says which arguments a command may have, without globs and without regular expressions.
//!
//! A template word is a literal, or one hole that fills the whole argument: `<address>`, `<ident>`, `<uint>`, `<uuid>`,
//! `<cidr>`, `<path:/prefix>`, `<brick:/prefix>` (`address:path`), `<url>` (http or https, no login in it), `<enum:a|b>`,
//! `<fstab:/prefix>` (one line of fstab whose mount point is there). `...` after a hole lets it repeat.
//! What fills a hole never begins with `-` and holds no control characters, quotes or blanks (but between the fields of fstab).

use std::net::IpAddr;

/// What may fill a hole.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Address,
    Ident,
    Uint,
    Uuid,
    Cidr,
    Path(String),
    Brick(String),
    Url,
    Fstab(String),
    Enum(Vec<String>),
}

/// One word of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Literal(String),
    Hole { kind: Kind, repeats: bool },
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{word}` is not a hole: {reason}")]
pub struct PatternError {
    /// The word of the template.
    pub word: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

fn word(text: &str) -> Result<Word, PatternError> {
    let error = |reason| PatternError { word: text.to_owned(), reason };
    let (inner, repeats) = match text.strip_suffix("...") {
        Some(inner) if inner.starts_with('<') => (inner, true),
        _ => (text, false),
    };
    let Some(hole) = inner.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')) else {
        return Ok(Word::Literal(text.to_owned()));
    };
    let (name, argument) = hole.split_once(':').map_or((hole, None), |(name, argument)| (name, Some(argument)));
    let prefix = || match argument {
        Some(prefix) if prefix.starts_with('/') => Ok(prefix.to_owned()),
        _ => Err(error("it wants an absolute path prefix, as in `<path:/data>`")),
    };
    let kind = match name {
        "address" => Kind::Address,
        "ident" => Kind::Ident,
        "uint" => Kind::Uint,
        "uuid" => Kind::Uuid,
        "cidr" => Kind::Cidr,
        "path" => Kind::Path(prefix()?),
        "brick" => Kind::Brick(prefix()?),
        "url" => Kind::Url,
        "fstab" => Kind::Fstab(prefix()?),
        "enum" => match argument {
            Some(cases) if !cases.is_empty() => Kind::Enum(cases.split('|').map(str::to_owned).collect()),
            _ => return Err(error("it wants its cases, as in `<enum:a|b>`")),
        },
        _ => return Err(error("known are address, ident, uint, uuid, cidr, url, path:/prefix, brick:/prefix, fstab:/prefix, enum:a|b")),
    };
    if argument.is_some() && matches!(kind, Kind::Address | Kind::Ident | Kind::Uint | Kind::Uuid | Kind::Cidr | Kind::Url) {
        return Err(error("it takes no argument"));
    }
    Ok(Word::Hole { kind, repeats })
}

/// Not empty, no option, nothing that a shell or a config file would read as more than a word.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 4096
        && !text.starts_with('-')
        && !text.chars().any(|c| c.is_control() || c.is_whitespace() || "'\"`$\\;&|<>(){}*?!#".contains(c))
}

fn fills(kind: &Kind, text: &str) -> bool {
    // The one hole whose filling has blanks in it: each field is checked as what fills a hole.
    if let Kind::Fstab(prefix) = kind {
        let fields: Vec<&str> = text.split(' ').collect();
        return fields.iter().all(|field| is_plain(field))
            && matches!(fields.as_slice(), [_, target, fstype, _, dump, pass]
                if is_under(target, prefix) && is_ident(fstype) && [dump, pass].iter().all(|flag| matches!(**flag, "0" | "1" | "2")));
    }
    if !is_plain(text) {
        return false;
    }
    match kind {
        Kind::Address => is_address(text),
        Kind::Ident => is_ident(text),
        Kind::Uint => text.parse::<u64>().is_ok() && text.bytes().all(|b| b.is_ascii_digit()),
        Kind::Uuid => {
            text.len() == 36
                && text.bytes().enumerate().all(|(place, b)| match place {
                    8 | 13 | 18 | 23 => b == b'-',
                    _ => b.is_ascii_hexdigit(),
                })
        }
        Kind::Cidr => text.parse::<ipnet::IpNet>().is_ok(),
        Kind::Path(prefix) => is_under(text, prefix),
        Kind::Brick(prefix) => {
            text.split_once(':').is_some_and(|(address, path)| is_address(address) && is_under(path, prefix))
        }
        Kind::Url => is_url(text),
        Kind::Fstab(_) => unreachable!("handled above"),
        Kind::Enum(cases) => cases.iter().any(|case| case == text),
    }
}

/// `http(s)://host[:port]/path`, without a login: that would be a secret on a command line.
pub(crate) fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some((authority, path)) = rest.and_then(|rest| rest.split_once('/')) else { return false };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.ends_with(':') && !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    is_address(host) && port.is_none_or(|port| port.parse::<u16>().is_ok()) && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-~%/+=,".contains(&b))
}

fn is_ident(text: &str) -> bool {
    text.len() <= 128
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || is_ident(text)
}

/// Whether an absolute, normal path is `prefix` itself or lies below it. Dots and doubled slashes are refused, not resolved.
pub fn is_under(path: &str, prefix: &str) -> bool {
    if !path.starts_with('/') || path.contains('\0') {
        return false;
    }
    let normal = path == "/" || path[1..].split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    let prefix = prefix.trim_end_matches('/');
    normal && (path == prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/')))
}

/// Checks that a template can be used at all.
///
/// # Errors
/// The first word that looks like a hole and is none.
pub fn check(template: &[String]) -> Result<(), PatternError> {
    template.iter().try_for_each(|text| word(text).map(drop))
}

/// Whether `argv` is an instance of the template followed by any of the `options`, each at most once and whole.
pub fn matches(template: &[String], options: &[Vec<String>], argv: &[String]) -> bool {
    let Some(mut rest) = prefix(template, argv) else { return false };
    let mut unused: Vec<&Vec<String>> = options.iter().collect();
    while !rest.is_empty() {
        let Some((place, after)) =
            unused.iter().enumerate().find_map(|(place, option)| prefix(option, rest).map(|after| (place, after)))
        else {
            return false;
        };
        unused.swap_remove(place);
        rest = after;
    }
    true
}

/// What follows the template's instance at the head of `argv`.
fn prefix<'a>(template: &[String], argv: &'a [String]) -> Option<&'a [String]> {
    let mut rest = argv;
    for text in template {
        match word(text).ok()? {
            Word::Literal(literal) => {
                let (head, tail) = rest.split_first()?;
                if *head != literal {
                    return None;
                }
                rest = tail;
            }
            Word::Hole { kind, repeats } => {
                let (head, tail) = rest.split_first()?;
                if !fills(&kind, head) {
                    return None;
                }
                rest = tail;
                while repeats && rest.first().is_some_and(|next| fills(&kind, next)) {
                    rest = &rest[1..];
                }
            }
        }
    }
    Some(rest)
}

/// Puts `args` into the holes of a query's template, in order; a repeating hole takes all that are left.
///
/// # Errors
/// What does not fit, in words.
pub fn fill(template: &[String], args: &[String]) -> Result<Vec<String>, String> {
    let mut args = args.iter();
    let mut argv = Vec::with_capacity(template.len());
    for text in template {
        match word(text).map_err(|error| error.to_string())? {
            Word::Literal(literal) => argv.push(literal),
            Word::Hole { kind, repeats } => {
                let mut filled = 0;
                while filled == 0 || repeats {
                    let Some(value) = args.next() else { break };
                    if !fills(&kind, value) {
                        return Err(format!("{value:?} does not fill {text}"));
                    }
                    argv.push(value.clone());
                    filled += 1;
                }
                if filled == 0 {
                    return Err(format!("nothing was given for {text}"));
                }
            }
        }
    }
    match args.next() {
        Some(extra) => Err(format!("{extra:?} has no hole to fill")),
        None => Ok(argv),
    }
}

/// Whether `text` is the stdin `template` with each hole in it filled. Holes stand inside the text here (`'<address>'`),
/// and each reaches up to the first place where the literal after it is found.
pub fn matches_text(template: &str, text: &str) -> bool {
    let mut rest = text;
    let mut template = template;
    loop {
        let Some(start) = template.find('<') else { return rest == template };
        let Some(length) = template[start..].find('>') else { return rest == template };
        let (literal, hole) = (&template[..start], &template[start..=start + length]);
        template = &template[start + length + 1..];
        let Some(after) = rest.strip_prefix(literal) else { return false };
        let Ok(Word::Hole { kind, .. }) = word(hole) else { return false };
        let literal_end = template.find('<').unwrap_or(template.len());
        let end = if literal_end == 0 { after.len() } else { after.find(&template[..literal_end]).unwrap_or(after.len()) };
        if !fills(&kind, &after[..end]) {
            return false;
        }
        rest = &after[end..];
    }
}

/// Puts `args` into the holes of a query's stdin, in order.
///
/// # Errors
/// What does not fit, in words.
pub fn fill_text(template: &str, args: &[String]) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    let mut args = args.iter();
    while let Some(start) = rest.find('<') {
        let Some(length) = rest[start..].find('>') else { break };
        let hole = &rest[start..=start + length];
        let Word::Hole { kind, .. } = word(hole).map_err(|error| error.to_string())? else { break };
        let value = args.next().ok_or_else(|| format!("nothing was given for {hole}"))?;
        if !fills(&kind, value) {
            return Err(format!("{value:?} does not fill {hole}"));
        }
        out.push_str(&rest[..start]);
        out.push_str(value);
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// How many arguments the holes of a template take before a repeating one; used to split a query's arguments between argv and stdin.
pub fn holes(template: &[String]) -> usize {
    template.iter().filter(|text| matches!(word(text), Ok(Word::Hole { .. }))).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn literal_words_must_be_equal() {
        assert!(matches(&words("gluster pool list"), &[], &words("gluster pool list")));
        assert!(!matches(&words("gluster pool list"), &[], &words("gluster pool stop")));
        assert!(!matches(&words("gluster pool list"), &[], &words("gluster pool list now")));
    }

    #[test]
    fn holes_are_whole_arguments_of_their_kind() {
        let probe = words("gluster peer probe <address>");
        assert!(matches(&probe, &[], &words("gluster peer probe 10.0.0.1")));
        for bad in ["--all", "a;b", "$(x)", "a'b", "", "a\nb"] {
            let argv = ["gluster", "peer", "probe", bad].map(str::to_owned);
            assert!(!matches(&probe, &[], &argv), "{bad:?}");
        }
        let create = words("gluster volume create <ident> replica <uint> <brick:/data>...");
        assert!(matches(&create, &[], &words("gluster volume create v replica 3 a:/data/b c:/data/b d:/data")));
        assert!(!matches(&create, &[], &words("gluster volume create v replica 3 a:/data/b force")));
        assert!(!matches(&create, &[], &words("gluster volume create v replica 3 a:/data/../etc")));
    }

    #[test]
    fn options_come_in_any_order_and_once() {
        let options = [words("--vip <address>"), words("--network <enum:calico|flannel>")];
        assert!(matches(&words("grctl init"), &options, &words("grctl init --network calico --vip 10.0.0.9")));
        assert!(!matches(&words("grctl init"), &options, &words("grctl init --vip 10.0.0.9 --vip 10.0.0.8")));
        assert!(!matches(&words("grctl init"), &options, &words("grctl init --test")));
    }

    #[test]
    fn text_on_stdin_has_holes_inside() {
        let sql = "UPDATE region_info SET tcpdomain='<address>' WHERE region_name='<ident>';\n";
        assert!(matches_text(sql, "UPDATE region_info SET tcpdomain='10.0.0.1' WHERE region_name='rainbond';\n"));
        assert!(!matches_text(sql, "UPDATE region_info SET tcpdomain='x' OR '1'='1' WHERE region_name='rainbond';\n"));
        assert!(!matches_text(sql, "DROP TABLE region_info;\n"));
        assert_eq!(fill_text("SELECT '<ident>';", &["a".into()]).unwrap(), "SELECT 'a';");
        assert!(fill_text("SELECT '<ident>';", &["a'b".into()]).is_err());
    }

    #[test]
    fn a_url_is_one_of_the_web_and_carries_no_login() {
        let get = words("curl --output /opt/x <url>");
        for good in ["https://example.org/a/b-1.2.tar", "http://10.0.0.1:8080/grctl", "http://[fd00::1]:80/x", "https://h/"] {
            assert!(matches(&get, &[], &words(&format!("curl --output /opt/x {good}"))), "{good}");
        }
        for bad in ["file:///etc/shadow", "https://u:p@h/x", "https://h", "https:///x", "--data", "http://h/x?y", "http://h:99999/x"] {
            assert!(!matches(&get, &[], &words(&format!("curl --output /opt/x {bad}"))), "{bad}");
        }
    }

    #[test]
    fn a_line_of_fstab_is_six_plain_fields() {
        let template = words("init --storage-args <fstab:/grdata>");
        let fits = |line: &str| matches(&template, &[], &["init", "--storage-args", line].map(str::to_owned));
        assert!(fits("10.0.0.1:/data /grdata glusterfs backupvolfile-server=10.0.0.2,log-level=WARNING,log-file=/var/log/gluster.log 0 0"));
        for bad in ["a:/d /etc nfs rw 0 0", "a:/d /grdata nfs rw 0", "a:/d /grdata nfs rw 0 0 x", "a:/d /grdata nfs $(x) 0 0", "a:/d  /grdata nfs rw 0 0", "a:/d /grdata nfs rw 0 0\n"] {
            assert!(!fits(bad), "{bad}");
        }
    }

    #[test]
    fn paths_stay_below_their_prefix() {
        assert!(is_under("/data/brick", "/data"));
        assert!(is_under("/data", "/data/"));
        for bad in ["/database", "/data/../etc", "/data//x", "data", "/data/."] {
            assert!(!is_under(bad, "/data"), "{bad}");
        }
    }

    #[test]
    fn a_query_is_filled_in_order() {
        assert_eq!(fill(&words("grctl node get <uuid> -o json"), &["11111111-aaaa-4aaa-8aaa-000000000001".into()]).unwrap().len(), 6);
        assert!(fill(&words("ls <path:/data>"), &["/etc".into()]).is_err());
        assert!(fill(&words("ls"), &["/etc".into()]).is_err());
    }
}
