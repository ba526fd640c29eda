//! JSON Pointers (RFC 6901): made, and said to people.

/// Appends one key or index.
pub fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    for c in token.chars() {
        match c {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            c => pointer.push(c),
        }
    }
}

/// `pointer` with one more key or index.
pub fn join(pointer: &str, token: &str) -> String {
    let mut joined = pointer.to_owned();
    push(&mut joined, token);
    joined
}

/// All but the last token; `None` at the root.
pub fn parent(pointer: &str) -> Option<&str> {
    pointer.rfind('/').map(|at| &pointer[..at])
}

/// Is `pointer` the same as `ancestor`, or below it?
pub fn within(pointer: &str, ancestor: &str) -> bool {
    pointer
        .strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The tokens, unescaped.
pub fn tokens(pointer: &str) -> Vec<String> {
    pointer
        .split('/')
        .skip(1)
        .map(|token| token.replace("~1", "/").replace("~0", "~"))
        .collect()
}

/// The last key with the indexes after it, as people say it: `/nodes/2/roles/0` is `roles[0]`. Empty at the root.
pub fn short(pointer: &str) -> String {
    let mut indexes = Vec::new();
    for token in tokens(pointer).into_iter().rev() {
        if token.bytes().all(|byte| byte.is_ascii_digit()) && !token.is_empty() {
            indexes.push(format!("[{token}]"));
        } else {
            return token + &indexes.into_iter().rev().collect::<String>();
        }
    }
    indexes.into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_says() {
        assert_eq!(join("/a", "b/c~d"), "/a/b~1c~0d");
        assert_eq!(tokens("/a/b~1c~0d"), ["a", "b/c~d"]);
        assert!(tokens("").is_empty());
        assert_eq!(short("/nodes/2/roles/0"), "roles[0]");
        assert_eq!(short("/nodes/2"), "nodes[2]");
        assert_eq!(short(""), "");
        assert_eq!(parent("/a/b"), Some("/a"));
        assert_eq!(parent("/a"), Some(""));
        assert_eq!(parent(""), None);
        assert!(within("/nodes/1", "/nodes") && within("/nodes", "/nodes") && within("/x", ""));
        assert!(!within("/nodes/10", "/nodes/1"));
    }
}
