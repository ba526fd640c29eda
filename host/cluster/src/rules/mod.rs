//! What must hold beyond the shape of the file: the planning rules of the guide, and what could never work.
//!
//! Each rule is a function of its own and tells everything it finds.

mod addresses;
mod counts;
mod names;
mod plugins;
mod ranges;

use cap_std::fs::Dir;

use crate::diagnostic::Diagnostic;
use crate::sketch::Sketch;

/// A rule.
type Rule = fn(&Sketch<'_>) -> Vec<Diagnostic>;

const RULES: &[Rule] = &[
    names::unique,
    names::id,
    names::bastion,
    addresses::usable,
    addresses::unique,
    addresses::unique_over_ssh,
    addresses::example,
    addresses::virtual_is_free,
    counts::managers,
    counts::compute,
    counts::storage,
    counts::network,
    counts::gateways,
    counts::virtual_address,
    ranges::overlap,
    ranges::addresses_inside,
    plugins::sections,
    plugins::used,
];

/// Names under `preflight.relax` that let a rule of the file pass.
pub const RELAXABLE: &[&str] = &[
    counts::MANAGERS,
    counts::COMPUTE,
    counts::STORAGE,
    counts::NETWORK,
    counts::VIRTUAL_ADDRESS,
];

/// All findings of all rules. Paths are followed in `dir`, if there is one.
pub fn check(sketch: &Sketch<'_>, dir: Option<&Dir>) -> Vec<Diagnostic> {
    let mut found: Vec<_> = RULES.iter().flat_map(|rule| rule(sketch)).collect();
    found.extend(plugins::paths(sketch, dir));
    found
}
