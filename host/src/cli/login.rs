//! By what the operator proves who they are: keys, agent, passwords, from flags, the environment, files, or a person.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arcus_engine::{Fault, Kind};
use arcus_node::{Identity, Login, Prompt, Wanted};
use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::cli::args::Reach;
use crate::cli::console::Console;
use crate::cli::environment::Environment;
use crate::cli::foreign::Foreign;
use crate::safe;

/// Keys that are tried when none is named.
const USUAL: [&str; 3] = ["id_ed25519", "id_ecdsa", "id_rsa"];

/// Puts the login together. Asks nobody yet.
pub fn login(reach: &Reach, environment: &Environment, console: &Console) -> Result<Login, Fault> {
    let mut named = reach.identities.clone();
    if named.is_empty()
        && let Some(paths) = environment.get("ARCUS_IDENTITY")
    {
        named = std::env::split_paths(paths).filter(|path| path != Path::new("")).collect();
    }
    let identities = if named.is_empty() {
        let home = environment.home();
        let usual = home.iter().flat_map(|home| USUAL.map(|name| home.join(".ssh").join(name)));
        usual.map(|path| Identity::File { path, explicit: false }).collect()
    } else {
        named.into_iter().map(|path| Identity::File { path, explicit: true }).collect()
    };
    let password = match &reach.password_file {
        Some(path) => Some(first_line(path)?),
        None => environment.secret("ARCUS_PASSWORD"),
    };
    for (flag, wanted) in [("--ask-pass", reach.ask_pass), ("--ask-sudo-pass", reach.ask_sudo_pass)] {
        if wanted && !console.terminal().person {
            return Err(Fault::new(Kind::Input, "cli.nobody-to-ask", format!("{flag} needs a terminal"))
                .help("off a terminal: --password-file, ARCUS_PASSWORD, ARCUS_SUDO_PASSWORD"));
        }
    }
    Ok(Login {
        identities,
        agent: if reach.no_agent { None } else { environment.get("SSH_AUTH_SOCK").map(PathBuf::from) },
        password: reach.ask_pass || password.is_some(),
        prompt: Arc::new(Asker {
            console: console.clone(),
            ask_password: reach.ask_pass,
            ask_sudo: reach.ask_sudo_pass,
            password,
            sudo: environment.secret("ARCUS_SUDO_PASSWORD"),
            answers: Mutex::default(),
        }),
    })
}

/// A secret in a file: its first line. Refused when others can read it.
pub fn first_line(path: &Path) -> Result<SecretString, Fault> {
    use std::os::unix::fs::MetadataExt as _;
    let shown = path.display();
    let unusable = |error: std::io::Error| Fault::new(Kind::Input, "cli.secret-file", format!("{shown} cannot be read: {error}")).help("name a file that holds the secret on its first line");
    let metadata = std::fs::metadata(path).map_err(unusable)?;
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        return Err(Fault::new(Kind::Input, "cli.secret-file-open", format!("{shown} holds a secret, and others can read it (mode {:04o})", metadata.mode() & 0o7777))
            .help(format!("chmod 600 {shown}")));
    }
    let text = std::fs::read_to_string(path).map_err(unusable)?;
    Ok(text.lines().next().unwrap_or_default().to_owned().into())
}

/// Answers the login's questions. A person is asked once per question, one question after the other.
struct Asker {
    console: Console,
    ask_password: bool,
    ask_sudo: bool,
    password: Option<SecretString>,
    sudo: Option<SecretString>,
    /// None: asked, and not answered.
    answers: Mutex<HashMap<Question, Option<SecretString>>>,
}

/// Nodes share a password, so it is asked for once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Question {
    Passphrase(PathBuf),
    Password,
    Sudo,
}

