//! Every drill on the real nodes of the example: the fault is real, what bears it is seen from outside, everything is as before
//! afterwards. And `kill -9` in the middle: the nodes restore themselves, `status` tells it, the next command finishes it.
//!
//! Figures are printed, never asserted: a drill whose times were missed on a busy machine is as sound as one that met them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use arcus_lab::{World, wait_until};
use arcus_tests::{Checkout, Scenes, example, ha};
use serde_json::Value;

/// Until an apply ends.
const APPLY: Duration = Duration::from_secs(480);
/// Until drills end.
const DRILLS: Duration = Duration::from_secs(600);
/// Until a look ends, or a node is back.
const SOON: Duration = Duration::from_secs(180);
const VIP: &str = "10.99.0.100";
const MANAGERS: [&str; 3] = ["manage01", "manage02", "manage03"];

#[test]
fn every_fault_is_borne_measured_and_taken_back() -> Result<()> {
    on_a_whole_cluster(|scene, scenes| {
        scenes.play("refused while something does not verify", || scene.refused());
        scenes.play("a storage node lost while another writes", || scene.storage());
        scenes.play("killed while a storage node is cut off: it comes back by itself", || scene.killed_in_an_isolation());
        scenes.play("the address: a stop, an isolation, a power loss", || scene.address());
        scenes.play("the gateway's process alone, seen from a compute node", || scene.gateway());
        scenes.play("the first manager lost", || scene.manager());
        scenes.play("killed while keepalived is stopped: told, and taken back at once", || scene.killed_in_a_stop());
        scenes.play("killed while a node has no power: only the hook brings it back", || scene.killed_in_a_power_loss());
    })
}

/// What takes its time, and what differs from the above by how the node is lost alone.
#[test]
#[ignore = "ten minutes: cargo xtask test --long"]
fn the_other_ways_to_lose_a_node() -> Result<()> {
    on_a_whole_cluster(|scene, scenes| {
        scenes.play("a storage node without power while another writes", || scene.storage_without_power());
        scenes.play("the first manager cut off", || scene.manager_cut_off());
        for (drill, node, is_there) in UNATTENDED {
            scenes.play(&format!("killed in the middle of {drill}, and nobody comes: the node restores itself"), || scene.killed_and_left_alone(drill, node, is_there));
        }
    })
}

/// Drills whose node mends itself, the node, and what is so on it while the fault lasts.
const UNATTENDED: [(&str, &str, &str); 5] = [
    ("vip-stop", "manage01", "! systemctl -q is-active keepalived"),
    ("vip-isolate", "manage01", "ip link show eth0 | grep -q 'state DOWN'"),
    ("gateway-kill", "manage01", "! systemctl -q is-active rbd-gateway"),
    ("storage-isolate", "storage01", "ip link show eth0 | grep -q 'state DOWN'"),
    ("manager-isolate", "manage01", "ip link show eth0 | grep -q 'state DOWN'"),
];

/// Plays scenes on nodes that were made a cluster, with somebody at their power switches.
fn on_a_whole_cluster(play: impl FnOnce(&Scene<'_>, &mut Scenes)) -> Result<()> {
    let world = ha(|options| options)?;
    let operator = quick(&world)?;
    operator.run(&["apply", "--yes"], APPLY)?.code(0)?;
    let power = Power::new(&world)?;
    let scene = Scene { world: &world, operator: &operator, hook: power.hook() };
    let mut scenes = Scenes::default();
    power.while_serving(|| play(&scene, &mut scenes));
    scenes.end();
    world.stop()
}

/// An operator whose storage is waited for as short as may be.
fn quick(world: &World) -> Result<Checkout<'_>> {
    let operator = Checkout::new(world, &example())?;
    // Seconds for which writes hang when a storage node vanishes, and from one look for what is to be healed to the next: for the test's
    // sake, both shorter than they are by themselves.
    operator.replace("    arbiter: storage03\n", "    arbiter: storage03\n    ping-timeout: 3\n    options: { cluster.heal-timeout: 10 }\n")?;
    Ok(operator)
}

