//! Calls: a good plugin is served, and a hostile one ends with its own clear error, while the host stays well.

mod support;

use std::time::{Duration, Instant};

use arcus_contract::{
    checks::Weighing,
    facts::{Answer, Request},
};
use arcus_plugin::{Asker, CallError, Export, Failure, Kind, Level, Plugin, Round};
use support::{Bench, Guest, NOTHING, Parrot, ask, echo, input, problem};

fn broken(failure: Failure) -> CallError {
    match failure {
        Failure::Call(error) => *error,
        Failure::Problems(problems) => panic!("its own problems: {problems:?}"),
    }
}

async fn fails(plugin: &Plugin) -> CallError {
    broken(plugin.plan(Parrot, &input()).await.expect_err("a hostile plugin"))
}

#[tokio::test]
async fn a_good_plugin_asks_and_is_answered() {
    let plugin = Bench::new().load(&Guest::new(&echo())).await;
    assert_eq!(plugin.name(), "storage-tried");
    for _ in 0..2 {
        let desired = plugin.plan(Parrot, &input()).await.unwrap();
        assert_eq!(desired.steps, []);
        assert_eq!(desired.warnings, [problem("parrot", "storage-tried asks n1")]);
    }
    assert!(plugin.verify(Parrot, &input()).await.unwrap().checks.is_empty());
}

#[tokio::test]
async fn nothing_can_be_asked_where_no_node_is_there() {
    let plugin = Bench::new().load(&Guest::new(&format!("{} (unreachable)", ask(1))).more("")).await;
    // `offer` of this guest asks like its plan, then traps: the trap shows that the answer came at all.
    assert_eq!(broken(plugin.offer_storage(&input()).await.unwrap_err()).kind, Kind::Trap);
    // The storage offer begins with a text: give the problem's code as the source.
    let body = format!(
        "{} (i32.store offset=4 (i32.const {NOTHING}) (i32.load offset=8 (i32.load (i32.const 512))))
         (i32.store offset=8 (i32.const {NOTHING}) (i32.load offset=12 (i32.load (i32.const 512)))) (i32.const {NOTHING})",
        ask(1)
    );
    let plugin = Bench::new().load(&Guest::new(&body)).await;
    assert_eq!(plugin.offer_storage(&input()).await.unwrap().source, "ask.not-now");
}

#[tokio::test]
async fn what_is_not_permitted_never_reaches_the_nodes() {
    struct Never;
    #[async_trait::async_trait]
    impl Asker for Never {
        async fn ask(&self, _: &str, _: Vec<Request>) -> Vec<Answer> {
            panic!("asked")
        }
    }
    let mut bench = Bench::new();
    bench.options.permit = std::sync::Arc::new(|manifest, _| Err(problem("node.denied", &manifest.name)));
    let plugin = bench.load(&Guest::new(&echo())).await;
    let desired = plugin.plan(Never, &input()).await.unwrap();
    assert_eq!(desired.warnings, [problem("node.denied", "storage-tried")]);
}

#[tokio::test]
async fn an_asker_that_panics_is_a_lost_answer() {
    struct Panics;
    #[async_trait::async_trait]
    impl Asker for Panics {
        async fn ask(&self, _: &str, _: Vec<Request>) -> Vec<Answer> {
            panic!("on purpose")
        }
    }
    let plugin = Bench::new().load(&Guest::new(&echo())).await;
    assert_eq!(plugin.plan(Panics, &input()).await.unwrap().warnings[0].code, "ask.lost");
}

#[tokio::test]
async fn a_function_of_another_concern_is_missing() {
    let plugin = Bench::new().load(&Guest::new(&echo())).await;
    let error = broken(plugin.demands(&input()).await.unwrap_err());
    assert_eq!((error.kind, error.code(), error.export), (Kind::Missing, "plugin.missing", Export::Demands));
}

