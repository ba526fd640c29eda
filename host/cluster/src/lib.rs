//! The cluster file: `cluster.yaml` read into a model, or every mistake in it at once, each at its line and column.
//!
//! ```text
//! text --yaml--> value + place of every key --schema--> shape --rules--> Cluster
//!                                                  \________ diagnostics ________/
//! ```
//!
//! Reading is in two parts. [`File::read`] (or [`File::parse`]) fails only where nothing can be made of the text at all;
//! [`File::cluster`] then reports all the mistakes together: of YAML, of shape, and of the planning rules. A plugin's own
//! section is checked against the schema of its manifest by [`File::config`], with the same words and places.
//!
//! Nothing here prints, asks, or looks at the environment, and no text of the file is ever executed or expanded.

mod diagnostic;
mod document;
mod file;
mod folder;
mod model;
mod placed;
mod pointer;
mod rules;
mod schema;
mod sketch;
mod source;
mod template;
mod wording;
mod yaml;

pub use diagnostic::{Diagnostic, Related, Severity};
pub use file::File;
pub use folder::check_folder;
pub use model::{Cluster, Concern, Jump, Member, Migrating, PluginPath, Relaxation, Ssh, Use};
pub use schema::schema;
pub use source::{Source, Span};
pub use template::template;