struct Scene<'w> {
    world: &'w World,
    operator: &'w Checkout<'w>,
    hook: PathBuf,
}

impl Scene<'_> {
    fn sh(&self, node: &str, line: &str) -> Result<String> {
        self.world.node(node)?.sh(line)
    }

    /// Runs drills and gives their report, each sound.
    fn drill(&self, what: &[&str]) -> Result<Vec<Value>> {
        let words = [&["-o", "json", "drill"], what, &["--accept", "blackout", "--yes"]].concat();
        let ended = self.operator.run(&words, DRILLS)?;
        let report: Value = serde_json::from_str(&ended.stdout).with_context(|| format!("no JSON:\n{}\n{}", ended.stdout, ended.stderr))?;
        let drills = report["drills"].as_array().with_context(|| format!("no drills: {report:#}\n{}", ended.stderr))?.clone();
        for drill in &drills {
            sound(drill).with_context(|| format!("{report:#}"))?;
            for watch in drill["watches"].as_array().into_iter().flatten() {
                eprintln!("           {} {}: {} ms of at most {}, {} on the way back, from {}", drill["id"], watch["id"], watch["blackout_ms"], watch["at_most_ms"], watch["fail_back_ms"], watch["vantage"]);
            }
        }
        let late = drills.iter().any(|drill| drill["passed"] == false);
        ensure!(report["not_verified"] == serde_json::json!([]), "it does not verify afterwards: {report:#}");
        ensure!(ended.status.code() == Some(if late { 6 } else { 0 }), "it ended with {}: {report:#}", ended.status);
        Ok(drills)
    }

    fn holders(&self) -> Result<Vec<&'static str>> {
        let mut holders = Vec::new();
        for node in MANAGERS {
            let Ok(found) = self.sh(node, "ip -4 -o addr show dev eth0; ip -o link show dev eth0") else { continue };
            if found.contains(&format!(" {VIP}/")) && found.contains("LOWER_UP") {
                holders.push(node);
            }
        }
        Ok(holders)
    }

    fn is_active(&self, node: &str, unit: &str) -> Result<bool> {
        Ok(self.sh(node, &format!("systemctl is-active {unit} || true"))?.trim() == "active")
    }

    /// What drills keep on nodes while they run.
    fn nothing_is_left(&self) -> Result<()> {
        for node in self.world.nodes() {
            let left = node.sh("find /var/lib/arcus -path '*/timers/*' -o -path '*/watches/*' -o -name drill; ls -d /run/systemd/system/*.d 2> /dev/null || true")?;
            ensure!(left.is_empty(), "left on {}: {left}", node.name());
        }
        let files = self.sh("compute01", "ls -A /grdata | grep arcus-drill || true")?;
        ensure!(files.is_empty(), "left in /grdata: {files}");
        let open = self.operator.json(&["status"], 0, SOON)?;
        ensure!(open["drills"] == serde_json::json!([]), "status tells of a drill: {open:#}");
        Ok(())
    }

    fn refused(&self) -> Result<()> {
        self.sh("manage03", "systemctl stop keepalived")?;
        let ended = self.operator.run(&["drill", "all", "--accept", "blackout", "--yes"], SOON)?.code(6)?;
        ended.says("drill.not-verified")?.says("manage03")?.never_says("stop: keepalived")?;
        self.sh("manage03", "systemctl start keepalived")?;
        self.operator.run(&["drill", "vip", "--vantage", "nobody", "--accept", "blackout", "--yes"], SOON)?.code(3)?.says("drill.unknown-vantage")?;
        self.operator.run(&["drill", "nonsense", "--accept", "blackout", "--yes"], SOON)?.code(3)?.says("vip-stop, vip-isolate")?;
        let status = self.operator.json(&["status"], 0, SOON)?;
        ensure!(status["holder"].is_null(), "a refused drill keeps the lock: {status:#}");
        Ok(())
    }

    fn address(&self) -> Result<()> {
        // Two that hold it at once are a moment of handing over, never more.
        let (over, longest) = (AtomicBool::new(false), Mutex::new(Duration::ZERO));
        let drills = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut since: Option<Instant> = None;
                while !over.load(Ordering::Relaxed) {
                    match self.holders() {
                        Ok(holders) if holders.len() > 1 => {
                            let since = *since.get_or_insert_with(Instant::now);
                            let mut longest = longest.lock().expect("nobody panics");
                            *longest = longest.max(since.elapsed());
                        }
                        _ => since = None,
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
            let drills = self.drill(&["vip", "--power-hook", &self.hook.to_string_lossy()]);
            over.store(true, Ordering::Relaxed);
            drills
        })?;
        let longest = *longest.lock().expect("nobody panics");
        ensure!(longest < Duration::from_secs(2), "two nodes held the address for {longest:?}");
        let told: Vec<(&str, &str)> = drills.iter().map(|drill| (text(drill, "id"), text(drill, "fault"))).collect();
        ensure!(told == [("vip-stop", "stop"), ("vip-isolate", "isolate"), ("vip-power", "power")], "{told:?}");
        for drill in &drills {
            let of = |key| text(drill, key);
            ensure!((of("holder_before"), of("holder_during"), of("holder_after")) == ("manage01", "manage02", "manage01"), "{drill:#}");
            ensure!(of("vantage") == "controller" && of("node") == "manage01", "{drill:#}");
            // A fault that is not felt is none. (A clean stop may pass between two beats.)
            ensure!(of("fault") == "stop" || drill["blackout_ms"].as_u64() > Some(300), "{drill:#}");
        }
        self.nothing_is_left()
    }

    fn gateway(&self) -> Result<()> {
        let boot = |node| self.sh(node, "cat /proc/sys/kernel/random/boot_id; systemctl show -p ActiveEnterTimestampMonotonic keepalived");
        let before = boot("manage01")?;
        let drills = self.drill(&["gateway", "--vantage", "compute02"])?;
        let [drill] = drills.as_slice() else { bail!("{drills:#?}") };
        let of = |key| text(drill, key);
        ensure!((of("id"), of("fault"), of("unit"), of("vantage")) == ("gateway-kill", "kill", "rbd-gateway.service", "compute02"), "{drill:#}");
        ensure!((of("holder_before"), of("holder_during"), of("holder_after")) == ("manage01", "manage02", "manage01"), "{drill:#}");
        ensure!(boot("manage01")? == before, "the host did not live on");
        ensure!(self.is_active("manage01", "rbd-gateway.service")?, "its gateway does not run");
        // Its own health check has to see it first.
        ensure!(drill["blackout_ms"].as_u64() > Some(1000), "{drill:#}");
        self.nothing_is_left()
    }

    fn storage(&self) -> Result<()> {
        self.lost_storage(&self.drill(&["storage-isolate"])?)
    }

    fn storage_without_power(&self) -> Result<()> {
        self.lost_storage(&self.drill(&["storage-power", "--power-hook", &self.hook.to_string_lossy()])?)
    }

    fn lost_storage(&self, drills: &[Value]) -> Result<()> {
        let [drill] = drills else { bail!("{drills:#?}") };
        let writes = &drill["watches"][0];
        ensure!(text(drill, "node") == "storage01" && text(writes, "vantage") == "compute01", "{drill:#}");
        ensure!(writes["acknowledged"].as_u64() > Some(10) && writes["lost"] == 0, "{drill:#}");
        ensure!(drill["blackout_ms"].as_u64() > Some(1000), "no write hung: {drill:#}");
        let heal = self.sh("storage02", "gluster volume heal data info | grep 'Number of entries'")?;
        ensure!(heal.lines().count() == 3 && heal.lines().all(|line| line.trim_end().ends_with(": 0")), "{heal}");
        self.nothing_is_left()
    }

    fn manager(&self) -> Result<()> {
        self.lost_manager(&["manager-power", "--power-hook", &self.hook.to_string_lossy()])
    }

    fn manager_cut_off(&self) -> Result<()> {
        self.lost_manager(&["manager-isolate"])
    }

    fn lost_manager(&self, what: &[&str]) -> Result<()> {
        let revision = "ETCDCTL_API=3 etcdctl --endpoints=http://127.0.0.1:2379 member list | wc -l";
        let before = self.sh("manage02", revision)?;
        let drills = self.drill(what)?;
        let [drill] = drills.as_slice() else { bail!("{drills:#?}") };
        ensure!(text(drill, "node") == "manage01" && text(drill, "vantage") == "manage02", "{drill:#}");
        let watches: Vec<&str> = drill["watches"].as_array().into_iter().flatten().map(|watch| text(watch, "id")).collect();
        ensure!(watches == ["grctl", "etcd"], "{watches:?}");
        ensure!(self.sh("manage02", revision)? == before, "etcd has other members now");
        self.nothing_is_left()
    }

    /// Begins a drill, and kills it once its fault is there.
    fn killed(&self, what: &[&str], is_there: impl Fn() -> Result<bool>) -> Result<()> {
        let words = [&["drill"], what, &["--accept", "blackout", "--yes"]].concat();
        let drill = self.operator.start(&words)?;
        wait_until("the fault", DRILLS, is_there)?;
        drill.kill()?;
        Ok(())
    }

    /// The drill that status tells of. Whether all nodes are reached meanwhile is another matter.
    fn open(&self, id: &str) -> Result<Value> {
        let ended = self.operator.run(&["-o", "json", "status"], SOON)?;
        ensure!(matches!(ended.status.code(), Some(0 | 4)), "status ended with {}\n{}", ended.status, ended.stderr);
        let status: Value = serde_json::from_str(&ended.stdout).context("no JSON")?;
        let drills = status["drills"].as_array().context("no drills")?;
        ensure!(drills.len() == 1 && text(&drills[0], "id") == id, "{status:#}");
        ensure!(status["open"].to_string().contains(&format!("the drill {id} of run")), "{status:#}");
        Ok(drills[0].clone())
    }

    fn killed_in_a_stop(&self) -> Result<()> {
        self.killed(&["vip-stop"], || Ok(!self.is_active("manage01", "keepalived")?))?;
        let open = self.open("vip-stop")?;
        ensure!(open["restores_in_s"].as_u64() > Some(0), "no timer is told: {open:#}");
        self.operator.run(&["drill", "back"], SOON)?.code(0)?.says("taken back: vip-stop on manage01")?;
        ensure!(self.is_active("manage01", "keepalived")?, "keepalived does not run");
        self.operator.run(&["drill", "back"], SOON)?.code(0)?.says("nothing to take back")?;
        self.nothing_is_left()
    }

    fn killed_in_an_isolation(&self) -> Result<()> {
        self.killed(&["storage-isolate"], || Ok(self.sh("storage01", "ip link show eth0")?.contains("state DOWN")))?;
        self.open("storage-isolate")?;
        // Nobody does anything: its own timer.
        wait_until("storage01 to come back by itself", SOON, || Ok(self.sh("storage01", "ip link show eth0")?.contains("state UP")))?;
        self.open("storage-isolate")?;
        let ended = self.operator.run(&["apply", "--yes"], APPLY)?.code(0)?;
        ended.says("taken back: the drill storage-isolate on storage01")?;
        self.operator.run(&["verify"], DRILLS)?.code(0)?;
        self.nothing_is_left()
    }

    fn killed_and_left_alone(&self, drill: &str, node: &str, is_there: &str) -> Result<()> {
        let fault = || Ok(self.sh(node, is_there).is_ok());
        self.killed(&[drill], fault)?;
        ensure!(fault()?, "the fault of {drill} ended with the program");
        wait_until("the node to mend itself", SOON, || Ok(!fault()?))?;
        wait_until("nothing that waits on the node", SOON, || Ok(self.sh(node, "! systemctl list-timers --all --plain | grep arcus").is_ok()))?;
        // All is as before, and the note alone tells of it: taken away by the next command.
        self.operator.run(&["drill", "back"], SOON)?.code(0)?.says(&format!("taken back: {drill} on {node}"))?;
        // Sessions between nodes come back in their own time.
        wait_until("everything to verify", SOON, || Ok(self.operator.run(&["verify"], DRILLS)?.code(0).is_ok()))?;
        ensure!(self.holders()? == ["manage01"], "{:?}", self.holders()?);
        self.nothing_is_left()
    }

    fn killed_in_a_power_loss(&self) -> Result<()> {
        let hook = self.hook.to_string_lossy().into_owned();
        self.killed(&["vip-power", "--power-hook", &hook], || Ok(!self.world.node("manage01")?.is_on()))?;
        let open = self.open("vip-power")?;
        ensure!(open["restores_in_s"].is_null() && text(&open, "node") == "manage01", "{open:#}");
        self.operator.run(&["drill", "back"], SOON)?.code(4)?.says("drill.left-open")?.says("--power-hook")?;
        self.operator.run(&["drill", "back", "--power-hook", &hook], SOON)?.code(0)?.says("taken back: vip-power on manage01")?;
        self.operator.run(&["verify"], DRILLS)?.code(0)?;
        ensure!(self.holders()? == ["manage01"], "{:?}", self.holders()?);
        self.nothing_is_left()
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// All that a drill must be, whatever times it took.
fn sound(drill: &Value) -> Result<()> {
    let detail = text(drill, "detail");
    ensure!(detail.split("; ").all(|part| part.is_empty() || part.contains("dark for")), "{detail}");
    ensure!(drill["passed"] == detail.is_empty(), "passed and complaints differ");
    ensure!(drill["restored"] == true && drill["timers_left"] == serde_json::json!([]), "not everything was taken back");
    ensure!(drill["blackout_ms"].is_u64(), "nothing was measured");
    Ok(())
}

/// The power of the lab's nodes, as a program that an operator names: it asks us, who may switch it.
struct Power<'w> {
    world: &'w World,
    folder: tempfile::TempDir,
}