impl Asker {
    async fn ask(&self, question: Question) -> Option<SecretString> {
        let mut answers = self.answers.lock().await;
        if let Some(known) = answers.get(&question) {
            return known.clone();
        }
        let words = match &question {
            Question::Passphrase(path) => safe!("Passphrase of {}", Foreign::line(&path.display().to_string())),
            Question::Password => safe!("Password to log in with"),
            Question::Sudo => safe!("Password for sudo"),
        };
        let console = self.console.clone();
        let answer = tokio::task::spawn_blocking(move || console.ask_hidden(words)).await.ok().flatten();
        answers.insert(question, answer.clone());
        answer
    }
}

#[async_trait]
impl Prompt for Asker {
    async fn secret(&self, wanted: &Wanted) -> Option<SecretString> {
        match wanted {
            Wanted::Passphrase { path } => self.ask(Question::Passphrase(path.clone())).await,
            Wanted::Password { .. } if self.ask_password => self.ask(Question::Password).await,
            Wanted::Password { .. } => self.password.clone(),
            Wanted::Sudo { .. } => match (&self.sudo, self.ask_sudo) {
                (_, true) => self.ask(Question::Sudo).await,
                (Some(sudo), false) => Some(sudo.clone()),
                (None, false) if self.ask_password => self.ask(Question::Password).await,
                (None, false) => self.password.clone(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::cli::args::Format;
    use crate::cli::console::Terminal;
    use crate::cli::paint::Paint;

    fn console() -> Console {
        let paint = Paint::new(false);
        Console::new(Format::Text, true, Terminal { person: false, live: false, out: paint, err: paint, width: 80, unicode: true })
    }

    fn paths(login: &Login) -> Vec<(String, bool)> {
        let path = |identity: &Identity| match identity {
            Identity::File { path, explicit } => (path.display().to_string(), *explicit),
            Identity::Text { name, .. } => (name.clone(), true),
        };
        login.identities.iter().map(path).collect()
    }

    #[test]
    fn keys_are_those_named_or_the_usual_ones() {
        let environment = Environment::of(&[("HOME", "/h")]);
        let usual = login(&Reach::default(), &environment, &console()).unwrap();
        assert_eq!(paths(&usual)[0], ("/h/.ssh/id_ed25519".to_owned(), false));
        let environment = Environment::of(&[("HOME", "/h"), ("ARCUS_IDENTITY", "/a:/b"), ("SSH_AUTH_SOCK", "/s")]);
        let named = login(&Reach::default(), &environment, &console()).unwrap();
        assert_eq!(paths(&named), [("/a".to_owned(), true), ("/b".to_owned(), true)]);
        assert_eq!(named.agent, Some("/s".into()));
        let reach = Reach { identities: vec!["/c".into()], no_agent: true, ..Reach::default() };
        let flags = login(&reach, &environment, &console()).unwrap();
        assert_eq!((paths(&flags), flags.agent.is_none()), (vec![("/c".to_owned(), true)], true));
    }

    #[tokio::test]
    async fn sudo_takes_the_login_password_when_it_has_none_of_its_own() {
        let ask = |environment: Environment| async move {
            let login = login(&Reach::default(), &environment, &console()).unwrap();
            let wanted = Wanted::Sudo { node: "n".into(), user: "u".into() };
            (login.password, login.prompt.secret(&wanted).await.map(|secret| secret.expose_secret().to_owned()))
        };
        assert_eq!(ask(Environment::of(&[])).await, (false, None));
        assert_eq!(ask(Environment::of(&[("ARCUS_PASSWORD", "p")])).await, (true, Some("p".into())));
        assert_eq!(ask(Environment::of(&[("ARCUS_PASSWORD", "p"), ("ARCUS_SUDO_PASSWORD", "s")])).await, (true, Some("s".into())));
    }

    #[test]
    fn a_password_file_is_private() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("p");
        std::fs::write(&path, "secret\nmore").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(first_line(&path).unwrap_err().troubles[0].code, "cli.secret-file-open");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(first_line(&path).unwrap().expose_secret(), "secret");
    }

    #[test]
    fn asking_needs_somebody_to_ask() {
        let reach = Reach { ask_pass: true, ..Reach::default() };
        assert_eq!(login(&reach, &Environment::of(&[]), &console()).err().unwrap().troubles[0].code, "cli.nobody-to-ask");
    }
}
