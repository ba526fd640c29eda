//! What runs on the fake cluster: a plugin's type, or a component in a sandbox that stands for one.

use crate::{Nodes, Plugin, guest, host};
use arcus_contract::actions::Desired;
use arcus_contract::checks::{Drill, Seen, Verdict, Verified, Weighing};
use arcus_contract::facts::{Answer, Request};
use arcus_contract::handoffs::Input;
use arcus_contract::types::Problem;
use std::cell::RefCell;
use std::rc::Rc;

/// The functions of the contract that the fake cluster calls.
pub trait Subject: 'static {
    /// `lifecycle.plan`.
    fn plan(input: Input) -> Result<Desired, Vec<Problem>>;
    /// `lifecycle.judge`.
    fn judge(input: Input, cases: Vec<Weighing>, seen: Vec<Seen>) -> Vec<Verdict>;
    /// `lifecycle.verify`.
    fn verify(input: Input) -> Result<Verified, Vec<Problem>>;
    /// `lifecycle.drills`.
    fn drills(input: Input) -> Result<Vec<Drill>, Vec<Problem>>;
    /// `hatch.run`.
    fn live(name: &str, args: &str, nodes: Rc<dyn Nodes>) -> Result<(), Problem>;
}

impl<P: Plugin> Subject for P {
    fn plan(input: Input) -> Result<Desired, Vec<Problem>> {
        guest::plan::<P>(input)
    }
    fn judge(input: Input, cases: Vec<Weighing>, seen: Vec<Seen>) -> Vec<Verdict> {
        guest::judge::<P>(input, cases, seen)
    }
    fn verify(input: Input) -> Result<Verified, Vec<Problem>> {
        guest::verify::<P>(input)
    }
    fn drills(input: Input) -> Result<Vec<Drill>, Vec<Problem>> {
        guest::drills::<P>(input)
    }
    fn live(name: &str, args: &str, nodes: Rc<dyn Nodes>) -> Result<(), Problem> {
        guest::live::<P>(name, args, nodes)
    }
}

/// As [`Subject`], of something that is no type of this program.
pub trait Component {
    /// `lifecycle.plan`.
    fn plan(&self, input: Input) -> Result<Desired, Vec<Problem>>;
    /// `lifecycle.judge`.
    fn judge(&self, input: Input, cases: Vec<Weighing>, seen: Vec<Seen>) -> Vec<Verdict>;
    /// `lifecycle.verify`.
    fn verify(&self, input: Input) -> Result<Verified, Vec<Problem>>;
    /// `lifecycle.drills`.
    fn drills(&self, input: Input) -> Result<Vec<Drill>, Vec<Problem>>;
    /// `hatch.run`, on what [`nodes`] gives meanwhile.
    fn live(&self, name: &str, args: &str) -> Result<(), Problem>;
}

thread_local! {
    static STANDS: RefCell<Option<Rc<dyn Component>>> = const { RefCell::new(None) };
    static NODES: RefCell<Option<Rc<dyn Nodes>>> = const { RefCell::new(None) };
}

/// Stands for the component of this thread: `Foreign::with(component, || Lab::<Foreign>::new(fixture)…)`.
pub struct Foreign;

impl Foreign {
    /// Runs `call` while this type stands for `component`.
    pub fn with<T>(component: Rc<dyn Component>, call: impl FnOnce() -> T) -> T {
        // Put back by a guard: properties speak by panicking.
        struct Restore(Option<Rc<dyn Component>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                let before = self.0.take();
                STANDS.with(|slot| *slot.borrow_mut() = before);
            }
        }
        let _restore = Restore(STANDS.with(|slot| slot.borrow_mut().replace(component)));
        call()
    }

    fn component() -> Rc<dyn Component> {
        STANDS.with(|slot| slot.borrow().clone()).expect("`Foreign::with` says for which component")
    }
}

impl Subject for Foreign {
    fn plan(input: Input) -> Result<Desired, Vec<Problem>> {
        Self::component().plan(input)
    }
    fn judge(input: Input, cases: Vec<Weighing>, seen: Vec<Seen>) -> Vec<Verdict> {
        Self::component().judge(input, cases, seen)
    }
    fn verify(input: Input) -> Result<Verified, Vec<Problem>> {
        Self::component().verify(input)
    }
    fn drills(input: Input) -> Result<Vec<Drill>, Vec<Problem>> {
        Self::component().drills(input)
    }
    fn live(name: &str, args: &str, nodes: Rc<dyn Nodes>) -> Result<(), Problem> {
        struct Over;
        impl Drop for Over {
            fn drop(&mut self) {
                NODES.with(|slot| slot.borrow_mut().take());
            }
        }
        NODES.with(|slot| slot.replace(Some(nodes)));
        let _over = Over;
        Self::component().live(name, args)
    }
}

/// What the fake cluster answers to a [`Component`] that runs now, on this thread.
pub fn ask(requests: &[Request]) -> Vec<Answer> {
    host::ask(requests)
}

/// The nodes of the step that a [`Component`] runs live now, on this thread.
pub fn nodes() -> Option<Rc<dyn Nodes>> {
    NODES.with(|slot| slot.borrow().clone())
}
