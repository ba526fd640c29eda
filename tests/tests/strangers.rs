//! What strangers put before an operator who runs the binary: a cluster file out of a pull request, nodes that mean harm, and plugins that run live. Nobody is
//! connected to, and nothing is shown or touched, that the operator has not let in. The page on attacks is written by what is said here.

mod strangers {
    pub mod desk;
    pub mod files;
    pub mod live;
    pub mod nodes;
}

use arcus_tests::{Scenes, page};

const PAGE: &str = "docs/attacks.md";

#[test]
fn a_cluster_file_from_a_pull_request_reads_runs_and_reaches_nothing_of_the_operators() {
    let mut scenes = Scenes::default();
    let mut rows = Vec::new();
    strangers::files::play(&mut scenes, &mut rows);
    scenes.play("the page on attacks says so", || page::table(PAGE, "| A cluster file that … | What stops it | What is said |", &rows));
    scenes.end();
}

#[test]
fn a_node_that_means_harm_is_told_by_its_own_error_and_nothing_it_says_reaches_the_terminal() {
    let mut scenes = Scenes::default();
    let mut rows = Vec::new();
    strangers::nodes::play(&mut scenes, &mut rows);
    scenes.play("the page on attacks says so", || page::table(PAGE, "| A node that … | What stops it | What is said |", &rows));
    scenes.end();
}

#[test]
fn a_plugin_that_runs_live_does_what_it_was_approved_for_and_nothing_else() {
    let mut scenes = Scenes::default();
    let mut rows = Vec::new();
    strangers::live::play(&mut scenes, &mut rows);
    scenes.play("the page on attacks says so", || page::table(PAGE, "| A plugin that runs live, and … | What stops it | What is said |", &rows));
    scenes.end();
}
