//! Registries of the tests: a real one, and one that means harm.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arcus_lab::wait_until;
use arcus_tests::Apart;
use serde_json::json;
use sha2::Digest as _;

/// The one with TLS and logins.
pub const SHELF: &str = "10.99.0.5:5443";
/// Its only login.
pub const USER: &str = "ops";
pub const PASSWORD: &str = "hush-registry";
/// The same, as `htpasswd -B` writes it.
const HTPASSWD: &str = "ops:$2b$05$4kSZLTTHAhpNcyjgaui1c.DbBOfWdEkJY7StUJ7YIqt1bTROYBMS2\n";
/// Where contents may be instead.
const ELSEWHERE: u16 = 5444;
/// The one without either, on this machine itself.
pub const HERE: &str = "127.0.0.1:5000";

/// A registry that is not ours, Debian's `docker-registry`.
pub struct Shelf(Child);

impl Shelf {
    /// With TLS by a certificate that is written to `folder`, and logins.
    pub fn guarded(apart: &Apart, folder: &Path) -> Result<Self> {
        let config = "[req]\ndistinguished_name = d\nx509_extensions = v\nprompt = no\n[d]\nCN = shelf\n[v]\nsubjectAltName = IP:10.99.0.5\nbasicConstraints = critical, CA:FALSE\n";
        fs::write(folder.join("openssl.cnf"), config)?;
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-config", "openssl.cnf", "-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(folder)
            .output()
            .context("running openssl")?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::write(folder.join("htpasswd"), HTPASSWD)?;
        let place = folder.display();
        Self::start(apart, folder, SHELF, &format!(",\n  \"tls\": {{ \"certificate\": \"{place}/cert.pem\", \"key\": \"{place}/key.pem\" }} }},\n\"auth\": {{ \"htpasswd\": {{ \"realm\": \"shelf\", \"path\": \"{place}/htpasswd\" }} }}"))
    }

    /// With nothing.
    pub fn open(apart: &Apart, folder: &Path) -> Result<Self> {
        Self::start(apart, folder, HERE, " }")
    }

    fn start(apart: &Apart, folder: &Path, address: &str, rest: &str) -> Result<Self> {
        let name = address.replace(':', "-");
        let (config, data) = (folder.join(&name).with_extension("yml"), folder.join(&name));
        let text = format!("{{ \"version\": \"0.1\", \"log\": {{ \"level\": \"error\", \"accesslog\": {{ \"disabled\": true }} }},\n\"storage\": {{ \"filesystem\": {{ \"rootdirectory\": \"{}\" }} }},\n\"http\": {{ \"addr\": \"{address}\"{rest} }}\n", data.display());
        fs::write(&config, text)?;
        let log = fs::File::create(folder.join(&name).with_extension("log"))?;
        let child = apart.command("docker-registry").arg("serve").arg(&config).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn().context("running docker-registry: `cargo xtask test` installs it")?;
        let this = Self(child);
        let waited = apart.inside(|| wait_until(address, Duration::from_secs(60), || Ok(TcpStream::connect(address).is_ok())))?;
        waited.with_context(|| fs::read_to_string(folder.join(&name).with_extension("log")).unwrap_or_default())?;
        Ok(this)
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where a registry may keep its contents: one of them, by TLS, for whoever asks first. It hears what it is told with that.
pub struct Elsewhere {
    child: Child,
    heard: Arc<Mutex<String>>,
}

impl Elsewhere {
    /// With the certificate that [`Shelf::guarded`] left there.
    pub fn serve(apart: &Apart, folder: &Path, component: &[u8]) -> Result<Self> {
        let mut openssl = apart.command("openssl");
        openssl.args(["s_server", "-quiet", "-cert", "cert.pem", "-key", "key.pem", "-accept", &format!("10.99.0.5:{ELSEWHERE}")]).current_dir(folder);
        let mut child = openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("running openssl")?;
        let (mut stdin, stdout) = (child.stdin.take().context("no input")?, child.stdout.take().context("no output")?);
        let this = Self { child, heard: Arc::default() };
        let heard = Arc::clone(&this.heard);
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                if let Ok(mut heard) = heard.lock() {
                    heard.push_str(&String::from_utf8_lossy(&line));
                    heard.push('\n');
                }
            }
        });
        apart.inside(|| wait_until("openssl", Duration::from_secs(60), || Ok(TcpStream::connect(("10.99.0.5", ELSEWHERE)).is_ok())))??;
        let answer = [format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", component.len()).as_bytes(), component].concat();
        let heard = Arc::clone(&this.heard);
        std::thread::spawn(move || {
            // What it is given goes to who is connected: to the one who asks, not to the one who only looked whether it is there.
            while !heard.lock().is_ok_and(|heard| heard.contains("GET ")) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = stdin.write_all(&answer);
            // Closed, it would end the connection before all of it was read.
            std::thread::sleep(Duration::from_secs(600));
        });
        Ok(this)
    }

