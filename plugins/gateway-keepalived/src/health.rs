//! The health check: a small program on each gateway that says whether traffic can be served there.
//!
//! Bad health lowers a gateway's priority; it never takes the address away. While the unit that serves is not installed anywhere (the
//! platform comes after the address), all are unwell alike, so the first has it; and it keeps it while it is the only one where the unit
//! starts, which can take minutes.

use crate::whose::Whose;
use arcus_sdk::prelude::*;

/// Where the program is.
pub const PATH: &str = "/etc/keepalived/arcus-gateway-check";

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    secure: bool,
    host: String,
    port: u16,
    path: String,
    unit: Option<String>,
}

impl Check {
    /// What the platform says proves a gateway (or a manager) healthy, if it says anything. Its words become part of a program, so only
    /// plain ones are taken.
    pub fn of(demands: &PlatformDemand, whose: Whose) -> Option<Result<Self, Problem>> {
        let (url, unit) = match whose {
            Whose::Gateways => (&demands.gateway_health, &demands.gateway_unit),
            Whose::Managers => (&demands.manage_health, &demands.manage_unit),
        };
        let (url, unit) = (url.as_deref()?, unit.clone());
        Some(match read(url) {
            Some((secure, host, port, path)) if unit.as_deref().is_none_or(is_unit) => Ok(Check { secure, host, port, path, unit }),
            Some(_) => Err(wrong(format!("the platform's gateway unit {:?} is no name of a unit", unit.unwrap_or_default()))),
            None => Err(wrong(format!("the platform's health URL {url:?} is not one that can be asked for"))),
        })
    }

    /// The program.
    pub fn program(&self) -> String {
        let Check { secure, host, port, path, unit } = self;
        let mut text = String::from(
            "#!/bin/bash\n\
             # Written by Arcus. keepalived asks it whether this gateway can serve: 0 is yes.\n",
        );
        if let Some(unit) = unit {
            text.push_str(&format!(
                "# Where what serves is not installed yet, nothing can be served: no reason to take the address from where it is starting.\n\
                 installed=\n\
                 for folder in /etc/systemd/system /run/systemd/system /usr/lib/systemd/system /lib/systemd/system; do\n    \
                     [ -e \"$folder/{unit}\" ] && installed=yes\n\
                 done\n\
                 [ -n \"$installed\" ] || exit 1\n"
            ));
        }
        if *secure {
            text.push_str(&format!(
                "# Without a program that speaks TLS it cannot be told.\n\
                 [ -x /usr/bin/curl ] || exit 0\n\
                 code=$(/usr/bin/curl --silent --insecure --noproxy '*' --max-time 1 --output /dev/null --write-out '%{{http_code}}' 'https://{host}:{port}{path}')\n\
                 case $code in 2??) exit 0 ;; esac\n\
                 exit 1\n"
            ));
        } else {
            text.push_str(&format!(
                "exec 3<>'/dev/tcp/{host}/{port}' || exit 1\n\
                 printf 'GET {path} HTTP/1.0\\r\\nHost: {host}\\r\\n\\r\\n' >&3\n\
                 read -r -t 1 _ code _ <&3\n\
                 case $code in 2??) exit 0 ;; esac\n\
                 exit 1\n"
            ));
        }
        text
    }
}

fn wrong(message: String) -> Problem {
    problem("vrrp.health", message).help("this is a mistake of the platform's plugin")
}

/// `http[s]://host[:port][/path]`, of plain characters.
fn read(url: &str) -> Option<(bool, String, u16, String)> {
    let (secure, rest) = match url.strip_prefix("http://") {
        Some(rest) => (false, rest),
        None => (true, url.strip_prefix("https://")?),
    };
    let (place, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let (host, port) = match place.split_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().ok().filter(|port| *port > 0)?),
        None => (place, if secure { 443 } else { 80 }),
    };
    let plain = |text: &str, more: &[u8]| text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b));
    // No `%`: it would be read by `printf`.
    let good = !host.is_empty() && !host.starts_with('-') && plain(host, b".-") && plain(path, b"/._~?=&-") && url.len() <= 200;
    good.then(|| (secure, host.to_owned(), port, path.to_owned()))
}

fn is_unit(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._@-".contains(&b);
    name.ends_with(".service") && name.len() <= 100 && !name.starts_with(['-', '.']) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, unit: Option<&str>) -> Option<Result<Check, Problem>> {
        Check::of(&PlatformDemand { shared: None, gateway_health: Some(url.into()), gateway_unit: unit.map(Into::into), manage_health: None, manage_unit: None }, Whose::Gateways)
    }

    #[test]
    fn only_plain_words_become_part_of_the_program() {
        for url in ["http://127.0.0.1:18080/healthz", "http://localhost", "https://127.0.0.1/a?b=c&d"] {
            assert!(check(url, None).unwrap().is_ok(), "{url}");
        }
        for url in [
            "ftp://a", "http://", "http://a:0/", "http://a:99999/", "http://a/'; reboot; '", "http://a/$(x)", "http://a/%n", "http://a b/", "http://-a/",
        ] {
            assert!(check(url, None).unwrap().is_err(), "{url}");
        }
        assert!(check("http://a", Some("rbd-gateway.service")).unwrap().is_ok());
        for unit in ["x", "a b.service", "../x.service", "$(x).service", "a/b.service"] {
            assert!(check("http://a", Some(unit)).unwrap().is_err(), "{unit}");
        }
        assert!(Check::of(&PlatformDemand { shared: None, gateway_health: None, gateway_unit: None, manage_health: None, manage_unit: None }, Whose::Gateways).is_none());
    }
}
