//! `export!`: makes a plugin's type the component's exports.

/// Makes a type the exports of this component: `arcus_sdk::export!(storage: Gluster);`, with the concern that the type
/// implements: `storage`, `network`, `gateway`, `platform`, `migration` or `preflight`. Once per crate. Does nothing
/// natively, so that tests can link several plugins. One that runs live ([`Plugin::live`](crate::Plugin::live)) says so:
/// `arcus_sdk::export!(storage with hatch: Gluster);`.
#[macro_export]
macro_rules! export {
    ($concern:ident : $plugin:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        mod __arcus_export {
            use super::*;
            type Exports = $crate::guest::Exports<$plugin>;
            $crate::__export_of!($concern, Exports);
        }
    };
    ($concern:ident with hatch : $plugin:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        mod __arcus_export {
            use super::*;
            type Exports = $crate::guest::Exports<$plugin>;
            $crate::__export_of!($concern, Exports);
            $crate::worlds::hatch::__export_hatch!(Exports with_types_in $crate::worlds::hatch);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_of {
    (storage, $exports:ident) => {
        $crate::worlds::plugin::__export_plugin!($exports with_types_in $crate::worlds::plugin);
        $crate::worlds::storage::__export_storage!($exports with_types_in $crate::worlds::storage);
    };
    (network, $exports:ident) => {
        $crate::worlds::plugin::__export_plugin!($exports with_types_in $crate::worlds::plugin);
        $crate::worlds::network::__export_network!($exports with_types_in $crate::worlds::network);
    };
    (gateway, $exports:ident) => {
        $crate::worlds::plugin::__export_plugin!($exports with_types_in $crate::worlds::plugin);
        $crate::worlds::gateway::__export_gateway!($exports with_types_in $crate::worlds::gateway);
    };
    (platform, $exports:ident) => {
        $crate::worlds::plugin::__export_plugin!($exports with_types_in $crate::worlds::plugin);
        $crate::worlds::platform::__export_platform!($exports with_types_in $crate::worlds::platform);
    };
    (migration, $exports:ident) => {
        $crate::worlds::plugin::__export_plugin!($exports with_types_in $crate::worlds::plugin);
        $crate::worlds::migration::__export_migration!($exports with_types_in $crate::worlds::migration);
    };
    (preflight, $exports:ident) => {
        $crate::worlds::preflight::__export_preflight!($exports with_types_in $crate::worlds::preflight);
    };
}
