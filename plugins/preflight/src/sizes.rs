//! Processors and memory.

use crate::seen::Seen;
use arcus_sdk::prelude::*;

/// Processors and GiB of memory that the guide asks for, by role.
const WANTED: [(Role, u32, u64); 5] = [
    (Role::Manage, 16, 32),
    (Role::Compute, 16, 64),
    (Role::Network, 8, 16),
    (Role::Storage, 4, 8),
    (Role::Gateway, 4, 8),
];

/// A little less is fine: kernels keep some memory for themselves, disks are smaller than they are sold.
pub const TOLERANCE_PERCENT: u64 = 5;

/// Whether this much is enough, with the tolerance.
pub fn enough(have: u64, want: u64) -> bool {
    u128::from(have) * 100 >= u128::from(want) * u128::from(100 - TOLERANCE_PERCENT)
}

const GIB: u64 = 1 << 30;

/// The checks `cpu` and `memory`.
pub fn check(seen: &Seen<'_>, checks: &mut Checks) {
    let wanted = WANTED.iter().filter(|(role, ..)| seen.has(*role));
    let Some((cpu_role, cpus, _)) = wanted.clone().max_by_key(|(_, cpus, _)| *cpus) else { return };
    let Some((memory_role, _, memory)) = wanted.max_by_key(|(.., memory)| *memory) else { return };
    let several = if seen.node.roles.len() > 1 { ", the largest wish of its roles, not their sum" } else { "" };
    checks.on(seen.node, "cpu", "enough processors").judge(&seen.hardware, |hardware| {
        let said = format!("{} processors; {cpus} are wanted for {}{several}", hardware.cpus, cpu_role.word());
        let ok = enough(u64::from(hardware.cpus), u64::from(*cpus));
        if ok { passed(said) } else { failed(format!("{said}: use a larger machine, or relax `cpu`")) }
    });
    checks.on(seen.node, "memory", "enough memory").judge(&seen.hardware, |hardware| {
        let said = format!("{} GiB; {memory} are wanted for {}{several}", tenths(hardware.memory_bytes, GIB), memory_role.word());
        let ok = enough(hardware.memory_bytes, memory * GIB);
        if ok { passed(said) } else { failed(format!("{said}: use a larger machine, or relax `memory`")) }
    });
}

/// `31.4`
pub fn tenths(bytes: u64, unit: u64) -> String {
    let tenths = bytes / (unit / 10);
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_percent_less_is_enough_and_no_more() {
        assert!(enough(95, 100) && !enough(94, 100));
        assert!(enough(16, 16) && !enough(15, 16), "of processors there are only whole ones");
        assert_eq!(tenths(33_500_000_000, GIB), "31.1");
    }
}
