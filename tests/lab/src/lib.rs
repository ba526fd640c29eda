//! Real Linux nodes for tests: every node of a cluster file as a container with its own systemd, sshd, network and disks,
//! all in one private mount, network and process namespace that leaves nothing behind when it is dropped.
//!
//! ```no_run
//! use arcus_lab::{Base, Options, World, nodes_of};
//! let base = Base::ensure(&mut |line| eprintln!("{line}"))?;
//! let world = World::start(&base, &nodes_of("examples/ha/cluster.yaml".as_ref())?, &Options::default())?;
//! world.node("manage01")?.power_off()?;
//! # anyhow::Ok(())
//! ```

mod base;
mod cgroup;
mod clusterfile;
mod machine;
mod node;
mod options;
mod saved;
mod standins;
mod system;
mod wait;
mod world;

pub use base::Base;
pub use clusterfile::{NodeSpec, nodes_of};
pub use machine::{PACKAGES, ensure, ensure_limits, ensure_packages, packages, requirements};
pub use node::{Answer, Node};
pub use options::Options;
pub use standins::{standin, standins_dir};
pub use system::System;
pub use wait::wait_until;
pub use world::{OPS_PASSWORD, OPSPW_PASSWORD, PLAIN_PASSWORD, ROOT_PASSWORD, World};
