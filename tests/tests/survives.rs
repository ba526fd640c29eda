//! One cluster on its way from bare machines to a verified whole, through all that can befall an apply: killed, interrupted, cut
//! off, stopped and overtaken, its file re-ordered. Each time the next apply goes on; it ends in the same state, after one init.
//!
//! It is one test because it is one life: what a stage leaves behind is what the next has to cope with.

mod survives {
    pub mod gateways;
    pub mod history;
}

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use arcus_lab::{World, wait_until};
use arcus_tests::{Checkout, Running, example, ha, staged};
use rustix::process::Signal;
use survives::{gateways, history};

/// What operators type here; who verifies says so.
const APPLY: &[&str] = &["apply", "--yes", "--no-verify"];
/// The same, and the address may be dark for a moment.
const APPLY_IN_THE_DARK: &[&str] = &["apply", "--yes", "--no-verify", "--accept", "blackout"];
/// Until something that is waited for is said.
const SOON: Duration = Duration::from_secs(90);
/// Until an apply ends.
const LIMIT: Duration = Duration::from_secs(150);
const MANAGERS: [&str; 3] = ["manage01", "manage02", "manage03"];
/// Longer than two interrupts may lie apart that are taken for one.
const TOGETHER: Duration = Duration::from_millis(400);
const AT_ONCE: Duration = Duration::from_secs(3);
const INIT: &str = "begin   install Rainbond 5.1 on its first node";

#[test]
fn whatever_befalls_an_apply_the_next_goes_on() -> Result<()> {
    let world = ha(|options| options.knob("init-seconds", "15\n"))?;
    let life = Life { world: &world, one: Checkout::new(&world, &example())?, other: Checkout::new(&world, &example())? };
    staged(&life, STAGES)?;
    world.stop()
}

type Stage = fn(&Life<'_>) -> Result<()>;

const STAGES: &[(&str, Stage)] = &[
    ("a second apply is told who works; an interrupt lets what is under way end, and begins nothing new", |life| life.a_second_is_told()),
    ("interrupted twice while packages are installed: over at once", |life| life.interrupted_twice()),
    ("killed right after a file was written", |life| life.killed_after_a_file()),
    ("killed while the volume is made", |life| life.killed_while_the_volume_is_made()),
    ("the first manager is not reached: no other becomes the first", |life| life.the_first_manager_is_silent()),
    ("interrupted during init: it goes on by itself, and one comes back to it", |life| life.interrupted_during_init()),
    ("the managers in another order, and the link cut during init", |life| life.cut_off_during_init()),
    ("killed while a node is installed", |life| life.killed_while_a_node_is_installed()),
    ("stopped, overtaken, continued: it changes nothing more", |life| life.stopped_and_overtaken()),
    ("nothing is left to do, without any memory and for anybody", |life| life.nothing_is_left()),
    ("the managers in the old order", |life| life.re_ordered_when_all_is_done()),
    ("killed between a file and its service's restart", |life| life.killed_before_the_restart()),
    ("stopped between a file and its service's restart, until its lock is old", |life| life.stopped_until_its_lock_is_old()),
];

/// The cluster, and two operators.
struct Life<'w> {
    world: &'w World,
    one: Checkout<'w>,
    other: Checkout<'w>,
}

