//! What every plugin must keep, on a fake cluster of bare machines.

mod common;

use common::bare;
use storage_moosefs::Moose;

arcus_sdk::properties!(Moose, bare);
