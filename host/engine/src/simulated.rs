//! For tests: a cluster of nodes that are not there, opened in a folder of its own.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use arcus_contract::types::Problem;
use arcus_node::Simulated;
use cap_std::fs::Dir;
use tokio_util::sync::CancellationToken;

use crate::engine::{Engine, Operator, Setup};
use crate::vault::Bindings;

const FILE: &str = "cluster:\n  name: demo\n  id: 4f1c2f0e-7d57-4c9e-9c5e-3b1d6c1e9a01\nnodes:\n  \
    - { name: m1, address: 10.0.0.1, roles: [manage, gateway] }\n  - { name: m2, address: 10.0.0.2, roles: [manage, gateway] }\n  \
    - { name: m3, address: 10.0.0.3, roles: [manage, gateway] }\n  - { name: c1, address: 10.0.0.11, roles: [compute] }\n  - { name: c2, address: 10.0.0.12, roles: [compute] }\n";

/// The engine of three managers, `m1` to `m3`, and two compute nodes, `c1` and `c2`. Its folder goes with it.
pub struct Opened {
    folder: PathBuf,
    engine: Engine,
}

impl Opened {
    pub async fn new(transport: Simulated) -> Self {
        let folder = std::env::temp_dir().join(format!("arcus-engine-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("cluster.yaml"), FILE).unwrap();
        let setup = Setup {
            folder: Dir::open_ambient_dir(&folder, cap_std::ambient_authority()).unwrap(),
            file: "cluster.yaml".into(),
            transport: Arc::new(transport),
            embedded: &[],
            cache: None,
            approvals: None,
            bindings: Bindings::default(),
            jobs: 4,
            limit: vec![],
            operator: Operator { user: "eva".into(), host: "desk".into(), pid: std::process::id() },
            events: Arc::new(|_| {}),
            stop: CancellationToken::new(),
        };
        let engine = Engine::open(setup).await.unwrap();
        Self { folder, engine }
    }
}

impl Deref for Opened {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The answer to what a test does not simulate.
pub fn not_simulated() -> Problem {
    Problem { code: "look.bad".into(), message: "not simulated".into(), help: None, node: None, pointer: None, retryable: false }
}
