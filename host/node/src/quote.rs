//! Words and bytes as POSIX `sh` reads them.

/// One word, whatever is in it. (NUL cannot be in a word; callers refuse it before.)
pub fn word(text: &str) -> String {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-:=+,@%".contains(&b));
    // A leading `=` or `%`, or a word like `if`, is harmless as an argument; an assignment in command position is not, so quote `=`.
    if plain && !text.contains('=') { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Several, separated by blanks.
pub fn words<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A command that prints exactly these bytes: the shell's own `printf`, so they are in no process's arguments.
pub fn print(bytes: &[u8], script: &mut Vec<u8>) {
    let octal = bytes.contains(&0);
    script.extend_from_slice(if octal { b"printf %b '" } else { b"printf %s '" });
    for &byte in bytes {
        match byte {
            b'\'' => script.extend_from_slice(b"'\\''"),
            b'\\' if octal => script.extend_from_slice(b"\\\\"),
            0 => script.extend_from_slice(b"\\0000"),
            _ => script.push(byte),
        }
    }
    script.push(b'\'');
}

/// Whether it is an absolute path without parts that go back, fit to be put on one line of a tool's output.
pub fn is_clean_path(path: &str) -> bool {
    path.starts_with('/')
        && path.len() < 4096
        && !path.chars().any(char::is_control)
        && (path == "/" || path[1..].split('/').all(|part| !part.is_empty() && part != "." && part != ".."))
}

/// Whether it can be an argument at all.
pub fn is_argument(text: &str) -> bool {
    !text.contains('\0')
}

/// A name for a file in our folder, from any text: what is not plain becomes `%xx`.
pub fn file_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_-".contains(&byte) || (byte == b'.' && !name.is_empty()) {
            name.push(byte as char);
        } else {
            name.push_str(&format!("%{byte:02x}"));
        }
    }
    name
}

/// As fstab and `/proc/mounts` write a field.
pub fn fstab_field(text: &str) -> String {
    let mut field = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' => field.push_str("\\040"),
            '\t' => field.push_str("\\011"),
            '\n' => field.push_str("\\012"),
            '\\' => field.push_str("\\134"),
            _ => field.push(c),
        }
    }
    field
}

/// The other way round.
pub fn from_fstab_field(field: &str) -> String {
    let bytes = field.as_bytes();
    let mut text = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let octal = bytes.get(at + 1..at + 4).filter(|d| bytes[at] == b'\\' && d.iter().all(|b| (b'0'..=b'7').contains(b)));
        if let Some(digits) = octal {
            text.push(digits.iter().fold(0u8, |value, digit| value.wrapping_mul(8).wrapping_add(digit - b'0')));
            at += 4;
        } else {
            text.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive() {
        assert_eq!(word("abc/d.e"), "abc/d.e");
        assert_eq!(word(""), "''");
        assert_eq!(word("it's $(x)"), "'it'\\''s $(x)'");
        assert_eq!(word("a=b"), "'a=b'");
    }

    #[test]
    fn paths_that_go_back_are_not_clean() {
        for bad in ["", "etc", "/etc/../x", "/etc//x", "/etc/", "/a\nb", "/./a"] {
            assert!(!is_clean_path(bad), "{bad:?}");
        }
        assert!(is_clean_path("/") && is_clean_path("/etc/with space"));
    }

    #[test]
    fn fields_go_there_and_back() {
        for text in ["/a b", "tab\there", "back\\slash", "plain", "ü"] {
            assert_eq!(from_fstab_field(&fstab_field(text)), text);
        }
        assert_eq!(from_fstab_field("\\04"), "\\04");
    }

    #[test]
    fn file_names_cannot_leave() {
        assert_eq!(file_name("../x"), "%2e.%2fx");
        assert_eq!(file_name("init:manage01"), "init%3amanage01");
        assert_eq!(file_name(".."), "%2e.");
    }
}