impl<'w> Power<'w> {
    fn new(world: &'w World) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("arcus-power-").tempdir()?;
        let power = Self { world, folder };
        let text = format!(
            "#!/bin/sh\nset -eu\nPATH=/usr/bin:/bin\ncd {}\nprintf '%s %s' \"$1\" \"$2\" > wanted.new\nmv wanted.new wanted\nn=0\n\
             while [ ! -e done ]; do sleep 0.05; n=$((n + 1)); [ $n -lt 800 ]; done\nrm done\n",
            power.folder.path().display()
        );
        std::fs::write(power.hook(), text)?;
        std::fs::set_permissions(power.hook(), std::fs::Permissions::from_mode(0o755))?;
        Ok(power)
    }

    fn hook(&self) -> PathBuf {
        self.folder.path().join("power-hook")
    }

    /// Switches what is wanted for as long as this takes.
    fn while_serving(&self, act: impl FnOnce()) {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if let Err(error) = self.switch(&self.folder.path().join("wanted")) {
                        eprintln!("power: {error:#}");
                    }
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
            act();
            over.store(true, Ordering::Relaxed);
        });
    }

    fn switch(&self, wanted: &Path) -> Result<()> {
        let Ok(text) = std::fs::read_to_string(wanted) else { return Ok(()) };
        std::fs::remove_file(wanted)?;
        let (word, node) = text.split_once(' ').context("what is wanted?")?;
        let node = self.world.node(node)?;
        match (word, node.is_on()) {
            ("off", true) => node.power_off()?,
            ("on", false) => drop(node.power_on()?),
            ("off" | "on", _) => {}
            _ => bail!("power {word}?"),
        }
        std::fs::write(self.folder.path().join("done"), "")?;
        Ok(())
    }
}
