//! The two imports, `observe.ask` and `log.emit`: the bindings in a guest, natively whatever the test installed.

use arcus_contract::facts::{Answer, Request};

/// Writes to the run's log, for those who debug. At most 4 KiB each.
pub fn debug(message: impl AsRef<str>) {
    emit(Level::Debug, message.as_ref());
}
/// As [`debug`], worth reading in every run.
pub fn info(message: impl AsRef<str>) {
    emit(Level::Info, message.as_ref());
}
/// As [`debug`], something is odd. What the operator must see is a problem or a warning of the plan instead.
pub fn warn(message: impl AsRef<str>) {
    emit(Level::Warn, message.as_ref());
}

pub(crate) use level::Level;
mod level {
    pub use crate::worlds::plugin::arcus::plugin::log::Level;
}

#[cfg(target_family = "wasm")]
pub(crate) fn ask(requests: &[Request]) -> Vec<Answer> {
    crate::worlds::plugin::arcus::plugin::observe::ask(requests)
}

#[cfg(target_family = "wasm")]
fn emit(level: Level, message: &str) {
    crate::worlds::plugin::arcus::plugin::log::emit(level, message);
}

#[cfg(not(target_family = "wasm"))]
pub(crate) fn ask(requests: &[Request]) -> Vec<Answer> {
    native::ask(requests)
}

#[cfg(not(target_family = "wasm"))]
fn emit(level: Level, message: &str) {
    native::emit(level, message);
}

/// Natively, the "host" is set per thread: a test installs who answers while a plugin's function runs.
#[cfg(not(target_family = "wasm"))]
pub mod native {
    use super::Level;
    use arcus_contract::facts::{Answer, Request};
    use arcus_contract::types::Problem;
    use std::cell::RefCell;

    type Asked = Box<dyn FnMut(&[Request]) -> Vec<Answer>>;

    thread_local! {
        static ASKED: RefCell<Option<Asked>> = const { RefCell::new(None) };
        static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    /// Runs `call` while `answers` stands for `observe.ask`. Without one, every answer is `ask.not-now`.
    pub fn with<T>(answers: impl FnMut(&[Request]) -> Vec<Answer> + 'static, call: impl FnOnce() -> T) -> T {
        // Put back by a guard: a plugin that panics must not leave its answers to the next test of the thread.
        struct Restore(Option<Asked>);
        impl Drop for Restore {
            fn drop(&mut self) {
                let before = self.0.take();
                ASKED.with(|slot| *slot.borrow_mut() = before);
            }
        }
        let _restore = Restore(ASKED.with(|slot| slot.borrow_mut().replace(Box::new(answers))));
        call()
    }

    /// What was logged on this thread since the last call, each line with its level in front.
    pub fn take_log() -> Vec<String> {
        LOGGED.with(|log| std::mem::take(&mut *log.borrow_mut()))
    }

    pub(super) fn ask(requests: &[Request]) -> Vec<Answer> {
        // Taken out while it runs, so that answering may itself use the thread's slot.
        let Some(mut asked) = ASKED.with(|slot| slot.borrow_mut().take()) else {
            return requests.iter().map(|request| Err(not_now(request))).collect();
        };
        let answers = asked(requests);
        ASKED.with(|slot| *slot.borrow_mut() = Some(asked));
        assert_eq!(answers.len(), requests.len(), "one answer for each request");
        answers
    }

    pub(super) fn emit(level: Level, message: &str) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
        };
        LOGGED.with(|log| log.borrow_mut().push(format!("{level}: {message}")));
    }

    fn not_now(request: &Request) -> Problem {
        Problem {
            code: "ask.not-now".into(),
            message: "nodes cannot be asked here".into(),
            help: None,
            node: Some(request.node.clone()),
            pointer: None,
            retryable: false,
        }
    }
}
