//! The merging of asks: as few rounds as the deepest plugin has, one answer to a question, and nobody waits for the dead.

mod support;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use arcus_contract::facts::{Answer, Probe, Query, Request};
use arcus_plugin::{Asker as _, Fetch, Round, Wanted};
use support::{os, problem};
use tokio::time::timeout;

/// Answers with a number that grows with each fetch; notes what was fetched.
#[derive(Default)]
struct Nodes {
    fetched: Mutex<Vec<Vec<Wanted>>>,
    slow: Duration,
    short: bool,
    panics: bool,
}

#[async_trait::async_trait]
impl Fetch for Nodes {
    async fn fetch(&self, wanted: Vec<Wanted>) -> Vec<Answer> {
        let number = {
            let mut fetched = self.fetched.lock().unwrap();
            fetched.push(wanted.clone());
            fetched.len()
        };
        tokio::time::sleep(self.slow).await;
        assert!(!self.panics, "on purpose");
        let mut answers: Vec<Answer> = wanted.iter().map(|w| Err(problem("seen", &format!("{} in {number}", w.request.node)))).collect();
        if self.short {
            answers.pop();
        }
        answers
    }
}

fn messages(answers: &[Answer]) -> Vec<&str> {
    answers.iter().map(|answer| answer.as_ref().unwrap_err().message.as_str()).collect()
}

fn query(node: &str) -> Request {
    Request { node: node.into(), probe: Probe::Query(Query { id: "list".into(), args: vec![] }) }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(10), future).await.expect("nobody waits for ever")
}

#[tokio::test]
async fn all_that_ask_are_answered_by_one_fetch() {
    let nodes = Arc::new(Nodes::default());
    let round = Round::new(nodes.clone());
    let (a, b, silent) = (round.seat(), round.seat(), round.seat());
    let (one, two, ()) = soon(async {
        tokio::join!(a.ask("storage-a", vec![os("n1"), os("n2"), os("n1")]), b.ask("network-b", vec![os("n2"), os("n3")]), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(round.fetches(), 0, "one still runs and may ask");
            drop(silent);
        })
    })
    .await;
    assert_eq!(messages(&one), ["n1 in 1", "n2 in 1", "n1 in 1"]);
    assert_eq!(messages(&two), ["n2 in 1", "n3 in 1"]);
    assert_eq!(nodes.fetched.lock().unwrap()[0].len(), 3);
    // Second stage of one, while the other is done: what is known costs nothing, and is answered as before.
    drop(b);
    assert_eq!(messages(&soon(a.ask("storage-a", vec![os("n3")])).await), ["n3 in 1"]);
    assert_eq!(round.fetches(), 1);
    assert_eq!(messages(&soon(a.ask("storage-a", vec![os("n4"), os("n1")])).await), ["n4 in 2", "n1 in 1"]);
    assert_eq!(nodes.fetched.lock().unwrap()[1].len(), 1);
}

#[tokio::test]
async fn a_query_is_each_plugins_own() {
    let nodes = Arc::new(Nodes::default());
    let round = Round::new(nodes.clone());
    let (a, b) = (round.seat(), round.seat());
    soon(async { tokio::join!(a.ask("storage-a", vec![query("n1")]), b.ask("network-b", vec![query("n1")])) }).await;
    let fetched = nodes.fetched.lock().unwrap();
    assert_eq!(fetched.len(), 1);
    let asked: Vec<_> = fetched[0].iter().map(|wanted| wanted.plugin.as_deref()).collect();
    assert_eq!(asked, [Some("storage-a"), Some("network-b")]);
}

