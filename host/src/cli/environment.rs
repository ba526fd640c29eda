//! The environment, read here and nowhere else.

use std::ffi::OsString;
use std::path::PathBuf;

use secrecy::SecretString;

/// What the environment says, as far as it concerns us.
#[derive(Clone)]
pub struct Environment {
    variables: Vec<(String, OsString)>,
}

impl Environment {
    /// That of this process.
    pub fn read() -> Self {
        Self { variables: std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect() }
    }

    /// Made up, for tests.
    #[cfg(test)]
    pub fn of(variables: &[(&str, &str)]) -> Self {
        Self { variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect() }
    }

    /// The value of a variable; one that is empty counts as not set.
    pub fn get(&self, name: &str) -> Option<&OsString> {
        self.variables.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value)
    }

    /// As text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str()
    }

    /// As a secret.
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// Those whose names begin so, with the rest of their names: `ARCUS_SECRET_AUTH_PASS` is `AUTH_PASS` of `ARCUS_SECRET_`.
    pub fn beginning<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a OsString)> {
        self.variables.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value))).filter(|(name, _)| !name.is_empty())
    }

    /// What a program of the operator's is given: all but what was meant for us alone.
    pub fn for_hooks(&self) -> Vec<(String, OsString)> {
        self.variables.iter().filter(|(name, _)| !name.starts_with("ARCUS_")).cloned().collect()
    }

    /// <https://no-color.org>
    pub fn no_color(&self) -> bool {
        self.get("NO_COLOR").is_some()
    }

    /// A terminal on which nothing can be drawn.
    pub fn is_dumb(&self) -> bool {
        self.text("TERM") == Some("dumb")
    }

    /// Whether the locale has more than ASCII. Without any locale, most terminals do.
    pub fn is_unicode(&self) -> bool {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| self.text(name));
        locale.is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        })
    }

    /// The home folder.
    pub fn home(&self) -> Option<PathBuf> {
        self.get("HOME").map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// Where compiled plugins are kept.
    pub fn cache(&self) -> Option<PathBuf> {
        let given = self.get("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        given.or_else(|| Some(self.home()?.join(".cache"))).map(|path| path.join("arcus"))
    }

    /// Where approvals of plugins are kept.
    pub fn approvals(&self) -> Option<PathBuf> {
        Some(self.state()?.join("approvals"))
    }

    /// Where it is kept whom the operator has met.
    pub fn met(&self) -> Option<PathBuf> {
        Some(self.state()?.join("met"))
    }

    fn state(&self) -> Option<PathBuf> {
        let given = self.get("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        given.or_else(|| Some(self.home()?.join(".local/state"))).map(|path| path.join("arcus"))
    }

    /// What the operator decided about plugins, for all clusters.
    pub fn policy(&self) -> Option<PathBuf> {
        let given = self.get("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        given.or_else(|| Some(self.home()?.join(".config"))).map(|path| path.join("arcus/policy.toml"))
    }

    /// Where cargo keeps sources of others.
    pub fn cargo_home(&self) -> Option<PathBuf> {
        self.get("CARGO_HOME").map(PathBuf::from).or_else(|| Some(self.home()?.join(".cargo")))
    }

    /// Login name of the operator, as others are told.
    pub fn user(&self) -> String {
        let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| self.text(name));
        let unnamed = || match rustix::process::geteuid() {
            id if id.is_root() => "root".to_owned(),
            id => format!("uid {}", id.as_raw()),
        };
        named.map_or_else(unnamed, str::to_owned)
    }
}

/// Name of this machine, as others are told.
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// `AUTH_PASS` as plugins write it: `auth-pass`.
pub fn plugin_word(variable: &str) -> String {
    variable.to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_not_set() {
        let environment = Environment::of(&[("NO_COLOR", ""), ("ARCUS_SECRET_AUTH_PASS", "x"), ("ARCUS_SECRET_", "y")]);
        assert!(!environment.no_color());
        let secrets: Vec<_> = environment.beginning("ARCUS_SECRET_").map(|(name, _)| plugin_word(name)).collect();
        assert_eq!(secrets, ["auth-pass"]);
    }

    #[test]
    fn passwords_meant_for_us_go_no_further() {
        let environment = Environment::of(&[("ARCUS_PASSWORD", "hush"), ("PDU_TOKEN", "the hook's own")]);
        assert_eq!(environment.for_hooks(), [("PDU_TOKEN".to_owned(), "the hook's own".into())]);
    }

    #[test]
    fn the_cache_is_where_the_desktop_says_or_below_home() {
        assert_eq!(Environment::of(&[("HOME", "/h")]).cache(), Some("/h/.cache/arcus".into()));
        assert_eq!(Environment::of(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]).cache(), Some("/c/arcus".into()));
        assert_eq!(Environment::of(&[("HOME", "/h"), ("XDG_CACHE_HOME", "relative")]).cache(), Some("/h/.cache/arcus".into()));
        assert_eq!(Environment::of(&[]).cache(), None);
    }

    #[test]
    fn approvals_are_where_the_desktop_says_or_below_home() {
        assert_eq!(Environment::of(&[("HOME", "/h")]).approvals(), Some("/h/.local/state/arcus/approvals".into()));
        assert_eq!(Environment::of(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s")]).approvals(), Some("/s/arcus/approvals".into()));
        assert_eq!(Environment::of(&[("XDG_STATE_HOME", "relative")]).approvals(), None);
    }

    #[test]
    fn a_locale_decides_between_ascii_and_more() {
        assert!(Environment::of(&[]).is_unicode());
        assert!(Environment::of(&[("LANG", "de_DE.UTF-8")]).is_unicode());
        assert!(!Environment::of(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]).is_unicode());
    }
}
