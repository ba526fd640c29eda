//! The health program itself, run by bash against a real listener.

mod common;

use arcus_gateway_keepalived::Keepalived;
use arcus_sdk::fake::{Fixture, Lab};
use common::{HA, MANIFEST, steps, text, world};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

fn program(url: &str, unit: Option<&str>) -> String {
    let fixture = Fixture::new(MANIFEST, HA, world(1)).handing(|handed| {
        handed.demands.gateway_health = Some(url.into());
        handed.demands.gateway_unit = unit.map(Into::into);
    });
    text(&steps(&Lab::<Keepalived>::new(fixture)), "health:manage01")
}

fn says(program: &str) -> i32 {
    let mut child = Command::new("bash").args(["-c", program]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("bash");
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        if Instant::now() > until {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Answers one request with this, and gives what was asked.
fn serve(answer: &'static str) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (mut asked, mut bytes) = (String::new(), [0; 1024]);
        while !asked.contains("\r\n\r\n") {
            match stream.read(&mut bytes) {
                Ok(0) | Err(_) => break,
                Ok(count) => asked.push_str(&String::from_utf8_lossy(&bytes[..count])),
            }
        }
        let _ = stream.write_all(answer.as_bytes());
        if answer.is_empty() {
            std::thread::sleep(Duration::from_secs(3));
        }
        asked
    });
    (port, thread)
}

#[test]
fn two_hundred_is_well_and_all_else_is_not() {
    for (answer, wanted) in [
        ("HTTP/1.1 200 OK\r\n\r\nok", 0),
        ("HTTP/1.0 204 No Content\r\n\r\n", 0),
        ("HTTP/1.1 302 Found\r\n\r\n", 1),
        ("HTTP/1.1 500 Oops\r\n\r\n", 1),
        ("nonsense\r\n", 1),
        // Accepts, and says nothing.
        ("", 1),
    ] {
        let (port, asked) = serve(answer);
        assert_eq!(says(&program(&format!("http://127.0.0.1:{port}/healthz?a=b"), None)), wanted, "{answer}");
        assert_eq!(asked.join().unwrap(), "GET /healthz?a=b HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(says(&program(&format!("http://127.0.0.1:{closed}/"), None)), 1);
}

#[test]
fn a_gateway_without_the_unit_is_no_better_than_one_where_it_starts() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let program = program(&format!("http://127.0.0.1:{closed}/"), Some("rbd-gateway.service"));
    assert_eq!(says(&program), 1);
    let folder = std::env::temp_dir().join(format!("arcus-units-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let there = program.replace("/run/systemd/system", folder.to_str().unwrap());
    assert_ne!(there, program);
    assert_eq!(says(&there), 1);
    std::fs::write(folder.join("rbd-gateway.service"), "").unwrap();
    let said = says(&there);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(said, 1);
}
