//! What every plugin must keep, for each way the share can be had.

mod common;

use arcus_storage_nfs::Nfs;

mod any_server {
    use super::*;
    arcus_sdk::properties!(Nfs, common::nfs);
}

mod a_nas {
    use super::*;
    arcus_sdk::properties!(Nfs, common::nas);
}

mod a_node_as_the_server {
    use super::*;
    arcus_sdk::properties!(Nfs, common::served_by_a_node);
}
