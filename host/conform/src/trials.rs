//! What is tried with a component, and what came of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use arcus_contract::checks::{Check, Outcome as Found};
use arcus_contract::types::Problem;
use arcus_plan::manifest::Concern;
use arcus_plugin::{CallError, LoadError};
use arcus_sdk::fake::subject::Foreign;
use arcus_sdk::fake::{Fixture, Lab, properties};
use serde::Serialize;

use crate::component::Sandboxed;
use crate::nonsense::Oddity;
use crate::world::Description;

/// One trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// What must hold, in words.
    pub name: &'static str,
    /// Whether it does.
    pub outcome: Outcome,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result", content = "detail")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not: how that was seen.
    Failed(String),
    /// It could not be tried: why.
    Skipped(String),
}

/// A component and what it is tried on.
pub struct Trials {
    component: Rc<Sandboxed>,
    description: Description,
    described: bool,
    seeds: u64,
}

/// What a trial says when it fails.
type Said = Result<(), String>;

impl Trials {
    /// Loads the component. Without a description its world is guessed from the manifest.
    ///
    /// # Errors
    /// What is wrong with the component.
    pub fn new(origin: &str, bytes: &[u8], description: Option<Description>, seeds: u64) -> Result<Self, LoadError> {
        let component = Rc::new(Sandboxed::load(origin, bytes)?);
        Ok(Self { component, described: description.is_some(), description: description.unwrap_or_default(), seeds })
    }

    /// Tries everything, and tells each as it ends. What panics is caught: properties speak that way.
    pub fn run(&self, mut tell: impl FnMut(&Trial)) -> Vec<Trial> {
        let mut all = Vec::new();
        let mut end = |name: &'static str, outcome: Outcome| {
            let trial = Trial { name, outcome };
            tell(&trial);
            all.push(trial);
        };
        end("it tells the others the same each time, without any node", held(|| self.promises()));
        for oddity in Oddity::ALL {
            end(odd_name(oddity), held(|| self.bears(oddity)));
        }
        if self.component.plugin.manifest().concern == Concern::Preflight {
            end("the same machines give the same checks", held(|| self.same_checks()));
            return all;
        }
        // Nothing else can be told of a plugin that cannot be brought to its end here.
        let name = "it comes to its end, and then nothing is left";
        let whole = held(|| self.property(|fixture| properties::apply_then_plan_is_empty::<Foreign>(fixture)));
        if let (Outcome::Failed(why), false) = (&whole, self.described) {
            let why = format!("{}; what its commands do can be told with --world", first(why));
            end(name, Outcome::Skipped(why.clone()));
            for name in FOLLOWING {
                end(name, Outcome::Skipped("it did not come to its end in a world guessed from its manifest".into()));
            }
            return all;
        }
        end(name, whole);
        let tried: [Outcome; 5] = [
            held(|| self.property(|fixture| properties::every_prefix_can_be_resumed::<Foreign>(fixture))),
            held(|| self.property(|fixture| properties::later_rounds_were_announced::<Foreign>(fixture))),
            held(|| self.property(|fixture| properties::deterministic::<Foreign>(fixture))),
            held(|| self.property(|fixture| properties::verify_is_honest::<Foreign>(fixture))),
            held(|| self.faults()),
        ];
        for (name, outcome) in FOLLOWING.into_iter().zip(tried) {
            end(name, outcome);
        }
        all
    }

    fn fixture(&self) -> Fixture {
        self.description.fixture(self.component.plugin.manifest())
    }

    fn property(&self, property: impl FnOnce(&dyn Fn() -> Fixture)) -> Said {
        let fixture = || self.fixture();
        Foreign::with(self.component.clone(), || property(&fixture));
        Ok(())
    }

    fn input(&self) -> arcus_contract::handoffs::Input {
        Lab::<Foreign>::new(self.fixture()).input()
    }

    fn promises(&self) -> Said {
        let input = self.input();
        // A platform is asked before there are offers, and again with them.
        let first = match self.component.plugin.manifest().concern {
            Concern::Platform => arcus_contract::handoffs::Input { handed: arcus_sdk::guest::nothing_handed(), ..input.clone() },
            _ => input.clone(),
        };
        let (one, other) = (self.component.promised(&first).map_err(broken)?, self.component.promised(&input).map_err(broken)?);
        match (one, other) {
            (Ok((one, denied)), Ok((other, _))) if one == other => match denied.as_slice() {
                [] => Ok(()),
                denied => Err(format!("the host would refuse what it tells them:\n{}", denied.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))),
            },
            (Ok((one, _)), Ok((other, _))) => Err(format!("it says one thing, then another:\n{one}\n{other}")),
            (Err(problems), _) | (_, Err(problems)) => Err(format!("it refuses its section of the file: {}", told(&problems))),
        }
    }

    /// It may refuse, and may say that it does not know; it must not break, nor claim what nobody told it.
    fn bears(&self, oddity: Oddity) -> Said {
        let input = self.input();
        let checks = match self.component.plugin.manifest().concern {
            Concern::Preflight => self.component.inspected(oddity, &input).map_err(broken)?.unwrap_or_default(),
            _ => {
                let _ = self.component.planned(oddity, &input).map_err(broken)?;
                let _ = self.component.drilled(oddity, &input).map_err(broken)?;
                self.component.verified(oddity, &input).map_err(broken)?.map(|verified| verified.checks).unwrap_or_default()
            }
        };
        let nothing_known = matches!(oddity, Oddity::Silent | Oddity::Denied);
        let passed = checks.iter().find(|check| nothing_known && check.node.is_some() && check.outcome == Found::Passed);
        passed.map_or(Ok(()), |check| Err(format!("its check `{}` of {} passes, and nobody said so", check.id, check.node.as_deref().unwrap_or_default())))
    }

    fn same_checks(&self) -> Said {
        let input = self.input();
        let look = || -> Result<Vec<Check>, String> { self.component.inspected(Oddity::Absent, &input).map_err(broken)?.map_err(|problems| told(&problems)) };
        if look()? == look()? { Ok(()) } else { Err("two looks at the same machines differ".into()) }
    }

    /// Nodes fall silent and come back, in an order that a seed decides. What was announced before must do for all of it.
    fn faults(&self) -> Said {
        for seed in 1..=self.seeds {
            Foreign::with(self.component.clone(), || -> Said {
                let mut lab = Lab::<Foreign>::new(self.fixture());
                let announced = lab.announce().map_err(|trouble| trouble.to_string())?;
                let names: Vec<String> = lab.world().machines.keys().cloned().collect();
                let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                for _ in 0..4 {
                    for name in &names {
                        let silent = dice.throw(3) == 0;
                        lab.world().machine(name).reachable = !silent;
                    }
                    lab.crash_after((dice.throw(2) == 0).then(|| dice.throw(4)));
                    match lab.converge_within(&announced) {
                        Ok(_) | Err(arcus_sdk::fake::Trouble::Crashed) => {}
                        // Without a node it may refuse, if waiting may help.
                        Err(arcus_sdk::fake::Trouble::Refused(problems)) if problems.iter().all(|problem| problem.retryable) => {}
                        Err(trouble) => return Err(format!("seed {seed}: {trouble}")),
                    }
                    lab.crash_after(None);
                    lab.world().pass(2);
                }
                for name in &names {
                    lab.world().machine(name).reachable = true;
                }
                let report = lab.converge_within(&announced).map_err(|trouble| format!("seed {seed}, all back: {trouble}"))?;
                if report.is_done() { Ok(()) } else { Err(format!("seed {seed}: with all nodes back it is not done: {:?}", report.left())) }
            })?;
        }
        Ok(())
    }
}