#[tokio::test]
async fn one_that_is_ended_while_it_waits_takes_nothing_with_it() {
    let nodes = Arc::new(Nodes { slow: Duration::from_millis(100), ..Nodes::default() });
    let round = Round::new(nodes.clone());
    let (a, b) = (round.seat(), round.seat());
    let waits = tokio::spawn(async move { b.ask("b", vec![os("n2")]).await });
    let ended = tokio::spawn(async move { a.ask("a", vec![os("n1")]).await });
    while round.fetches() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The fetch is under way: the one who asked last is not the one whose end would cancel it.
    ended.abort();
    assert_eq!(messages(&soon(waits).await.unwrap()), ["n2 in 1"]);
    assert!(soon(ended).await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn one_that_is_ended_before_the_fetch_is_not_waited_for() {
    let nodes = Arc::new(Nodes::default());
    let round = Round::new(nodes.clone());
    let (a, b, c) = (round.seat(), round.seat(), round.seat());
    let gone = tokio::spawn(async move { a.ask("a", vec![os("n1")]).await });
    let waits = tokio::spawn(async move { b.ask("b", vec![os("n2")]).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    gone.abort();
    let _ = soon(gone).await;
    drop(c);
    assert_eq!(messages(&soon(waits).await.unwrap()), ["n2 in 1"]);
    assert_eq!(nodes.fetched.lock().unwrap()[0].len(), 1, "nobody wants to know about n1 any more");
}

#[tokio::test]
async fn a_seat_that_nobody_uses_only_costs_time() {
    let round = Round::with_patience(Arc::new(Nodes::default()), Duration::from_millis(50));
    let (used, unused) = (round.seat(), round.seat());
    assert_eq!(messages(&soon(used.ask("a", vec![os("n1")])).await), ["n1 in 1"]);
    // It asks after all: at once, as nobody else runs.
    drop(used);
    assert_eq!(messages(&soon(unused.ask("b", vec![os("n1"), os("n2")])).await), ["n1 in 1", "n2 in 2"]);
}

#[tokio::test]
async fn an_answer_that_is_missing_is_lost_not_someone_elses() {
    let round = Round::new(Arc::new(Nodes { short: true, ..Nodes::default() }));
    let seat = round.seat();
    let answers = soon(seat.ask("a", vec![os("n1"), os("n2")])).await;
    assert_eq!(messages(&answers)[0], "n1 in 1");
    assert_eq!(answers[1].as_ref().unwrap_err().code, "ask.lost");
    let round = Round::new(Arc::new(Nodes { panics: true, ..Nodes::default() }));
    let seat = round.seat();
    assert_eq!(soon(seat.ask("a", vec![os("n1")])).await[0].as_ref().unwrap_err().code, "ask.lost");
    let looked = soon(round.look(vec![Wanted::new("a", os("n3"))])).await;
    assert_eq!(looked[0].as_ref().unwrap_err().code, "ask.lost");
}

#[tokio::test]
async fn what_the_host_looks_at_is_in_the_same_snapshot() {
    let round = Round::new(Arc::new(Nodes::default()));
    round.prime([(Wanted::new("a", os("n0")), Err(problem("seen", "ahead")))]);
    let seat = round.seat();
    assert_eq!(messages(&soon(seat.ask("a", vec![os("n0"), os("n1")])).await), ["ahead", "n1 in 1"]);
    let wanted = ["n0", "n1", "n2"].map(|node| Wanted::new("b", os(node))).to_vec();
    assert_eq!(messages(&soon(round.look(wanted.clone())).await), ["ahead", "n1 in 1", "n2 in 2"]);
    assert_eq!(messages(&soon(round.look(wanted)).await), ["ahead", "n1 in 1", "n2 in 2"]);
    assert_eq!((round.fetches(), round.snapshot().len()), (2, 3));
}

/// Many guests that ask a different number of times, some of which are ended at any moment: everybody comes to an end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_ever() {
    for seed in 0..40_u64 {
        let round = Round::new(Arc::new(Nodes { slow: Duration::from_millis(seed % 3), ..Nodes::default() }));
        let seats: Vec<_> = (0..8).map(|_| round.seat()).collect();
        let guests: Vec<_> = seats
            .into_iter()
            .enumerate()
            .map(|(number, seat)| {
                tokio::spawn(async move {
                    for stage in 0..(number as u64 + seed) % 5 {
                        let node = format!("n{}-{stage}", number % 3);
                        assert_eq!(seat.ask("a", vec![os(&node)]).await.len(), 1);
                        tokio::time::sleep(Duration::from_micros(200 * ((seed + stage) % 4))).await;
                    }
                })
            })
            .collect();
        for (number, guest) in guests.iter().enumerate() {
            if (number as u64 + seed).is_multiple_of(4) {
                tokio::time::sleep(Duration::from_micros(300 * (seed % 5))).await;
                guest.abort();
            }
        }
        for guest in guests {
            match soon(guest).await {
                Ok(()) => {}
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
    }
}
