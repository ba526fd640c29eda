//! What was heard on the wire is kept for a while. Listening takes seconds, and a run plans several times; who speaks there is nothing that a
//! step of the run changes from one moment to the next.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use arcus_contract::facts::{Answer, Probe, Request};

/// So long what was heard counts.
const FRESH: Duration = Duration::from_secs(60);

/// Answers to [`Probe::VrrpHeard`], by node and interface.
#[derive(Default)]
pub struct Heard(Mutex<HashMap<Request, (Instant, Answer)>>);

impl Heard {
    /// What was heard a moment ago, if anybody listened.
    pub fn known(&self, request: &Request) -> Option<Answer> {
        if !matches!(request.probe, Probe::VrrpHeard(_)) {
            return None;
        }
        let heard = self.0.lock().expect("no panic while held");
        heard.get(request).filter(|(at, _)| at.elapsed() < FRESH).map(|(_, answer)| answer.clone())
    }

    /// Keeps an answer, if it is one.
    pub fn note(&self, request: &Request, answer: &Answer) {
        if matches!(request.probe, Probe::VrrpHeard(_)) && answer.is_ok() {
            self.0.lock().expect("no panic while held").insert(request.clone(), (Instant::now(), answer.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arcus_contract::facts::{Fact, Vrrp};
    use arcus_contract::types::Problem;

    #[test]
    fn only_what_was_heard_is_kept() {
        let heard = Heard::default();
        let on = |probe| Request { node: "a".into(), probe };
        let listened = on(Probe::VrrpHeard("eth0".into()));
        let fact = Ok(Fact::VrrpHeard(vec![Vrrp { source: "10.0.0.9".into(), router_id: 7, priority: 100 }]));
        assert_eq!(heard.known(&listened), None);
        heard.note(&listened, &fact);
        assert_eq!(heard.known(&listened), Some(fact.clone()));
        assert_eq!(heard.known(&on(Probe::VrrpHeard("eth1".into()))), None);
        // A change may be seen in anything else.
        heard.note(&on(Probe::Interfaces), &Ok(Fact::Interfaces(vec![])));
        assert_eq!(heard.known(&on(Probe::Interfaces)), None);
        // Nobody listened.
        let silent = Problem { code: "node.timeout".into(), message: String::new(), help: None, node: None, pointer: None, retryable: true };
        heard.note(&on(Probe::VrrpHeard("eth2".into())), &Err(silent));
        assert_eq!(heard.known(&on(Probe::VrrpHeard("eth2".into()))), None);
    }
}
