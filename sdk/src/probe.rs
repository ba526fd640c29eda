//! The questions that can be asked about a node, typed by their answer. Every one only reads.

use crate::ask::Ask;
use arcus_contract::facts::{
    BlockDevice, Clock, DirectoryFact, FileFact, FileProbe, Hardware, Holder, JobFact, Likeness, Mounted, NetworkInterface, Os,
    Output, Probe, Query, Reachability, Route, ServiceFact, ServiceProbe, Socket, Vrrp,
};
use arcus_contract::files::File;

/// The operating system, kernel, host name, machine and boot id.
pub fn os() -> Ask<Os> {
    Ask::new(Probe::Os)
}
/// CPUs and memory.
pub fn hardware() -> Ask<Hardware> {
    Ask::new(Probe::Hardware)
}
/// Live mounts and lines of fstab; see [`crate::Mounts`].
pub fn mounts() -> Ask<Vec<Mounted>> {
    Ask::new(Probe::Mounts)
}
/// Block devices.
pub fn block_devices() -> Ask<Vec<BlockDevice>> {
    Ask::new(Probe::BlockDevices)
}
/// Network interfaces with their addresses (CIDR).
pub fn interfaces() -> Ask<Vec<NetworkInterface>> {
    Ask::new(Probe::Interfaces)
}
/// The routing table.
pub fn routes() -> Ask<Vec<Route>> {
    Ask::new(Probe::Routes)
}
/// Listening sockets.
pub fn sockets() -> Ask<Vec<Socket>> {
    Ask::new(Probe::Sockets)
}
/// The node's clock against the operator's.
pub fn clock() -> Ask<Clock> {
    Ask::new(Probe::Clock)
}
/// A file's metadata; `None`: there is none.
pub fn file(path: impl Into<String>) -> Ask<Option<FileFact>> {
    content(path, 0)
}
/// A file with its first `limit` bytes, at most 65536; `None`: there is none.
pub fn content(path: impl Into<String>, limit: u32) -> Ask<Option<FileFact>> {
    Ask::new(Probe::File(FileProbe { path: path.into(), content: limit }))
}
/// Is the file so? The host compares, with secrets; the content does not pass the plugin.
pub fn file_is(file: impl Into<File>) -> Ask<Likeness> {
    Ask::new(Probe::FileIs(file.into()))
}
/// A directory; `None`: there is none.
pub fn directory(path: impl Into<String>) -> Ask<Option<DirectoryFact>> {
    Ask::new(Probe::Directory(path.into()))
}
/// The installed version of a package; `None`: not installed.
pub fn package(name: impl Into<String>) -> Ask<Option<String>> {
    Ask::new(Probe::Package(name.into()))
}
/// A systemd unit by its full name; `None`: there is none.
pub fn service(unit: impl Into<String>) -> Ask<Option<ServiceFact>> {
    service_with(unit, Vec::<String>::new())
}
/// As [`service`]; the answer's `stale` also says whether one of these files changed since it started.
pub fn service_with<S: Into<String>>(unit: impl Into<String>, newer_than: impl IntoIterator<Item = S>) -> Ask<Option<ServiceFact>> {
    let newer_than = newer_than.into_iter().map(Into::into).collect();
    Ask::new(Probe::Service(ServiceProbe { name: unit.into(), newer_than }))
}
/// Is the module loaded or built in?
pub fn kernel_module(name: impl Into<String>) -> Ask<bool> {
    Ask::new(Probe::KernelModule(name.into()))
}
/// A kernel setting by dotted key; `None`: there is none.
pub fn sysctl(key: impl Into<String>) -> Ask<Option<String>> {
    Ask::new(Probe::Sysctl(key.into()))
}
/// The MAC address of whoever answers for this address on the node's segment; `None`: nobody does.
pub fn neighbour(address: impl Into<String>) -> Ask<Option<String>> {
    Ask::new(Probe::Neighbour(address.into()))
}
/// VRRP routers heard on this interface. Listens for 4 seconds.
pub fn vrrp_heard(interface: impl Into<String>) -> Ask<Vec<Vrrp>> {
    Ask::new(Probe::VrrpHeard(interface.into()))
}
/// TCP connect from the node to address and port, 3 seconds at most.
pub fn reach(address: impl Into<String>, port: u16) -> Ask<Reachability> {
    Ask::new(Probe::Reach((address.into(), port)))
}
/// A job by the id of its step; `None`: never started here.
pub fn job(step: impl Into<String>) -> Ask<Option<JobFact>> {
    Ask::new(Probe::Job(step.into()))
}
/// Processes with anything open below this directory or mount point.
pub fn holders(path: impl Into<String>) -> Ask<Vec<Holder>> {
    Ask::new(Probe::Holders(path.into()))
}
/// A read-only command of the manifest, by its id, with values for the holes of its argv.
pub fn query<'a>(id: impl Into<String>, args: impl IntoIterator<Item = &'a str>) -> Ask<Output> {
    let args = args.into_iter().map(Into::into).collect();
    Ask::new(Probe::Query(Query { id: id.into(), args }))
}