#[tokio::test]
async fn an_error_without_a_reason_is_no_answer() {
    let plugin = Bench::new().load(&Guest::new(&echo())).await;
    let error = broken(plugin.drills(Parrot, &input()).await.unwrap_err());
    assert_eq!(error.kind, Kind::Output);
}

#[tokio::test]
async fn every_goal_gets_a_verdict() {
    let plugin = Bench::new().load(&Guest::new(&echo())).await;
    assert!(plugin.judge(&input(), &[], &[]).await.unwrap().is_empty());
    let case = Weighing { step: "s".into(), expect: "e".into(), seen: vec![] };
    let error = plugin.judge(&input(), &[case], &[]).await.unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (Kind::Output, "it gave 0 verdicts on 1 goals"));
}

#[tokio::test]
async fn an_endless_loop_is_stopped_by_its_own_time() {
    let mut bench = Bench::new();
    bench.options.limits.cpu = Duration::from_millis(100);
    let plugin = bench.load(&Guest::new("(loop $for_ever (br $for_ever)) (unreachable)")).await;
    let error = fails(&plugin).await;
    assert_eq!((error.kind, error.code()), (Kind::Hang, "plugin.hang"));
    assert_eq!(error.message, "it used up its 0.1 s of processor time");
    // The next call is a new one.
    assert_eq!(fails(&plugin).await.kind, Kind::Hang);
}

#[tokio::test]
async fn others_run_while_one_spins() {
    let mut bench = Bench::new();
    bench.options.limits.cpu = Duration::from_secs(1);
    let plugin = bench.load(&Guest::new("(loop $for_ever (br $for_ever)) (unreachable)")).await;
    // One thread for both: without the guest's yielding, the timer would come second.
    let spins = tokio::spawn(async move { fails(&plugin).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!spins.is_finished());
    assert_eq!(spins.await.unwrap().kind, Kind::Hang);
}

#[tokio::test]
async fn waiting_for_nodes_is_not_the_plugins_time() {
    struct Slow;
    #[async_trait::async_trait]
    impl Asker for Slow {
        async fn ask(&self, plugin: &str, requests: Vec<Request>) -> Vec<Answer> {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Parrot.ask(plugin, requests).await
        }
    }
    let mut bench = Bench::new();
    bench.options.limits.cpu = Duration::from_millis(100);
    let plugin = bench.load(&Guest::new(&echo())).await;
    assert_eq!(plugin.plan(Slow, &input()).await.unwrap().warnings.len(), 1);
}

#[tokio::test]
async fn an_answer_that_never_comes_ends_by_the_clock() {
    struct Silent;
    #[async_trait::async_trait]
    impl Asker for Silent {
        async fn ask(&self, _: &str, _: Vec<Request>) -> Vec<Answer> {
            std::future::pending().await
        }
    }
    let mut bench = Bench::new();
    bench.options.limits.wall = Duration::from_millis(200);
    let plugin = bench.load(&Guest::new(&echo())).await;
    let error = broken(plugin.plan(Silent, &input()).await.unwrap_err());
    assert_eq!((error.kind, error.message.as_str()), (Kind::Hang, "it was not done after 0.2 s"));
}

#[tokio::test]
async fn endless_asking_is_stopped() {
    let mut bench = Bench::new();
    bench.options.limits.asks = 5;
    let plugin = bench.load(&Guest::new(&format!("{} (loop $for_ever (call $ask (local.get $requests) (i32.const 1) (i32.const 512)) (br $for_ever)) (unreachable)", ask(1)))).await;
    let error = fails(&plugin).await;
    assert_eq!((error.kind, error.message.as_str()), (Kind::Asks, "it asked more than 5 times in one call"));
}

#[tokio::test]
async fn asking_too_much_at_once_is_stopped() {
    let mut bench = Bench::new();
    bench.options.limits.requests = 99;
    let plugin = bench.load(&Guest::new(&format!("{} (i32.const {NOTHING})", ask(100)))).await;
    let error = fails(&plugin).await;
    assert_eq!((error.kind, error.message.as_str()), (Kind::Asks, "it asked for more than 99 answers in one call"));
    bench.options.limits.requests = 100;
    let plugin = bench.load(&Guest::new(&format!("{} (i32.const {NOTHING})", ask(100)))).await;
    assert!(plugin.plan(Parrot, &input()).await.is_ok());
}

#[tokio::test]
async fn a_memory_bomb_is_stopped_at_the_limit() {
    let plugin = Bench::new().load(&Guest::new("(loop $more (drop (memory.grow (i32.const 16))) (br $more)) (unreachable)")).await;
    let error = fails(&plugin).await;
    assert_eq!((error.kind, error.code()), (Kind::Memory, "plugin.memory"));
    assert!(error.message.starts_with("it wanted 67239936 bytes of memory, and a plugin may have 67108864"), "{}", error.message);
}

#[tokio::test]
async fn a_memory_that_is_born_too_large_is_refused_in_its_first_call() {
    let guest = Guest::new("(i32.const 1024)").more("(table 200000 funcref)");
    let error = fails(&Bench::new().load(&guest).await).await;
    assert_eq!(error.kind, Kind::Memory, "{error}");
}

#[tokio::test]
async fn a_stack_bomb_is_stopped() {
    let guest = Guest::new("(call $deep (i32.const 1))").more(
        "(func $deep (param $n i32) (result i32) (i32.add (local.get $n) (call $deep (i32.add (local.get $n) (i32.const 1)))))",
    );
    let error = fails(&Bench::new().load(&guest).await).await;
    assert_eq!((error.kind, error.code()), (Kind::Stack, "plugin.stack"));
    assert!(error.backtrace[0].contains("deep"), "{:?}", error.backtrace);
}

#[tokio::test]
async fn a_log_flood_is_cut_and_counted() {
    let bench = Bench::new();
    let guest = Guest::new(
        "(local $i i32)
         (loop $flood
           (call $emit (i32.const 1) (i32.const 0) (i32.const 65536))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $flood (i32.lt_u (local.get $i) (i32.const 3000))))
         (i32.const 1024)",
    );
    bench.load(&guest).await.plan(Parrot, &input()).await.unwrap();
    let logs = bench.logs.lock().unwrap();
    assert_eq!(logs.len(), 1001);
    assert!(logs[..1000].iter().all(|line| line.message.len() == 4096 && line.level == Level::Info));
    assert_eq!(logs[1000].message, "2000 more lines were dropped");
}

