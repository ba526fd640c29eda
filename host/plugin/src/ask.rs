//! Where a plugin's questions about nodes go.

use std::sync::Arc;

use arcus_contract::{
    facts::{Answer, Request},
    types::Problem,
};
use arcus_plan::manifest::Manifest;
use async_trait::async_trait;

/// Decides whether a plugin may ask this: `Err` is what it gets as its answer (`node.denied`).
pub type Permit = Arc<dyn Fn(&Manifest, &Request) -> Result<(), Problem> + Send + Sync>;

/// Answers what one call of a plugin asks. Dropped when that call ends, however it ends.
#[async_trait]
pub trait Asker: Send + Sync {
    /// One answer per request, in their order. Requests were permitted before.
    async fn ask(&self, plugin: &str, requests: Vec<Request>) -> Vec<Answer>;
}

#[async_trait]
impl<A: Asker + ?Sized> Asker for Box<A> {
    async fn ask(&self, plugin: &str, requests: Vec<Request>) -> Vec<Answer> {
        (**self).ask(plugin, requests).await
    }
}

#[async_trait]
impl<A: Asker + ?Sized> Asker for Arc<A> {
    async fn ask(&self, plugin: &str, requests: Vec<Request>) -> Vec<Answer> {
        (**self).ask(plugin, requests).await
    }
}

/// The answer in `demands`, `offer` and `judge`, which must work without any node.
pub(crate) fn not_now(request: &Request) -> Answer {
    Err(Problem {
        code: "ask.not-now".into(),
        message: "Nothing can be asked here: this must work without any node.".into(),
        help: Some("Ask in `plan`, `verify`, `drills` or `inspect`.".into()),
        node: Some(request.node.clone()),
        pointer: None,
        retryable: false,
    })
}

/// The answer to what the one who was asked left out.
pub(crate) fn lost(request: &Request) -> Answer {
    Err(Problem {
        code: "ask.lost".into(),
        message: "The question got no answer.".into(),
        help: None,
        node: Some(request.node.clone()),
        pointer: None,
        retryable: true,
    })
}
