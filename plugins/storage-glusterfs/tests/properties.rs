//! What every plugin must keep, for each way a volume can be put together.

mod common;

use arcus_sdk::fake::Fixture;
use arcus_storage_glusterfs::Gluster;

mod two_and_an_arbiter {
    use super::*;
    arcus_sdk::properties!(Gluster, common::ha);
}

mod three_copies {
    use super::*;
    fn bare() -> Fixture {
        common::fixture(3, "{}")
    }
    arcus_sdk::properties!(Gluster, bare);
}

mod two_copies_at_a_risk {
    use super::*;
    fn bare() -> Fixture {
        common::fixture(2, r#"{"accept-split-brain-risk": true, "brick": "/data/deep/er/brick"}"#)
    }
    arcus_sdk::properties!(Gluster, bare);
}

mod two_sets_and_an_arbiter_on_the_systems_disk {
    use super::*;
    fn bare() -> Fixture {
        common::fixture(5, r#"{"arbiter": "storage01", "brick": "/srv/brick", "accept-brick-on-root": true, "options": {"performance.cache-size": "64MB", "cluster.lookup-optimize": true}}"#)
    }
    arcus_sdk::properties!(Gluster, bare);
}
