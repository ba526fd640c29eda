//! What every plugin must keep, with both versions of Rainbond.

mod common;

mod five_one {
    use super::common;
    use arcus_platform_rainbond::Rainbond;
    arcus_sdk::properties!(Rainbond, common::of_5_1);
}

mod five_zero {
    use super::common;
    use arcus_platform_rainbond::Rainbond;
    arcus_sdk::properties!(Rainbond, common::of_5_0);
}