impl Life<'_> {
    /// How often an init began, on any manager.
    fn inits(&self) -> Result<usize> {
        let mut lines = 0;
        for manager in MANAGERS {
            let log = self.world.node(manager)?.sh("cat /var/log/standin-grctl-init.log 2> /dev/null || true")?;
            lines += log.lines().count();
        }
        Ok(lines)
    }

    fn inits_are(&self, wanted: usize) -> Result<()> {
        let inits = self.inits()?;
        ensure!(inits == wanted, "init began {inits} times, not {wanted}");
        Ok(())
    }

    /// The managers in the opposite order, in both operators' files.
    fn reverse_managers(&self) -> Result<()> {
        for checkout in [&self.one, &self.other] {
            let text = checkout.text()?;
            let is_manager = |line: &&str| line.trim_start().starts_with("- { name: manage");
            let mut managers: Vec<&str> = text.lines().filter(is_manager).collect();
            ensure!(managers.len() == MANAGERS.len(), "the file has other managers");
            let lines: Vec<&str> = text.lines().map(|line| if is_manager(&line) { managers.pop().unwrap_or(line) } else { line }).collect();
            checkout.write(&(lines.join("\n") + "\n"))?;
        }
        Ok(())
    }

    fn a_second_is_told(&self) -> Result<()> {
        let mut first = self.one.start(APPLY)?;
        first.says("begin   install glusterfs-server", SOON)?;
        let run = history::last(&self.one)?;
        let status = self.other.json(&["status"], 0, SOON)?;
        let holder = &status["holder"];
        let since = holder["since"].as_u64().context("nobody holds the lock")?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        ensure!(now.abs_diff(since) < 120, "it says to be at it since {since}; now is {now}");
        ensure!(holder["nodes"].as_array().is_some_and(|nodes| nodes.len() == MANAGERS.len()), "not all managers say so: {status}");

        let second = self.other.run(APPLY, SOON)?.code(5)?;
        let second = second.says("lock.held")?.says(&format!("{} (process {})", run.operator(), first.id()))?.says(&run.id)?;
        let second = second.says("has been at `apply` since 20")?.says("arcus unlock")?.never_says("begin   ")?;
        ensure!(second.took < SOON, "it took its time");
        ensure!(!self.other.folder().join(".arcus/runs").exists() || history::runs(&self.other)?.is_empty(), "a run that was refused has a journal");

        first.signal(Signal::INT)?;
        first.says("nothing new is begun", SOON)?;
        let before = history::last(&self.one)?.begun();
        let ended = first.end(LIMIT)?.code(130)?.says("under way: install glusterfs-server on storage0")?;
        let run = history::last(&self.one)?;
        ensure!(run.begun() == before, "begun after the interrupt: {:?}\n{}", &run.begun()[before.len()..], ended.stderr);
        ensure!(run.open().is_empty(), "left open: {:?}", run.open());
        ensure!(run.end().as_deref() == Some("interrupted"), "it ended as {:?}", run.end());
        Ok(())
    }

    fn interrupted_twice(&self) -> Result<()> {
        // The other operator at once: the lock was given back.
        let mut second = self.other.start(APPLY)?;
        second.says("begin   install keepalived", SOON)?;
        second.signal(Signal::INT)?;
        second.says("again: stop at once", SOON)?;
        // Two that come together are one: a terminal and a wrapper may both pass it on.
        std::thread::sleep(TOGETHER);
        second.signal(Signal::INT)?;
        second.end(AT_ONCE)?.code(130)?;
        ensure!(history::last(&self.other)?.end().is_none(), "it took the time to write an end");
        let open = history::last(&self.other)?.open();
        ensure!(open.iter().any(|(_, step)| step.starts_with("install:manage0")), "no package is open: {open:?}");
        Ok(())
    }

    fn killed_after_a_file(&self) -> Result<()> {
        // The lock is still the other's, who had no time to give it back; that process is gone from this machine.
        let mut first = self.one.start(APPLY)?;
        first.says("begin   write /etc/keepalived/keepalived.conf", SOON)?;
        first.kill()?;
        let open = history::last(&self.one)?.open();
        ensure!(open.iter().any(|(_, step)| step.starts_with("configure:manage0")), "no file is open: {open:?}");
        Ok(())
    }

    fn killed_while_the_volume_is_made(&self) -> Result<()> {
        let mut first = self.one.start(APPLY)?;
        first.says("begin   make the volume", SOON)?;
        first.kill()?;
        let open = history::last(&self.one)?.open();
        ensure!(open.contains(&("storage-glusterfs".into(), "create:data".into())), "the volume is not open: {open:?}");
        Ok(())
    }

    fn the_first_manager_is_silent(&self) -> Result<()> {
        let manager = self.world.node("manage01")?;
        manager.cut()?;
        let ended = self.one.run(APPLY, LIMIT);
        manager.heal()?;
        ended?.code(4)?.says("manage01")?.never_says(INIT)?;
        self.inits_are(0)?;
        self.world.wait_ssh(&["manage01"], SOON).map(drop)
    }

    /// Until the installer has really begun.
    fn init_began(&self, running: &mut Running) -> Result<()> {
        running.says(INIT, SOON)?;
        wait_until("the installer's first line", SOON, || Ok(self.inits()? > 0)).map(drop)
    }

    fn interrupted_during_init(&self) -> Result<()> {
        let mut first = self.one.start(APPLY)?;
        self.init_began(&mut first)?;
        first.signal(Signal::INT)?;
        let ended = first.end(SOON)?.code(130)?.says("still running on manage01")?;
        ensure!(ended.stderr.contains("nothing new is begun"), "it does not say so:\n{}", ended.stderr);
        let volume = ("storage-glusterfs".to_owned(), "create:data".to_owned());
        let runs = history::runs(&self.one)?;
        let words: Vec<String> = runs.iter().flat_map(|run| runs.iter().flat_map(|earlier| run.decided(earlier))).filter(|(step, _)| *step == volume).map(|(_, word)| word).collect();
        ensure!(words == ["done"] || words == ["not-done"], "the volume was decided as {words:?}");

        self.reverse_managers()?;
        let mut again = self.one.start(APPLY)?;
        again.says(INIT, SOON)?;
        again.kill()?;
        let runs = history::runs(&self.one)?;
        let [.., interrupted, killed] = runs.as_slice() else { anyhow::bail!("there are {} runs", runs.len()) };
        let init = ("platform-rainbond".to_owned(), "init:manage01".to_owned());
        let decided = killed.decided(interrupted);
        ensure!(decided.contains(&(init.clone(), "running".into())), "the init that goes on was decided as {decided:?}");
        ensure!(killed.open().contains(&init), "init is not open in the run that was killed: {:?}", killed.open());
        self.inits_are(1)
    }

    fn cut_off_during_init(&self) -> Result<()> {
        let manager = self.world.node("manage01")?;
        let mut first = self.one.start(APPLY)?;
        first.says(INIT, SOON)?;
        // It has come back to the job by then; if not, the link breaks while it does, and all is as well.
        std::thread::sleep(Duration::from_secs(2));
        manager.cut()?;
        let fresh = self.lock_stays_fresh(Duration::from_secs(45));
        let ended = first.end(LIMIT).and_then(|ended| ended.code(4)?.says("node.lost")?.says("run `arcus apply` again: what became of it is decided by looking"));
        // While it is silent, the first of the file is another.
        let blind = self.one.run(APPLY, LIMIT);
        manager.heal()?;
        fresh?;
        ended?;
        blind?.code(4)?.says("manage01")?.never_says(INIT)?;
        self.inits_are(1)?;
        self.world.wait_ssh(&["manage01"], SOON).map(drop)
    }

    /// Whoever works gives signs of life on the managers that hear them: a lock that is a minute old may be taken.
    fn lock_stays_fresh(&self, long: Duration) -> Result<()> {
        let until = Instant::now() + long;
        while Instant::now() < until {
            for manager in ["manage02", "manage03"] {
                let age = self.world.node(manager)?.sh("echo $(( $(date +%s) - $(stat -c %Y /var/lib/arcus/*/lock) ))")?;
                let age: u64 = age.trim().parse().context("no lock")?;
                ensure!(age <= 25, "the last sign of life on {manager} is {age} s old");
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    }

    fn killed_while_a_node_is_installed(&self) -> Result<()> {
        let mut first = self.one.start(APPLY)?;
        first.says("begin   install Rainbond on manage0", SOON)?;
        first.kill()?;
        let open = history::last(&self.one)?.open();
        ensure!(open.iter().any(|(_, step)| step.starts_with("install:manage0")), "no installation is open: {open:?}");
        self.inits_are(1)
    }

    fn stopped_and_overtaken(&self) -> Result<()> {
        let mut first = self.one.start(APPLY)?;
        first.says("begin   install Rainbond on ", SOON)?;
        first.signal(Signal::STOP)?;
        let run = history::last(&self.one)?;
        self.other.run(APPLY, SOON)?.code(5)?.says(&run.id)?;
        self.other.run(&["unlock", "--run", "20200101T000000-abcdef"], SOON)?.code(5)?.says(&run.id)?;
        self.other.run(&["unlock", "--run", &run.id], SOON)?.code(0)?;
        self.other.run(&["apply", "--yes"], LIMIT)?.code(0)?;
        self.other.nothing_is_left("applied by the one who overtook", SOON)?;

        let mark = "/run/before-it-goes-on";
        for node in self.world.nodes() {
            node.sh(&format!("touch {mark}"))?;
        }
        let began = run.begun();
        let ended_before = first.lines().len();
        first.signal(Signal::CONT)?;
        let ended = first.end(LIMIT)?.code(5)?.says("run.fenced")?;
        let after = history::last(&self.one)?;
        ensure!(after.id == run.id && after.end().as_deref() == Some("fenced"), "it ended as {:?}", after.end());
        let lines: Vec<&str> = ended.stderr.lines().skip(ended_before).filter(|line| line.contains("  done    ")).collect();
        for node in self.world.nodes() {
            // All that Arcus writes to, and what its steps do; not where the running services keep their data. (The network's daemon
            // writes down its peers each few seconds, and throws it away when they are the same.)
            let places = "/etc /opt/arcus /root /usr /var/lib/arcus /var/lib/dpkg /var/lib/glusterd/vols /var/log/standin-grctl-init.log /opt/rainbond/.init /opt/rainbond/rainbond-ansible";
            let changed = node.sh(&format!("for p in {places}; do [ ! -e $p ] || find $p -xdev -newer {mark} ! -name guard ! -name bird.conf.new ! -type d; done"))?;
            ensure!(changed.trim().is_empty(), "{} was changed:\n{changed}after {began:?}; then {lines:?}", node.name());
        }
        let log = self.other.json(&["status"], 0, SOON)?;
        ensure!(log["holder"].is_null(), "somebody holds the lock: {}", log["holder"]);
        self.inits_are(1)
    }

    fn nothing_is_left(&self) -> Result<()> {
        history::all_decided(&self.one)?;
        history::all_decided(&self.other)?;
        let told = self.one.run(&["log", &history::last(&self.one)?.id], SOON)?.code(0)?;
        told.says("decided")?.says("open since run")?;
        self.one.run(&["verify"], LIMIT)?.code(0)?;
        self.one.nothing_is_left("seen by the one who was overtaken", SOON)?;
        self.one.forget()?;
        self.one.nothing_is_left("without .arcus", SOON)?;
        let third = Checkout::new(self.world, &self.one.file())?;
        third.nothing_is_left("seen from another checkout", SOON)?;
        Ok(())
    }

    fn re_ordered_when_all_is_done(&self) -> Result<()> {
        self.reverse_managers()?;
        let plan = self.one.json(&["plan"], 0, SOON)?;
        for step in plan["steps"].as_array().into_iter().chain(plan["later"].as_array()).flatten() {
            // Who holds the address may be a matter of the order; nothing else is.
            ensure!(step["plugin"] == "gateway-keepalived", "the order of the file matters to {step}");
        }
        self.one.run(APPLY_IN_THE_DARK, LIMIT)?.code(0)?.never_says(INIT)?;
        self.one.nothing_is_left("applied in the old order", SOON)?;
        self.inits_are(1)
    }

    fn killed_before_the_restart(&self) -> Result<()> {
        // Milliseconds between two signs of life. The moment may be missed on a machine that is busy with other things.
        let mut before = 250;
        for wanted in [300, 350, 400] {
            self.one.write(&gateways::with_advert(&self.one.text()?, wanted)?)?;
            let mut first = self.one.start(APPLY_IN_THE_DARK)?;
            for manager in MANAGERS {
                first.says(&format!("{manager}  done    write /etc/keepalived/keepalived.conf"), SOON)?;
            }
            first.kill()?;
            let gates = gateways::seen(self.world, &MANAGERS)?;
            ensure!(gates.iter().all(|gate| gate.written == wanted), "not all were written: {gates:?}");
            if !gates.iter().any(|gate| gate.runs == before) {
                before = wanted;
                continue;
            }
            // Lost to anybody who goes by what was written: the files are right already.
            let ended = self.one.run(APPLY_IN_THE_DARK, LIMIT)?.code(0)?;
            ensure!(!ended.stderr.contains("write /etc/keepalived"), "files were written again:\n{}", ended.stderr);
            let gates = gateways::seen(self.world, &MANAGERS)?;
            ensure!(gates.iter().all(|gate| gate.runs == wanted), "a restart was lost: {gates:?}");
            self.one.nothing_is_left("restarted", SOON)?;
            self.one.run(&["verify"], LIMIT)?.code(0)?;
            return self.inits_are(1);
        }
        anyhow::bail!("three times all gateways were restarted before the program could be killed")
    }

    fn stopped_until_its_lock_is_old(&self) -> Result<()> {
        for checkout in [&self.one, &self.other] {
            checkout.write(&gateways::with_advert(&self.one.text()?, 450)?)?;
        }
        let mut first = self.one.start(APPLY_IN_THE_DARK)?;
        first.says("done    write /etc/keepalived/keepalived.conf", SOON)?;
        first.signal(Signal::STOP)?;
        self.other.run(APPLY_IN_THE_DARK, SOON)?.code(5)?;
        // A minute goes by, as far as its sign of life tells.
        for manager in MANAGERS {
            self.world.node(manager)?.sh("touch -d '61 seconds ago' /var/lib/arcus/*/lock")?;
        }
        self.other.run(APPLY_IN_THE_DARK, LIMIT)?.code(0)?;
        self.other.nothing_is_left("applied by the other", SOON)?;
        let gates = gateways::seen(self.world, &MANAGERS)?;
        ensure!(gates.iter().all(|gate| gate.runs == 450 && gate.written == 450), "not all run with the file: {gates:?}");

        let before = gateways::starts(self.world, &MANAGERS)?;
        first.signal(Signal::CONT)?;
        first.end(LIMIT)?.code(5)?.says("run.fenced")?;
        ensure!(gateways::starts(self.world, &MANAGERS)? == before, "a gateway was restarted by the one who was overtaken");
        ensure!(history::last(&self.one)?.end().as_deref() == Some("fenced"), "its journal ends otherwise");
        self.other.nothing_is_left("after the one who was overtaken", SOON)?;
        self.inits_are(1)
    }
}
