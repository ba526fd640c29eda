//! What a planning pass found: the whole plan of every plugin, and how all of it stands on the nodes.

use std::collections::{BTreeMap, BTreeSet};

use arcus_contract::actions::Step;
use arcus_contract::facts::Answer;
use arcus_contract::types::Problem;
use arcus_plan::sequence::Sequence;

use crate::vault::NodeFiles;

/// What one pass saw: the whole plan of every plugin, and where each step stands.
pub struct Outlook {
    /// All steps, what was seen of them, and what holds between them.
    pub sequence: Sequence,
    /// Per step of the sequence: the answers to its looks.
    pub seen: Vec<Vec<Answer>>,
    /// Per step of the sequence: the plugin's place in the cast.
    pub roles: Vec<usize>,
    /// Every plan as it was stated, by plugin.
    pub stated: Vec<(String, Vec<Step>)>,
    /// What plugins want the operator to know.
    pub warnings: Vec<(String, Problem)>,
    /// Files to carry over.
    pub node_files: NodeFiles,
    /// Generated secrets without a value, or not on every node that uses them: key → (plugin, name, users).
    pub secrets: BTreeMap<String, (String, String, BTreeSet<String>)>,
    /// Questions that got no answer because of the node: the run cannot end as done.
    pub unanswered: BTreeMap<String, Problem>,
}
