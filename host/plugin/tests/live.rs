//! Steps that run live: what a guest may do with its session, and how far it comes with what nobody gave it.

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use arcus_contract::{actions::Call, facts::Output, types::Problem};
use arcus_plugin::{CallError, Failure, Live, Plugin, Source};
use async_trait::async_trait;
use support::{Bench, Guest, Parrot, input, problem};

/// Notes what is done; a command takes so long.
#[derive(Default)]
struct Scribe {
    done: Mutex<Vec<String>>,
    takes: Duration,
}

#[async_trait]
impl Live for Scribe {
    async fn exec(&self, node: &str, argv: Vec<String>, _: String, timeout_s: u32) -> Result<Output, Problem> {
        self.done.lock().unwrap().push(format!("{node}: {} ({timeout_s} s)", argv.join(" ")));
        tokio::time::sleep(self.takes).await;
        Ok(Output { status: 0, stdout: b"y".to_vec(), stderr: vec![], truncated: false })
    }
    async fn read(&self, node: &str, _: String) -> Result<Vec<u8>, Problem> {
        Err(problem("scribe", node))
    }
    async fn write(&self, node: &str, _: String, _: Vec<u8>, _: u32) -> Result<(), Problem> {
        Err(problem("scribe", node))
    }
    fn refused(&self, node: &str, what: &str, problem: &Problem) {
        self.done.lock().unwrap().push(format!("{node}: {what} refused, {}", problem.code));
    }
}

/// Opens the node whose name lies there, and goes on with its session, or gives back why not.
fn open(name: u32, then: &str) -> String {
    format!("(call $open (local.get $fleet) (i32.const {name}) (i32.const 2) (i32.const 512)) (if (i32.load8_u (i32.const 512)) (then (return (i32.const 512)))) (local.set $session (i32.load (i32.const 516))) {then}")
}

/// Runs the argv that lies there; its result lies at 768.
fn exec(session: &str, argv: u32) -> String {
    format!("(call $exec {session} (i32.const {argv}) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 900) (i32.const 768))")
}

const N1: u32 = 16;
const N2: u32 = 56;
const YES: u32 = 64;
const SH: u32 = 96;

async fn load(bench: &Bench, body: &str) -> Plugin {
    bench.sandbox().load(Source::Bytes("tried", &Guest::live(body).build_live())).await.unwrap_or_else(|error| panic!("{error}"))
}

fn call() -> Call {
    Call { name: "live".into(), args: "{}".into(), nodes: vec!["n1".into()] }
}

async fn lived(bench: &Bench, scribe: &Arc<Scribe>, body: &str, seconds: u64) -> Result<(), Failure> {
    load(bench, body).await.live(scribe.clone(), &call(), Duration::from_secs(seconds)).await
}

fn broken(said: Result<(), Failure>) -> Box<CallError> {
    match said {
        Err(Failure::Call(error)) => error,
        other => panic!("it was not ended: {other:?}"),
    }
}

fn told(said: Result<(), Failure>) -> Problem {
    match said {
        Err(Failure::Problems(mut problems)) => problems.remove(0),
        other => panic!("it did not say so: {other:?}"),
    }
}

#[tokio::test]
async fn it_runs_what_its_manifest_has_on_the_nodes_of_its_step() {
    let (bench, scribe) = (Bench::new(), Arc::<Scribe>::default());
    let body = open(N1, &format!("{} (i32.const 768)", exec("(local.get $session)", YES)));
    lived(&bench, &scribe, &body, 60).await.unwrap();
    // It has no more time than its step.
    let done = scribe.done.lock().unwrap().clone();
    assert!(done.len() == 1 && (done[0] == "n1: yes (60 s)" || done[0] == "n1: yes (59 s)"), "{done:?}");
}

