//! What the operator binds to the names that plugins use: files and secrets, from flags and the environment. The cluster
//! file, which is shared and not trusted, cannot bind anything.

use std::path::{Path, PathBuf};

use arcus_engine::{Bindings, Fault, Kind};
use arcus_node::Hidden;
use secrecy::{ExposeSecret as _, SecretString};

use crate::cli::args::Bind;
use crate::cli::console::Console;
use crate::cli::environment::{Environment, plugin_word};
use crate::cli::foreign::Foreign;
use crate::cli::login::first_line;
use crate::safe;

/// All bindings; flags win over the environment. Asks for secrets whose source is `prompt`.
pub fn bindings(bind: &Bind, environment: &Environment, console: &Console) -> Result<Bindings, Fault> {
    let mut bindings = Bindings::default();
    for (name, path) in environment.beginning("ARCUS_ARTIFACT_") {
        bindings.artifacts.insert(plugin_word(name), artifact(&plugin_word(name), Path::new(path))?);
    }
    for given in &bind.artifacts {
        let (name, path) = pair(given, "--artifact NAME=PATH")?;
        bindings.artifacts.insert(name.to_owned(), artifact(name, Path::new(path))?);
    }
    for (name, value) in environment.beginning("ARCUS_SECRET_") {
        if let Some(value) = value.to_str() {
            bindings.secrets.insert(plugin_word(name), Hidden::from(value));
        }
    }
    for given in &bind.secrets {
        let (name, source) = pair(given, "--secret NAME=env:VARIABLE|file:PATH|prompt")?;
        let value = secret(name, source, environment, console)?;
        bindings.secrets.insert(name.to_owned(), Hidden::from(value.expose_secret()));
    }
    Ok(bindings)
}

fn pair<'a>(given: &'a str, form: &str) -> Result<(&'a str, &'a str), Fault> {
    given
        .split_once('=')
        .filter(|(name, value)| !name.is_empty() && !value.is_empty())
        // What was given is not repeated: it may be a secret in the wrong place.
        .ok_or_else(|| Fault::new(Kind::Input, "cli.binding", format!("a binding has the form `{form}`")).help("for example --artifact grctl=./grctl, --secret token=env:TOKEN"))
}

fn artifact(name: &str, path: &Path) -> Result<PathBuf, Fault> {
    let wrong = |why: String| {
        Fault::new(Kind::Input, "artifact.unreadable", format!("the artifact `{name}`, {}, {why}", path.display()))
            .help(format!("--artifact {name}=PATH names a file on this machine"))
    };
    let metadata = std::fs::metadata(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if !metadata.is_file() {
        return Err(wrong("is not a regular file".into()));
    }
    std::fs::File::open(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    Ok(path.to_owned())
}

fn secret(name: &str, source: &str, environment: &Environment, console: &Console) -> Result<SecretString, Fault> {
    match source.split_once(':') {
        Some(("env", variable)) => environment.secret(variable).ok_or_else(|| {
            Fault::new(Kind::Input, "cli.secret-missing", format!("the secret `{name}` is to come from the variable {variable}, which is not set"))
                .help("set it, or name another source: file:PATH, prompt")
        }),
        Some(("file", path)) => first_line(Path::new(path)),
        None if source == "prompt" => console.ask_hidden(safe!("Secret {}", Foreign::word(name))).ok_or_else(|| {
            Fault::new(Kind::Input, "cli.nobody-to-ask", format!("the secret `{name}` is to be asked for, and nobody answered"))
                .help("off a terminal: --secret NAME=env:VARIABLE or file:PATH")
        }),
        // The source is not repeated: it may be the secret itself.
        _ => Err(Fault::new(Kind::Input, "cli.binding", format!("the source of the secret `{name}` is none of env:VARIABLE, file:PATH, prompt"))
            .help("secrets are never given as arguments: others on this machine could read them")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Format;
    use crate::cli::console::Terminal;
    use crate::cli::paint::Paint;

    fn bound(artifacts: &[&str], secrets: &[&str], environment: &[(&str, &str)]) -> Result<Bindings, Fault> {
        let paint = Paint::new(false);
        let console = Console::new(Format::Text, true, Terminal { person: false, live: false, out: paint, err: paint, width: 80, unicode: true });
        let bind = Bind { artifacts: artifacts.iter().map(|one| (*one).to_owned()).collect(), secrets: secrets.iter().map(|one| (*one).to_owned()).collect() };
        bindings(&bind, &Environment::of(environment), &console)
    }

    #[test]
    fn flags_win_over_the_environment() {
        let environment = [("ARCUS_SECRET_AUTH_PASS", "from-env"), ("OTHER", "from-flag"), ("ARCUS_ARTIFACT_GRCTL", "/bin/sh")];
        let bindings = bound(&[], &["auth-pass=env:OTHER"], &environment).unwrap();
        assert_eq!(bindings.secrets["auth-pass"].reveal(), b"from-flag");
        assert_eq!(bindings.artifacts["grctl"], Path::new("/bin/sh"));
        assert_eq!(bound(&[], &[], &environment).unwrap().secrets["auth-pass"].reveal(), b"from-env");
    }

    #[test]
    fn a_secret_given_as_an_argument_is_refused_and_not_repeated() {
        for given in ["pass=hunter2", "hunter2", "=hunter2"] {
            let fault = bound(&[], &[given], &[]).unwrap_err();
            assert_eq!(fault.troubles[0].code, "cli.binding");
            assert!(!format!("{fault:?}").contains("hunter2"), "{fault:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_named() {
        assert_eq!(bound(&["grctl=/nowhere"], &[], &[]).unwrap_err().troubles[0].code, "artifact.unreadable");
        assert_eq!(bound(&["grctl=/"], &[], &[]).unwrap_err().troubles[0].code, "artifact.unreadable");
        assert_eq!(bound(&[], &["p=env:NONE"], &[]).unwrap_err().troubles[0].code, "cli.secret-missing");
        assert_eq!(bound(&[], &["p=prompt"], &[]).unwrap_err().troubles[0].code, "cli.nobody-to-ask");
    }
}
