//! What every plugin must keep, for an NFS server among the nodes and for a NAS.

mod common;

use arcus_migrate_storage::Migrate;

mod served_by_a_node {
    use super::*;
    arcus_sdk::properties!(Migrate, common::served);
}

mod from_a_nas {
    use super::*;
    arcus_sdk::properties!(Migrate, common::nas);
}
