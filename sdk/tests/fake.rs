//! The harness itself: a sound plugin passes all properties, and each flaw is found by the property that is for it.

use arcus_sdk::fake::properties as property;
use arcus_sdk::fake::{Fixture, Lab, Package, Trouble, World};
use arcus_sdk::prelude::*;
use std::cell::Cell;

/// No flaw.
const SOUND: u8 = 0;
/// The service does not say what it reads.
const FORGETS_RESTART: u8 = 1;
/// Two steps want different things of one file.
const FIGHTS_ITSELF: u8 = 2;
/// A step appears only once another is done.
const SURPRISES: u8 = 3;
/// Every plan is different.
const ROLLS_DICE: u8 = 4;
/// Joins before what is joined runs.
const NO_ORDER: u8 = 5;
/// Checks only that the unit is there.
const LOOKS_AWAY: u8 = 6;
/// Silence counts as fine.
const CREDULOUS: u8 = 7;
/// A command's goal is something else than what the command does.
const WRONG_GOAL: u8 = 8;
/// A file is written where the manifest does not allow it.
const OVERREACHES: u8 = 9;
/// What it does on one node depends on who answers, and that is not announced.
const FOLLOWS_THE_LOUDEST: u8 = 10;
/// Others are told to mount what it may not write.
const OFFERS_TOO_MUCH: u8 = 11;

/// A service `echod` on all nodes, of which the first has the others join.
struct Echo<const FLAW: u8>;

#[derive(serde::Deserialize)]
struct Config {
    port: u16,
}

const CONF: &str = "/etc/echod.conf";
const UNIT: &str = "echod.service";

thread_local! {
    static DICE: Cell<u32> = const { Cell::new(0) };
}

fn conf(port: u16) -> File {
    file(CONF).mode(0o600).content(text!["port ", port.to_string(), "\ntoken ", secret("token"), "\n"]).into()
}

impl<const FLAW: u8> Plugin for Echo<FLAW> {
    type Config = Config;

    fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
        let seen = cluster.ask_many(&cluster.nodes, (probe::os(), probe::package("echod")));
        let port = cluster.config.port;
        let mut up = Vec::new();
        for node in &cluster.nodes {
            let (os, installed) = seen.of(node);
            let name = os.known().filter(|os| os.is_like("debian")).map_or("echo-server", |_| "echod");
            let package = plan.package("install", node, name).known(os);
            let mut written = plan.file("configure", node, conf(port)).after([&package]);
            if FLAW == FIGHTS_ITSELF {
                written = plan.file("configure-again", node, file(CONF).content("port 1\n")).after([&written]);
            }
            if FLAW == ROLLS_DICE {
                let dice = DICE.with(|dice| dice.replace(dice.get() + 1));
                written = written.title(format!("roll {dice}"));
            }
            if FLAW == OVERREACHES {
                plan.file("reach", node, file("/etc/passwd").content("")).after([&written]);
            }
            let mut service = plan.service("run", node, UNIT).after([&written]).group("echo");
            if FLAW != FORGETS_RESTART {
                service = service.newer_than([CONF]);
            }
            if FLAW == SURPRISES && installed.is_known_and(Option::is_some) {
                plan.file("surprise", node, file("/etc/echod.d").content("")).after([&service]);
            }
            up.push(service);
        }
        let first = if FLAW == FOLLOWS_THE_LOUDEST {
            seen.iter().find(|(_, (os, _))| os.known().is_some()).and_then(|(name, _)| cluster.node(name)).unwrap_or(&cluster.nodes[0])
        } else {
            &cluster.nodes[0]
        };
        for (place, node) in cluster.nodes.iter().enumerate().filter(|(_, node)| node.name != first.name) {
            let requests = if FLAW == WRONG_GOAL { vec![probe::service(UNIT).on(node)] } else { vec![probe::query("members", []).on(first)] };
            let mut join = plan.command("join", first, ["echoctl", "join", &node.address]).until(requests, format!("{} is a member", node.name), 5).about(node);
            if FLAW != NO_ORDER {
                join = join.after([&up[place], &up[0]]);
            }
            join.provides("echo.joined");
        }
        Ok(())
    }

    fn goals() -> Goals<Config> {
        Goals::new().on("join", |_, case| {
            if FLAW == WRONG_GOAL {
                return if case.get::<Option<ServiceFact>>(0)?.as_ref().is_some_and(|unit| unit.active) { met() } else { unmet("not up") };
            }
            let members = case.get::<Output>(0)?.text();
            let address = &case.node()?.address;
            if members.lines().any(|line| line == address) { met() } else { unmet(format!("{address} is no member")) }
        })
    }

    fn verify(cluster: &Cluster<Config>, checks: &mut Checks) -> Result<(), Problem> {
        let asks = (probe::service_with(UNIT, [CONF]), probe::file_is(conf(cluster.config.port)));
        let seen = cluster.ask_many(&cluster.nodes, asks);
        for node in &cluster.nodes {
            let (service, file) = seen.of(node);
            let check = checks.on(node, "running", "echod runs with its configuration");
            match (service, file) {
                (Known(Some(_)), _) if FLAW == LOOKS_AWAY => check.passed("it is there"),
                (Unknown(_), _) if FLAW == CREDULOUS => check.passed("nothing was said against it"),
                (Unknown(problem), _) | (_, Unknown(problem)) => check.unanswered(problem),
                (Known(Some(unit)), Known(Likeness::Same)) if unit.active && !unit.stale => check.passed("up"),
                (Known(Some(unit)), _) if unit.since_s < 3 => check.pending(3 - unit.since_s as u32, "settling"),
                _ => check.failed("not so"),
            }
        }
        Ok(())
    }
}

