//! What every plugin must keep, for each way the group can be put together.

mod common;

use arcus_gateway_keepalived::Keepalived;
use arcus_sdk::fake::Fixture;

mod three_gateways {
    use super::*;
    arcus_sdk::properties!(Keepalived, common::ha);
}

mod version_two_with_a_password {
    use super::*;
    fn bare() -> Fixture {
        common::fixture(2, r#"{"vip": "10.99.0.100/24", "version": 2}"#)
    }
    arcus_sdk::properties!(Keepalived, bare);
}

mod one_gateway_and_no_platform {
    use super::*;
    fn bare() -> Fixture {
        Fixture::new(common::MANIFEST, common::HA, common::world(1))
    }
    arcus_sdk::properties!(Keepalived, bare);
}

mod over_a_configuration_by_hand {
    use super::*;
    fn bare() -> Fixture {
        let mut fixture = common::fixture(3, r#"{"vip": "10.99.0.100/24", "unicast": false, "interface": "eth0", "vrid": 9}"#);
        for node in ["manage01", "manage02"] {
            fixture.world.directory(node, "/etc/keepalived");
            fixture.world.write(node, common::CONF, "vrrp_instance VI_1 {\n  virtual_router_id 51\n  virtual_ipaddress {\n    10.99.0.77\n  }\n}\n");
        }
        fixture
    }
    arcus_sdk::properties!(Keepalived, bare);
}
