//! The bindings. All share the types of `arcus-contract`.
//!
//! The generator names one macro per exported *interface*, so two worlds with `lifecycle` cannot live in one crate. Hence one module per
//! exported interface, each generated from a world of its own; `export!` uses those that a concern's world
//! consists of, and the encoder merges them: the component is one of `wit/worlds.wit`, which `cargo xtask plugins` checks.
#![allow(unsafe_code, missing_docs, clippy::all)]

/// The world `plugin`: the imported functions, and the export of `lifecycle`.
pub mod plugin {
    wit_bindgen::generate!({
        path: "../wit",
        world: "arcus:plugin/plugin@0.1.0",
        pub_export_macro: true,
        export_macro_name: "__export_plugin",
        default_bindings_module: "arcus_sdk::worlds::plugin",
        with: {
            "arcus:plugin/types@0.1.0": arcus_contract::types,
            "arcus:plugin/files@0.1.0": arcus_contract::files,
            "arcus:plugin/facts@0.1.0": arcus_contract::facts,
            "arcus:plugin/actions@0.1.0": arcus_contract::actions,
            "arcus:plugin/checks@0.1.0": arcus_contract::checks,
            "arcus:plugin/handoffs@0.1.0": arcus_contract::handoffs,
        },
    });
}

/// The export of the interface `hatch`, and the import of `session`.
pub mod hatch {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package arcus:sdk-hatch; world hatch { import arcus:plugin/session@0.1.0; export arcus:plugin/hatch@0.1.0; }",
        pub_export_macro: true,
        export_macro_name: "__export_hatch",
        default_bindings_module: "arcus_sdk::worlds::hatch",
        with: {
            "arcus:plugin/session@0.1.0": generate,
            "arcus:plugin/types@0.1.0": arcus_contract::types,
            "arcus:plugin/files@0.1.0": arcus_contract::files,
            "arcus:plugin/facts@0.1.0": arcus_contract::facts,
        },
    });
}

/// `with` has to name what a world uses, all of it and nothing else: `extra` is what differs.
macro_rules! exported {
    ($interface:ident, $world:literal, $export:literal, $path:literal $(, $extra:literal: $module:ident)*) => {
        #[doc = concat!("The export of the interface `", stringify!($interface), "`.")]
        pub mod $interface {
            wit_bindgen::generate!({
                path: "../wit",
                inline: $world,
                pub_export_macro: true,
                export_macro_name: $export,
                default_bindings_module: $path,
                with: {
                    "arcus:plugin/types@0.1.0": arcus_contract::types,
                    "arcus:plugin/handoffs@0.1.0": arcus_contract::handoffs,
                    $($extra: arcus_contract::$module,)*
                },
            });
        }
    };
}

exported!(
    storage,
    "package arcus:sdk-storage; world storage { export arcus:plugin/storage@0.1.0; }",
    "__export_storage",
    "arcus_sdk::worlds::storage"
);
exported!(
    network,
    "package arcus:sdk-network; world network { export arcus:plugin/network@0.1.0; }",
    "__export_network",
    "arcus_sdk::worlds::network"
);
exported!(
    gateway,
    "package arcus:sdk-gateway; world gateway { export arcus:plugin/gateway@0.1.0; }",
    "__export_gateway",
    "arcus_sdk::worlds::gateway"
);
exported!(
    platform,
    "package arcus:sdk-platform; world platform { export arcus:plugin/platform@0.1.0; }",
    "__export_platform",
    "arcus_sdk::worlds::platform"
);
exported!(
    migration,
    "package arcus:sdk-migration; world migration { export arcus:plugin/migration@0.1.0; }",
    "__export_migration",
    "arcus_sdk::worlds::migration",
    "arcus:plugin/files@0.1.0": files,
    "arcus:plugin/facts@0.1.0": facts,
    "arcus:plugin/actions@0.1.0": actions
);
exported!(
    preflight,
    "package arcus:sdk-preflight; world preflight { export arcus:plugin/preflight@0.1.0; }",
    "__export_preflight",
    "arcus_sdk::worlds::preflight",
    "arcus:plugin/files@0.1.0": files,
    "arcus:plugin/facts@0.1.0": facts,
    "arcus:plugin/actions@0.1.0": actions,
    "arcus:plugin/checks@0.1.0": checks
);