#[tokio::test]
async fn a_panic_tells_its_words() {
    let bench = Bench::new();
    // After so many lines that this one is dropped from the log.
    let guest = Guest::new(
        "(local $i i32)
         (loop $flood
           (call $emit (i32.const 0) (i32.const 0) (i32.const 1))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $flood (i32.lt_u (local.get $i) (i32.const 1000))))
         (call $emit (i32.const 2) (i32.const 32) (i32.const 33))
         (call $boom) (i32.const 1024)",
    )
    .more(r#"(data (i32.const 32) "panic: at src/lib.rs:5:9: no peer") (func $boom (unreachable))"#);
    let error = fails(&bench.load(&guest).await).await;
    assert_eq!((error.kind, error.code()), (Kind::Trap, "plugin.trap"));
    assert_eq!(error.panic.as_deref(), Some("panic: at src/lib.rs:5:9: no peer"));
    assert_eq!(error.to_string(), "plugin `storage-tried` failed in `lifecycle.plan`: panic: at src/lib.rs:5:9: no peer");
    assert_eq!(error.backtrace[..2], ["boom", "plan"], "{:?}", error.backtrace);
}

/// A plan of a thousand steps whose every text is the same 32 MiB: 1 MB in the guest, terabytes in the host.
#[tokio::test]
async fn a_plan_of_gigabytes_is_refused_before_it_is_copied() {
    let guest = Guest::new(
        "(local $i i32) (local $steps i32) (local $step i32)
         (drop (memory.grow (i32.const 600)))
         (local.set $steps (call $alloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.mul (global.get $stride) (i32.const 1000))))
         (loop $each
           (local.set $step (i32.add (local.get $steps) (i32.mul (local.get $i) (global.get $stride))))
           (i32.store (local.get $step) (i32.const 4194304))
           (i32.store offset=4 (local.get $step) (i32.const 33554432))
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $each (i32.lt_u (local.get $i) (i32.const 1000))))
         (i32.store offset=4 (i32.const 1024) (local.get $steps))
         (i32.store offset=8 (i32.const 1024) (i32.const 1000))
         (i32.const 1024)",
    );
    let plugin = Bench::new().load(&guest).await;
    let before = Instant::now();
    let error = fails(&plugin).await;
    assert_eq!((error.kind, error.code()), (Kind::Output, "plugin.output"));
    assert_eq!(error.message, "it handed over too much at once");
    assert!(before.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn a_plan_of_too_many_steps_is_refused() {
    let mut bench = Bench::new();
    bench.options.limits.steps = 10;
    let guest = Guest::new(
        "(i32.store offset=4 (i32.const 1024)
           (call $alloc (i32.const 0) (i32.const 0) (i32.const 8) (i32.mul (global.get $stride) (i32.const 11))))
         (i32.store offset=8 (i32.const 1024) (i32.const 11))
         (i32.const 1024)",
    );
    let error = fails(&bench.load(&guest).await).await;
    assert_eq!((error.kind, error.message.as_str()), (Kind::Output, "its plan has 11 steps, of 10 at most"));
}

