//! A plan that need not be made again under the lock: nobody held the lock before it looked, nobody has taken it since, and it is only
//! moments old. Otherwise each apply would look at the whole cluster twice.

use std::time::{Duration, Instant};

use crate::aim::Aim;
use crate::engine::Engine;
use crate::fault::Fault;
use crate::lock::Held;
use crate::pass::Outlook;
use crate::proposal::Proposal;

/// Older plans are made again: people change things by hand, too. What changes in between is noticed at each file (it is compared
/// right before it is written), and by every step that is looked at again when its turn comes.
const AGE: Duration = Duration::from_secs(10);

/// What was planned, and what the lock was like before.
pub struct Fresh {
    outlook: Outlook,
    stamp: Stamp,
}

/// Which plan it is, and when it was made.
struct Stamp {
    digest: String,
    /// Of the lock, before anything was looked at.
    epoch: u64,
    made: Instant,
}

impl Stamp {
    /// Whether the plan of this digest is as good as one made now by who holds the lock with this epoch.
    fn holds(&self, digest: &str, epoch: u64) -> bool {
        self.digest == digest && self.epoch + 1 == epoch && self.made.elapsed() < AGE
    }
}

impl Engine {
    /// As [`Engine::plan`], for a plan that [`Engine::apply`] is to perform: where nobody works on the cluster, it is not made again
    /// under the lock when it is performed at once.
    ///
    /// # Errors
    /// As [`Engine::plan`].
    pub async fn plan_to_apply(&self) -> Result<Proposal, Fault> {
        // First the lock, then the looks: whoever changes something after that raises the epoch.
        let epoch = self.free_epoch().await;
        let outlook = self.pass(&Aim::Plan, true).await?;
        let proposal = self.propose(&outlook, Aim::Plan).await;
        if let Some(epoch) = epoch {
            let stamp = Stamp { digest: proposal.digest.clone(), epoch, made: Instant::now() };
            *self.fresh.lock().expect("no panic while held") = Some(Fresh { outlook, stamp });
        }
        Ok(proposal)
    }

    /// What was planned for this, when it still holds under the lock.
    pub(crate) fn take_fresh(&self, approved: &Proposal, held: &Held) -> Option<Outlook> {
        let fresh = self.fresh.lock().expect("no panic while held").take()?;
        fresh.stamp.holds(&approved.digest, held.fence().epoch).then_some(fresh.outlook)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_made_again_after_another_run_another_plan_or_a_while() {
        let stamp = |age: Duration| Stamp { digest: "a".into(), epoch: 7, made: Instant::now().checked_sub(age).unwrap() };
        let now = stamp(Duration::ZERO);
        assert!(now.holds("a", 8));
        assert!(!now.holds("a", 9), "somebody had the lock in between");
        assert!(!now.holds("b", 8));
        assert!(!stamp(AGE).holds("a", 8));
    }
}
