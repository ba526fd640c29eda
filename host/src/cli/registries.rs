//! How registries are reached from here: the operator's logins, policy and network. Nothing of a cluster's folder counts.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use arcus_engine::{Fault, Kind};
use arcus_registry::{Login, Logins, Network, Place, Registry};
use serde::Deserialize;

use crate::cli::Context;
use crate::cli::environment::Environment;
use crate::cli::policy::policy;

/// Largest file of logins.
const MAX_SIZE: u64 = 1 << 20;

/// What talks to registries.
pub struct Registries {
    logins: Logins,
    network: Network,
}

/// What a program that keeps logins prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    username: String,
    secret: String,
}

impl Registries {
    /// For one place. A program that keeps logins is asked for its host alone.
    pub fn of(context: &Context, place: &Place) -> Result<Self, Fault> {
        let environment = &context.environment;
        let mut logins = logins(environment)?;
        if logins.of(&place.host).is_none()
            && let Some(helper) = logins.helper(&place.host).map(str::to_owned)
            && let Some(login) = kept(environment, &helper, &place.host)?
        {
            logins.insert(&place.host, login);
        }
        let text = |names: [&str; 2]| names.into_iter().find_map(|name| environment.text(name)).map(str::to_owned);
        let path = |name: &str| environment.get(name).map(Into::into);
        let network = Network {
            proxy: text(["HTTPS_PROXY", "https_proxy"]),
            no_proxy: text(["NO_PROXY", "no_proxy"]),
            authorities: (path("SSL_CERT_FILE"), path("SSL_CERT_DIR")),
            plain: policy(context)?.plain_http,
            ..Network::default()
        };
        Ok(Self { logins, network })
    }

    /// Connects to nobody yet.
    pub fn open(&self, place: &Place) -> Result<Registry<'_>, Fault> {
        Registry::open(place, &self.logins, &self.network).map_err(told)
    }
}

/// As docker and podman keep them; what was found first counts.
fn logins(environment: &Environment) -> Result<Logins, Fault> {
    let mut logins = Logins::default();
    let named = environment.get("REGISTRY_AUTH_FILE").map(std::path::PathBuf::from);
    let docker = environment.get("DOCKER_CONFIG").map(Into::into).or_else(|| Some(environment.home()?.join(".docker"))).map(|folder: std::path::PathBuf| folder.join("config.json"));
    let podman = environment.get("XDG_RUNTIME_DIR").map(|folder| Path::new(folder).join("containers/auth.json"));
    if let Some(path) = &named {
        logins.behind(Logins::parse(&read(path)?.ok_or_else(|| unreadable(path, &std::io::ErrorKind::NotFound.into()))?, &path.display().to_string()).map_err(told)?);
    }
    if let Some(text) = environment.text("DOCKER_AUTH_CONFIG") {
        logins.behind(Logins::parse(text, "DOCKER_AUTH_CONFIG").map_err(told)?);
    }
    for path in docker.iter().chain(&podman) {
        if let Some(text) = read(path)? {
            logins.behind(Logins::parse(&text, &path.display().to_string()).map_err(told)?);
        }
    }
    Ok(logins)
}

fn read(path: &Path) -> Result<Option<String>, Fault> {
    use std::io::Read as _;
    let mut text = String::new();
    match std::fs::File::open(path).and_then(|file| file.take(MAX_SIZE).read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(Kind::Input, "registry.logins", format!("the logins in {} cannot be read: {error}", path.display())).help("mend it, or name another by REGISTRY_AUTH_FILE")
}

/// Asks the program that keeps the operator's logins. It is named by their own file, and told the host on its input.
fn kept(environment: &Environment, helper: &str, host: &str) -> Result<Option<Login>, Fault> {
    let failed = |why: String| Fault::new(Kind::Input, "registry.logins", format!("docker-credential-{helper} does not give the login at {host}: {why}")).help("mend it, or name a file of logins by REGISTRY_AUTH_FILE");
    if helper.is_empty() || !helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err(failed("its name is none".into()));
    }
    let mut program = Command::new(format!("docker-credential-{helper}"));
    program.arg("get").env_clear().envs(environment.for_hooks()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = program.spawn().map_err(|error| failed(error.to_string()))?;
    let server = if host == "docker.io" { "https://index.docker.io/v1/" } else { host };
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(server.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        // That is how they say that there is none.
        return if String::from_utf8_lossy(&output.stdout).contains("credentials not found") { Ok(None) } else { Err(failed(output.status.to_string())) };
    }
    let kept: Kept = serde_json::from_slice(&output.stdout).map_err(|_| failed("it prints something else".into()))?;
    if kept.username == "<token>" {
        return Err(failed("it keeps a token of a kind that this Arcus does not know".into()));
    }
    Ok(Some(Login { user: kept.username, password: kept.secret.into() }))
}

/// As the operator is told.
pub fn told(fault: arcus_registry::Fault) -> Fault {
    Fault::new(if fault.denied { Kind::Denied } else { Kind::Input }, fault.code, fault.message).help(fault.help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_where_docker_and_podman_keep_them() {
        let home = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = home.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let here = home.path().to_str().unwrap();
        let user = |variables: &[(&str, &str)], host: &str| logins(&Environment::of(variables)).map(|all| all.of(host).map(|login| login.user.clone()));
        assert_eq!(user(&[("HOME", here)], "one").unwrap(), None);
        put(".docker/config.json", r#"{"auths": {"one": {"auth": "ZG9ja2VyOng="}}}"#);
        put("run/containers/auth.json", r#"{"auths": {"one": {"auth": "cG9kbWFuOng="}, "two": {"auth": "cG9kbWFuOng="}}}"#);
        let run = home.path().join("run").display().to_string();
        let variables = [("HOME", here), ("XDG_RUNTIME_DIR", run.as_str())];
        assert_eq!((user(&variables, "one").unwrap().as_deref(), user(&variables, "two").unwrap().as_deref()), (Some("docker"), Some("podman")));
        let text = r#"{"auths": {"one": {"auth": "Y2k6eA=="}}}"#;
        assert_eq!(user(&[("HOME", here), ("DOCKER_AUTH_CONFIG", text)], "one").unwrap().as_deref(), Some("ci"));
        let fault = user(&[("REGISTRY_AUTH_FILE", "/nowhere/at/all")], "one").unwrap_err();
        assert_eq!(fault.troubles[0].code, "registry.logins");
    }

    #[test]
    fn a_program_that_keeps_logins_is_told_the_host_on_its_input() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("docker-credential-shelf");
        std::fs::write(&program, "#!/bin/sh\n[ \"$*\" = get ] || exit 3\nread -r host || :\ncase $host in\none) echo '{\"ServerURL\":\"one\",\"Username\":\"ops\",\"Secret\":\"hush\"}';;\n*) echo 'credentials not found in native keychain'; exit 1;;\nesac\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let environment = Environment::of(&[("PATH", &path)]);
        for name in ["../../bin/sh", "nobody-has-this", ""] {
            assert_eq!(kept(&environment, name, "one").unwrap_err().troubles[0].code, "registry.logins", "{name}");
        }
        assert_eq!(kept(&environment, "shelf", "one").unwrap().map(|login| login.user), Some("ops".to_owned()));
        assert!(kept(&environment, "shelf", "two").unwrap().is_none());
    }
}