#[tokio::test]
async fn nonsense_is_not_taken_for_a_plan() {
    for (what, body) in [
        ("result is neither", "(i32.store8 (i32.const 1024) (i32.const 7)) (i32.const 1024)"),
        ("list beyond memory", "(i32.store offset=4 (i32.const 1024) (i32.const 8)) (i32.store offset=8 (i32.const 1024) (i32.const 1000000)) (i32.const 1024)"),
        ("pointer beyond memory", "(i32.const 0x7ffffff0)"),
        ("unaligned", "(i32.const 1025)"),
        (
            "text is not UTF-8",
            "(i32.store8 (i32.const 3000) (i32.const 0xff))
             (i32.store offset=12 (i32.const 1024) (i32.const 4096)) (i32.store offset=16 (i32.const 1024) (i32.const 1))
             (i32.store (i32.const 4096) (i32.const 3000)) (i32.store offset=4 (i32.const 4096) (i32.const 1))
             (i32.const 1024)",
        ),
    ] {
        let error = fails(&Bench::new().load(&Guest::new(body)).await).await;
        assert_eq!(error.kind, Kind::Output, "{what}: {error}");
    }
}

#[tokio::test]
async fn a_trapped_guest_holds_nobody_up() {
    use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
    struct Count(AtomicUsize);
    #[async_trait::async_trait]
    impl arcus_plugin::Fetch for Count {
        async fn fetch(&self, wanted: Vec<arcus_plugin::Wanted>) -> Vec<Answer> {
            self.0.fetch_add(wanted.len(), Ordering::SeqCst);
            wanted.iter().map(|_| Err(problem("fetched", "once"))).collect()
        }
    }
    let bench = Bench::new();
    let good = bench.load(&Guest::new(&echo())).await;
    let bad = bench.load(&Guest::new("(unreachable)")).await;
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let round = Round::new(count.clone());
    let (first, second, third) = (round.seat(), round.seat(), round.seat());
    let input = input();
    let (a, b, c) = tokio::join!(good.plan(first, &input), bad.plan(second, &input), good.plan(third, &input));
    assert_eq!(broken(b.unwrap_err()).kind, Kind::Trap);
    for desired in [a.unwrap(), c.unwrap()] {
        assert_eq!(desired.warnings, [problem("fetched", "once")]);
    }
    assert_eq!((round.fetches(), count.0.load(Ordering::SeqCst)), (1, 1));
}