/// What is tried once a plugin is known to come to its end.
const FOLLOWING: [&str; 5] = [
    "a run that was cut after any step is completed by the next",
    "later rounds were announced, also with any one node silent at first",
    "the same input gives the same plan, verdicts, checks and drills",
    "what it verifies passes then, and not when something is broken",
    "nodes that fall silent and come back, and runs that are cut, in an order that a seed decides",
];

fn odd_name(oddity: Oddity) -> &'static str {
    match oddity {
        Oddity::Silent => "it bears that no node answers, and claims nothing",
        Oddity::Denied => "it bears that every question is denied, and claims nothing",
        Oddity::OtherKind => "it bears answers of another kind",
        Oddity::Absent => "it bears that nothing is there",
        Oddity::Garbage => "it bears answers that are long and full of control characters",
        Oddity::Short => "it bears that answers are missing",
    }
}

/// Runs a trial; what panics has failed.
fn held(trial: impl FnOnce() -> Said) -> Outcome {
    match catch_unwind(AssertUnwindSafe(trial)) {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(why)) => Outcome::Failed(why),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Outcome::Failed(text.unwrap_or_else(|| "it panicked without words".into()))
        }
    }
}

fn broken(error: Box<CallError>) -> String {
    format!("{}: {error}", error.code())
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{} {}", problem.code, problem.message)).collect::<Vec<_>>().join("; ")
}

fn first(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The same throws for the same seed.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % sides
    }
}
