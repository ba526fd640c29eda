//! Plugins that live outside of the workspace, made as a third party makes them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::{Running, arcus, root};

/// A plugin of `examples/plugins`, by its author's commands: its own tests, `arcus plugin build`, `arcus plugin test`. Its component.
///
/// # Errors
/// When one of them fails.
pub fn outside(name: &str) -> Result<PathBuf> {
    let folder = root().join("examples/plugins").join(name);
    let component = folder.join(name).with_extension("wasm");
    let run = |program: PathBuf, words: &[&str]| {
        let mut command = Command::new(program);
        command.current_dir(&folder).args(words).stdin(Stdio::null()).env("NO_COLOR", "1").env_remove("RUSTFLAGS");
        // What cargo builds is shared by all authors of the tests: most of it is the SDK.
        command.env("CARGO_TARGET_DIR", root().join("target/tests/author")).env("XDG_CACHE_HOME", root().join("target/tests/cache"));
        Running::start(format!("{name}: {}", words.join(" ")), &mut command)?.built()?.code(0)
    };
    let cargo = std::env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from);
    run(cargo, &["test", "--offline"])?;
    run(arcus()?, &["plugin", "build", "--offline"])?;
    let tried = ["plugin", "test", &component.display().to_string(), "--world", "world.toml"];
    run(arcus()?, &tried)?.says(" 0 failed, 0 not tried").with_context(|| format!("{name} does not conform"))?;
    Ok(component)
}
