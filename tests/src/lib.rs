//! What the scenarios in `tests/` share: a lab, and operators in it who use the built binary as anybody would.

mod apart;
mod checkout;
mod component;
mod outside;
pub mod page;
mod picture;
mod program;
mod relaxed;
mod scenes;
mod sshd;
mod stages;
pub mod uml;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use arcus_lab::{Base, NodeSpec, Options, World, nodes_of};

pub use apart::Apart;
pub use checkout::{Checkout, approved};
pub use component::with_manifest;
pub use outside::outside;
pub use picture::{Allowed, Difference, Picture, unexplained};
pub use program::{Ended, Running};
pub use relaxed::relaxed;
pub use scenes::Scenes;
pub use sshd::Sshd;
pub use stages::staged;

/// The top of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}

/// The binary under test, with the plugins it embeds: `cargo xtask build` makes it, and so does `cargo xtask test`.
///
/// # Errors
/// When it was not built.
pub fn arcus() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let arcus = target.join("debug/arcus");
    ensure!(arcus.exists(), "{} was not built: run `cargo xtask build`", arcus.display());
    Ok(arcus)
}

/// A plugin that is never embedded, built from its folder in the workspace as a stranger builds one.
///
/// # Errors
/// When it does not build.
pub fn component(folder: &str) -> Result<PathBuf> {
    let out = root().join("target/tests").join(folder.replace('/', "-")).with_extension("wasm");
    std::fs::create_dir_all(out.parent().context("no folder")?)?;
    let mut cargo = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).args(["run", "--package", "xtask", "--", "component"]).arg(root().join(folder)).arg(&out);
    Running::start(format!("building {folder}"), &mut cargo)?.built()?.code(0)?;
    Ok(out)
}

/// The file that the demo and most scenarios run.
#[must_use]
pub fn example() -> PathBuf {
    root().join("examples/ha/cluster.yaml")
}

/// The example's nodes, bare, with an installer that takes as long as it must and no longer.
///
/// # Errors
/// When the lab cannot be made.
pub fn ha(tell: impl FnOnce(Options) -> Options) -> Result<World> {
    bare(&nodes_of(&example()).context("reading the example")?, tell)
}

/// Bare nodes of one's own choice.
///
/// # Errors
/// When the lab cannot be made.
pub fn bare(nodes: &[NodeSpec], tell: impl FnOnce(Options) -> Options) -> Result<World> {
    let say = &mut |line: &str| eprintln!("{line}");
    let base = nodes.iter().try_fold(Base::ensure(say)?, |base, node| base.with(node.system, say))?;
    let options = Options::default().knob("version", "5.1\n").knob("init-seconds", "3\n").knob("health-seconds", "1\n");
    World::start(&base, nodes, &tell(options))
}