    /// What it was told.
    pub fn heard(&self) -> String {
        self.heard.lock().map(|heard| heard.clone()).unwrap_or_default()
    }

    pub fn port(&self) -> u16 {
        ELSEWHERE
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One that means harm: what it does with a thing depends on what it is called.
pub struct Trap {
    /// Where it listens.
    pub address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Trap {
    /// Listens at an address of that network. It holds this component.
    pub fn set(apart: &Apart, ip: &str, component: Vec<u8>) -> Result<Self> {
        let listener = apart.inside(|| TcpListener::bind((ip, 0)))??;
        let address = listener.local_addr()?.to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let (here, component) = (address.clone(), Arc::new(component));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, here, component) = (Arc::clone(&seen), here.clone(), Arc::clone(&component));
                // Whoever is refused hangs up.
                std::thread::spawn(move || serve(&stream, &here, &component, &seen).unwrap_or_default());
            }
        });
        Ok(Self { address, asked })
    }

    /// What it was asked so far, and with which login.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().map(|asked| asked.clone()).unwrap_or_default()
    }
}

fn serve(mut stream: &TcpStream, here: &str, component: &[u8], seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let headers: BTreeMap<String, String> =
        lines.map_while(Result::ok).take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": ").map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()))).collect();
    let login = headers.get("authorization").map(String::as_str).unwrap_or_default();
    if let Ok(mut seen) = seen.lock() {
        seen.push(format!("{first} {login}"));
    }
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mode = path.strip_prefix("/v2/").and_then(|path| path.split('/').next()).unwrap_or_default();
    // Whom to send somebody to is in the name of the thing: the other port.
    let (mode, other) = mode.split_once("--").unwrap_or((mode, ""));
    let said = |status: &str, headers: &str, body: &[u8]| [format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len()).as_bytes(), body].concat();
    let hex = |bytes: &[u8]| sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let descriptor = |kind: &str, size: usize| json!({ "mediaType": kind, "digest": format!("sha256:{}", hex(component)), "size": size });
    let manifest = |config: &str, size: usize| json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": descriptor(config, 2), "layers": [descriptor("application/wasm", size)] }).to_string();
    let wasm = "application/vnd.wasm.config.v0+json";
    let whole = manifest(wasm, component.len());
    let answer = match (mode, method) {
        _ if path.starts_with("/token") => said("200 OK", "", br#"{"token": "for-this-registry-alone"}"#),
        ("token" | "cdn", _) if login != "Bearer for-this-registry-alone" => said("401 Unauthorized", &format!("WWW-Authenticate: Bearer realm=\"http://{here}/token\",service=\"trap\",scope=\"repository:token:pull\"\r\n"), b""),
        ("realm", _) => said("401 Unauthorized", &format!("WWW-Authenticate: Bearer realm=\"http://127.0.0.2:{other}/token\",service=\"trap\"\r\n"), b""),
        ("upload", "POST") => said("202 Accepted", &format!("Location: http://127.0.0.2:{other}/upload\r\n"), b""),
        ("upload", _) => said("404 Not Found", "", b""),
        ("escape", _) => said("403 Forbidden", "", "{\"errors\": [{\"code\": \"\\u001b[2J\", \"message\": \"\\u202eall is well\"}]}".as_bytes()),
        ("headers", _) => said("200 OK", &format!("X: {}\r\n", "x".repeat(1 << 20)), b""),
        (_, "GET") if path.contains("/manifests/") => match mode {
            "list" => endless(stream, "")?,
            "forged" => said("200 OK", &format!("Docker-Content-Digest: sha256:{}\r\n", "0".repeat(64)), whole.as_bytes()),
            "large" => said("200 OK", "", manifest(wasm, 1 << 40).as_bytes()),
            "image" => said("200 OK", "", manifest("application/vnd.oci.image.config.v1+json", component.len()).as_bytes()),
            _ => said("200 OK", "", whole.as_bytes()),
        },
        ("away", "GET") => said("307 Temporary Redirect", &format!("Location: http://127.0.0.2:{other}/blob\r\n"), b""),
        ("cdn", "GET") => said("307 Temporary Redirect", &format!("Location: https://10.99.0.5:{other}/shelf?signed=yes\r\n"), b""),
        ("loop", "GET") => said("307 Temporary Redirect", &format!("Location: {path}\r\n"), b""),
        ("endless", "GET") => endless(stream, "")?,
        ("claims", "GET") => endless(stream, &format!("Content-Length: {}\r\n", 1_u64 << 40))?,
        ("swapped", "GET") => said("200 OK", "", &[&component[..component.len() - 1], b"!"].concat()),
        (_, "GET") => said("200 OK", "", component),
        _ => said("404 Not Found", "", b""),
    };
    stream.write_all(&answer)
}

/// Until the other side has enough.
fn endless(mut stream: &TcpStream, length: &str) -> std::io::Result<Vec<u8>> {
    stream.write_all(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{length}\r\n").as_bytes())?;
    loop {
        stream.write_all(&[b' '; 64 << 10])?;
    }
}
