//! A plan that need not be made again under the lock: nobody held the lock before it looked, nobody has taken it since, and it is only
//! moments old. Otherwise each apply would look at the whole cluster twice.

use std::time::{Duration, Instant};

use crate::outlook::Outlook;

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

impl Fresh {
    /// Made just now. `epoch` is that of the lock before anything was looked at.
    pub fn new(outlook: Outlook, digest: String, epoch: u64) -> Self {
        Self { outlook, stamp: Stamp { digest, epoch, made: Instant::now() } }
    }

    /// What was planned, when it still holds for who performs the plan of this digest under the lock with this epoch.
    pub fn take(self, digest: &str, epoch: u64) -> Option<Outlook> {
        self.stamp.holds(digest, epoch).then_some(self.outlook)
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