impl<const FLAW: u8> Storage for Echo<FLAW> {
    fn offer(_: &Cluster<Config>) -> Result<StorageOffer, Vec<Problem>> {
        let own = FLAW == OFFERS_TOO_MUCH;
        let (source, fstype, options) = if own { ("/root", "none", vec!["bind".into()]) } else { ("10.0.0.9:/srv", "nfs4", vec![]) };
        Ok(StorageOffer { source: source.into(), fstype: fstype.into(), options, local: vec![] })
    }
}

const MANIFEST: &str = r#"
name = "storage-echo"
version = "0.1.0"
concern = "storage"
contract = "0.1"
summary = "For the harness's tests."
[grant]
actions = ["package", "file", "service", "command"]
packages = ["echod", "echo-server"]
services = ["echod.service"]
read = ["/etc/echod.conf"]
write = ["/etc/echod.conf", "/etc/echod.d"]
[[grant.command]]
argv = ["echoctl", "join", "<address>"]
[[grant.query]]
id = "members"
argv = ["echoctl", "members"]
[grant.secrets.token]
origin = "generated"
length = 12
"#;

fn bare() -> Fixture {
    let mut world = World::new();
    for (name, address) in [("one", "10.0.0.1"), ("two", "10.0.0.2"), ("three", "10.0.0.3")] {
        world.node(name, address, &[Role::Storage]);
    }
    world.offers(Package::new("echod", "1.2").file(CONF, "port 7\n").unit(UNIT).reads(&[CONF]).started());
    world.simulate(|world, run| {
        run.matches(["echoctl", "members"])?;
        if !world.at(&run.node).runs(UNIT) {
            return Some(run.fails(1, "echod does not run\n"));
        }
        Some(run.prints(world.memory.get("members").cloned().unwrap_or_default()))
    });
    world.simulate(|world, run| {
        let [address] = run.matches(["echoctl", "join"])? else { return None };
        let other = world.by_address(address)?.to_owned();
        let talks = |node: &str| world.at(node).runs_with(UNIT, CONF).is_some_and(|conf| conf.contains("token value-of"));
        if !talks(&run.node) || !talks(&other) {
            return Some(run.fails(2, format!("{address} does not talk to us\n")));
        }
        let members = world.memory.entry("members".into()).or_default();
        if members.lines().any(|member| member == address) {
            return Some(run.fails(3, format!("{address} is a member already\n")));
        }
        members.push_str(&format!("{address}\n"));
        let sorted = { let mut all: Vec<_> = members.lines().collect(); all.sort(); all.join("\n") + "\n" };
        *members = sorted;
        Some(run.prints("joined\n"))
    });
    Fixture::new(MANIFEST, r#"{"port": 7007}"#, world)
}

mod sound {
    use super::*;
    arcus_sdk::properties!(Echo<SOUND>, bare);
}

#[test]
#[should_panic(expected = "still runs with what /etc/echod.conf said before")]
fn a_forgotten_restart_is_found() {
    // The command needs the restart in this world; without it, only the harness can tell.
    property::apply_then_plan_is_empty::<Echo<FORGETS_RESTART>>(lonely);
}

/// One node: nothing is joined.
fn lonely() -> Fixture {
    let mut fixture = bare();
    fixture.world.nodes.truncate(1);
    fixture.world.machines.retain(|name, _| name == "one");
    fixture
}

#[test]
#[should_panic(expected = "does not converge: step configure:one was done and comes back")]
fn steps_that_undo_each_other_are_found() {
    property::apply_then_plan_is_empty::<Echo<FIGHTS_ITSELF>>(lonely);
}

#[test]
#[should_panic(expected = "no step or intent of this name was shown")]
fn an_unannounced_step_is_found() {
    property::later_rounds_were_announced::<Echo<SURPRISES>>(bare);
}

#[test]
#[should_panic(expected = "with one silent at first, then back: outside of what was announced")]
fn a_plan_that_depends_on_who_answers_is_found() {
    property::later_rounds_were_announced::<Echo<FOLLOWS_THE_LOUDEST>>(bare);
}

#[test]
#[should_panic(expected = "two plans of the same differ")]
fn chance_is_found() {
    property::deterministic::<Echo<ROLLS_DICE>>(bare);
}

#[test]
#[should_panic(expected = "a query of it changed something")]
fn a_query_that_changes_something_is_found() {
    property::deterministic::<Echo<SOUND>>(|| {
        let mut fixture = bare();
        let mut world = World::new();
        world.simulate(|world, run| {
            run.matches(["echoctl", "members"])?;
            let asked = world.memory.entry("asked".into()).or_default();
            asked.push('x');
            Some(run.prints(""))
        });
        world.nodes = fixture.world.nodes.clone();
        world.machines = fixture.world.machines.clone();
        fixture.world = world;
        fixture
    });
}

#[test]
#[should_panic(expected = "does not talk to us")]
fn a_missing_edge_is_found() {
    property::apply_then_plan_is_empty::<Echo<NO_ORDER>>(bare);
}

#[test]
#[should_panic(expected = "and every check passes")]
fn a_check_that_looks_away_is_found() {
    property::verify_is_honest::<Echo<LOOKS_AWAY>>(bare);
}

#[test]
#[should_panic(expected = "does not answer, and its check `running` passes")]
fn silence_taken_for_well_is_found() {
    property::verify_is_honest::<Echo<CREDULOUS>>(bare);
}

#[test]
#[should_panic(expected = "it comes to something else")]
fn a_goal_beside_the_point_is_found() {
    // Met as soon as the service runs: who crashes right before the command never has it performed.
    property::every_prefix_can_be_resumed::<Echo<WRONG_GOAL>>(bare);
}

#[test]
fn what_the_manifest_does_not_grant_is_denied() {
    let lab = Lab::<Echo<OVERREACHES>>::new(bare());
    let Err(Trouble::Denied(reasons)) = lab.plan() else { panic!("it was planned") };
    assert!(reasons.iter().any(|reason| reason.contains("/etc/passwd")), "{reasons:?}");
}

#[test]
fn what_others_are_told_is_held_against_the_manifest() {
    assert!(Lab::<Echo<SOUND>>::new(bare()).storage_offer().is_ok());
    let Err(Trouble::Denied(reasons)) = Lab::<Echo<OFFERS_TOO_MUCH>>::new(bare()).storage_offer() else { panic!("it was offered") };
    assert_eq!(reasons, ["storage-echo: it would have others mount the node's own /root, which it may not write"]);
}

#[test]
fn a_silent_node_is_left_alone_and_the_run_is_not_done() {
    let mut lab = Lab::<Echo<SOUND>>::new(bare());
    lab.world().machine("two").reachable = false;
    let report = lab.converge().unwrap();
    assert!(!report.is_done());
    let left = report.left();
    assert!(left["install:two"].starts_with("later:"), "{left:?}");
    assert!(left.contains_key("join:two"), "{left:?}");
    assert_eq!(lab.world().at("two").packages.len(), 0);
    // Its service's group stands still, since a member of it did not answer.
    assert!(left["run:one"].contains("two of its group did not answer"), "{left:?}");
}

#[test]
fn a_restart_that_a_crash_prevented_is_made_good() {
    let mut lab = Lab::<Echo<SOUND>>::new(lonely());
    // Behind the package and the file, before the restart.
    lab.crash_after(Some(2));
    assert_eq!(lab.converge().unwrap_err(), Trouble::Crashed);
    assert_eq!(lab.world().at("one").runs_with(UNIT, CONF).unwrap(), "port 7\n");
    lab.crash_after(None);
    assert!(lab.converge().unwrap().is_done());
    assert!(lab.world().at("one").runs_with(UNIT, CONF).unwrap().starts_with("port 7007\n"));
    assert_eq!(lab.world().at("one").units[UNIT].starts, 2);
}

#[test]
fn a_broken_member_is_noticed_and_mended() {
    let mut lab = Lab::<Echo<SOUND>>::new(bare());
    lab.converge().unwrap();
    lab.world().write("three", CONF, "port 1\n");
    let report = lab.converge().unwrap();
    assert!(report.is_done());
    assert_eq!(report.performed(), ["configure:three", "run:three"]);
}

/// A command without a goal, and a goal without a judge, never leave the plugin.
mod refused {
    use super::*;

    struct Careless;
    impl Plugin for Careless {
        type Config = Config;
        fn plan(cluster: &Cluster<Config>, plan: &mut Plan) -> Result<(), Problem> {
            let node = &cluster.nodes[0];
            let _ = plan.command("bare", node, ["echoctl", "join", "10.0.0.9"]);
            plan.wait("judged-by-nobody", node, [probe::os().on(node)], "something", 1);
            plan.join("twice", node, []);
            plan.join("twice", node, []);
            plan.join("Not Plain", node, []);
            Ok(())
        }
        fn goals() -> Goals<Config> {
            Goals::new()
        }
        fn verify(_: &Cluster<Config>, _: &mut Checks) -> Result<(), Problem> {
            Ok(())
        }
    }

    #[test]
    fn mistakes_are_refused_all_at_once() {
        let Err(Trouble::Refused(problems)) = Lab::<Careless>::new(bare()).plan() else { panic!("it was planned") };
        let codes: Vec<&str> = problems.iter().map(|problem| problem.code.as_str()).collect();
        assert_eq!(codes, ["plugin.no-goal", "plugin.no-judge", "plugin.duplicate-step", "plugin.verb"]);
    }

    #[test]
    fn a_config_that_does_not_read_points_to_its_place() {
        let mut fixture = bare();
        fixture.config = r#"{"port": "seven"}"#.into();
        let Err(Trouble::Refused(problems)) = Lab::<Careless>::new(fixture).plan() else { panic!("it was planned") };
        assert_eq!((problems[0].code.as_str(), problems[0].pointer.as_deref()), ("plugin.config", Some("/port")));
    }
}
