//! What its author tests, on the fake cluster: it agrees, wherever a run is cut; and what it may not do live it is not let.

use arcus_hatch_plugin::Relay;
use arcus_sdk::fake::{Fixture, Lab, Trouble, World};
use arcus_sdk::prelude::*;

const MANIFEST: &str = include_str!("../manifest.toml");

fn in_mode(mode: &str) -> Fixture {
    let mut world = World::new();
    for (place, name) in ["one", "two", "three"].iter().enumerate() {
        world.node(name, &format!("10.99.0.1{place}"), &[if place == 0 { Role::Manage } else { Role::Compute }]);
    }
    world.simulate(|world, run| {
        let _ = run.matches(["mktemp", "--dry-run", "relay.XXXXXXXXXX"])?;
        // Another each time.
        let made = world.memory.entry("tokens".into()).or_default();
        made.push('x');
        Some(run.prints(format!("relay.{made}\n")))
    });
    world.simulate(|_, run| run.matches(["yes"]).map(|_| run.prints("y\n".repeat(1 << 20))));
    world.simulate(|_, run| run.matches(["sleep"]).map(|_| run.prints("")));
    world.simulate(|_, run| run.matches(["cat"]).map(|_| run.prints(String::from_utf8_lossy(&run.stdin))));
    Fixture::new(MANIFEST, format!("{{\"mode\": \"{mode}\"}}"), world).secret("relay-token", "relay-precious-8d1f")
}

fn bare() -> Fixture {
    in_mode("good")
}

mod kept {
    use super::*;

    #[test]
    fn apply_then_plan_is_empty() {
        arcus_sdk::fake::properties::apply_then_plan_is_empty::<Relay>(bare);
    }

    /// Whatever the token is that was made first.
    #[test]
    fn a_run_that_is_cut_in_the_midst_of_it_is_completed_by_the_next() {
        let mut cuts = 0;
        for things in 0.. {
            let mut lab = Lab::<Relay>::new(bare());
            lab.cut_live_after(Some(things));
            match lab.converge() {
                Err(Trouble::Crashed) => cuts += 1,
                Ok(_) => break,
                Err(trouble) => panic!("{trouble}"),
            }
            let before: Vec<_> = ["one", "two", "three"].iter().filter_map(|node| lab.world().read(node, "/srv/relay/token").map(|file| file.content.clone())).collect();
            lab.cut_live_after(None);
            assert!(lab.converge().unwrap().is_done(), "cut behind {things} things");
            let world = lab.world();
            let after = &world.read("three", "/srv/relay/token").unwrap().content;
            assert!(before.iter().all(|token| token == after), "what was agreed on was given up, cut behind {things} things");
        }
        // Three nodes opened and read, one program, three files.
        assert_eq!(cuts, 10);
    }

    #[test]
    fn the_rest_of_what_every_plugin_keeps() {
        arcus_sdk::fake::properties::later_rounds_were_announced::<Relay>(bare);
        arcus_sdk::fake::properties::deterministic::<Relay>(bare);
        arcus_sdk::fake::properties::verify_is_honest::<Relay>(bare);
    }
}

#[test]
fn what_it_may_not_do_live_it_is_not_let() {
    for (mode, words) in [
        ("other-node", "session.node: two is not among the nodes of this step: one"),
        ("climb", "session.denied: storage-relay may not write /srv/relay/../../etc/cron.d/relay"),
        ("outside", "session.denied: storage-relay may not write /etc/cron.d/relay"),
        ("shell", "session.denied: storage-relay may not run `sh -c reboot`"),
        ("private", "session.secret: what /etc/shadow holds is kept from every plugin"),
        ("echo", "relay.echo: it says (secret)"),
        ("flood", "relay.flood: 1048576 bytes came, cut: true"),
    ] {
        match Lab::<Relay>::new(in_mode(mode)).converge() {
            Err(Trouble::Failed { step, why }) => assert!(step == "agree:one" && why.contains(words), "{mode}: {why}"),
            other => panic!("{mode}: {other:?}"),
        }
    }
}

#[test]
fn a_node_that_does_not_answer_holds_it_up() {
    let mut lab = Lab::<Relay>::new(bare());
    lab.world().machine("three").reachable = false;
    let report = lab.converge().unwrap();
    assert!(!report.is_done() && !report.performed().contains(&"agree:one"), "{report:?}");
    assert!(lab.world().read("one", "/srv/relay/token").is_none());
    lab.world().machine("three").reachable = true;
    assert!(lab.converge().unwrap().is_done());
}

#[test]
fn a_manifest_that_does_not_ask_for_it_is_not_enough() {
    let manifest = MANIFEST.replace("\"directory\", \"call\"", "\"directory\"");
    match Lab::<Relay>::new(Fixture::new(&manifest, "{}", in_mode("good").world)).plan() {
        Err(Trouble::Denied(reasons)) => assert!(reasons[0].contains("it may not do a call"), "{reasons:?}"),
        other => panic!("{other:?}"),
    }
}
