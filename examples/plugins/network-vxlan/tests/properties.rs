//! What every plugin must keep, on a fake cluster of bare machines whose kernel does what the plugin's files say.

mod common;

use common::bare;
use network_vxlan::Vxlan;

arcus_sdk::properties!(Vxlan, bare);