#[tokio::test]
async fn what_was_not_granted_never_reaches_a_node() {
    let (bench, scribe) = (Bench::new(), Arc::<Scribe>::default());
    let found = told(lived(&bench, &scribe, &open(N2, "(i32.const 512)"), 60).await);
    assert_eq!((found.code.as_str(), found.node.as_deref()), ("session.node", Some("n2")));
    let found = told(lived(&bench, &scribe, &open(N1, &format!("{} (i32.const 768)", exec("(local.get $session)", SH))), 60).await);
    assert_eq!(found.code, "session.denied");
    assert!(found.help.is_some_and(|help| help.contains("grant.command")));
    assert_eq!(*scribe.done.lock().unwrap(), ["n2: open it refused, session.node", "n1: run sh refused, session.denied"]);
}

#[tokio::test]
async fn one_that_never_ends_is_ended() {
    let scribe = Arc::<Scribe>::default();
    let endless = open(N1, &format!("(loop $again {} (br $again)) (unreachable)", exec("(local.get $session)", YES)));
    let mut bench = Bench::new();
    bench.options.limits.live = 20;
    let error = broken(lived(&bench, &scribe, &endless, 60).await);
    assert_eq!((error.code(), error.message.as_str()), ("plugin.asks", "it did more than 20 things live in one step"));
    // One was opening it.
    assert_eq!(scribe.done.lock().unwrap().len(), 19);
    // What it did is done: nobody says that nothing was changed.
    assert!(error.help().contains("arcus log") && !error.help().contains("Nothing was changed"), "{}", error.help());
    let mut bench = Bench::new();
    bench.options.limits.cpu = Duration::from_millis(100);
    assert_eq!(broken(lived(&bench, &scribe, "(loop $again (br $again)) (unreachable)", 60).await).code(), "plugin.hang");
}

#[tokio::test]
async fn after_its_time_nothing_more_is_done() {
    let scribe = Arc::new(Scribe { takes: Duration::from_millis(1_200), ..Scribe::default() });
    let twice = format!("{} {}", exec("(local.get $session)", YES), exec("(local.get $session)", YES));
    let found = told(lived(&Bench::new(), &scribe, &open(N1, &format!("{twice} (i32.const 768)")), 2).await);
    assert_eq!(found.code, "session.ended");
    let done = scribe.done.lock().unwrap();
    assert!(done.len() == 2 && done[0] == "n1: yes (1 s)" && done[1] == "n1: run yes refused, session.ended", "{done:?}");
}

/// A handle is a number, and any number can be tried.
#[tokio::test]
async fn a_session_that_nobody_gave_is_none() {
    let (bench, scribe) = (Bench::new(), Arc::<Scribe>::default());
    for number in ["(i32.const 0)", "(i32.const 1)", "(i32.const 2)", "(i32.const 77)", "(local.get $fleet)"] {
        let error = broken(lived(&bench, &scribe, &format!("{} (i32.const 768)", exec(number, YES)), 60).await);
        assert!(matches!(error.code(), "plugin.trap" | "plugin.output"), "{number}: {error}");
    }
    assert_eq!(*scribe.done.lock().unwrap(), [""; 0]);
    // Nor is there one where nothing runs live, though the component could.
    let mut guest = Guest::live("(i32.const 1024)");
    guest.body = format!("{} (i32.const 1024)", exec("(i32.const 1)", YES));
    let plugin = bench.sandbox().load(Source::Bytes("tried", &guest.build_live())).await.unwrap();
    match plugin.plan(Parrot, &input()).await {
        Err(Failure::Call(error)) => assert!(matches!(error.code(), "plugin.trap" | "plugin.output"), "{error}"),
        other => panic!("{other:?}"),
    }
}

/// It keeps what it opened, and tries it in the next step.
#[tokio::test]
async fn a_session_ends_with_its_step() {
    let (bench, scribe) = (Bench::new(), Arc::<Scribe>::default());
    let again = format!("(if (global.get $kept) (then {} (return (i32.const 768))))", exec("(global.get $kept)", YES));
    let body = format!("{again} {}", open(N1, "(global.set $kept (local.get $session)) (i32.const 1024)"));
    let plugin = load(&bench, &body).await;
    let call = call();
    for _ in 0..2 {
        plugin.live(scribe.clone(), &call, Duration::from_secs(60)).await.unwrap();
    }
    // Had anything been kept, the second would have run it.
    assert_eq!(*scribe.done.lock().unwrap(), [""; 0]);
}
