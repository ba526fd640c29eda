//! How calico hands out the range of pods.

use arcus_network::range::Share;

/// Blocks of 64 addresses.
pub const SHARE: Share = Share { network: "calico", what: "block of calico", length: 26, longest: 26, lost: 0 };
