//! What answers hold, and small readers for them.

use arcus_contract::facts::{
    BlockDevice, Clock, DirectoryFact, Fact, FileFact, Hardware, Holder, JobFact, Likeness, Mounted, NetworkInterface, Os, Output,
    Reachability, Route, ServiceFact, Socket, Vrrp,
};
use serde::de::DeserializeOwned;

/// A type that answers come in. Which probe gives which: [`crate::probe`].
pub trait FactType: Sized + Clone {
    #[doc(hidden)]
    fn from_fact(fact: Fact) -> Option<Self>;
    #[doc(hidden)]
    fn in_fact(fact: &Fact) -> Option<&Self>;
}

macro_rules! fact_types {
    ($($held:ty: $($case:ident)|+),+ $(,)?) => {$(
        impl FactType for $held {
            fn from_fact(fact: Fact) -> Option<Self> {
                match fact {
                    $(Fact::$case(held))|+ => Some(held),
                    #[allow(unreachable_patterns)]
                    _ => None,
                }
            }
            fn in_fact(fact: &Fact) -> Option<&Self> {
                match fact {
                    $(Fact::$case(held))|+ => Some(held),
                    #[allow(unreachable_patterns)]
                    _ => None,
                }
            }
        }
    )+};
}
fact_types! {
    Os: Os,
    Hardware: Hardware,
    Vec<Mounted>: Mounts,
    Vec<BlockDevice>: BlockDevices,
    Vec<NetworkInterface>: Interfaces,
    Vec<Route>: Routes,
    Vec<Socket>: Sockets,
    Clock: Clock,
    Option<FileFact>: File,
    Likeness: FileIs,
    Option<DirectoryFact>: Directory,
    Option<String>: Package | Sysctl | Neighbour,
    Option<ServiceFact>: Service,
    bool: KernelModule,
    Vec<Vrrp>: VrrpHeard,
    Reachability: Reach,
    Option<JobFact>: Job,
    Vec<Holder>: Holders,
    Output: Query,
}

/// Which family of systems it is.
pub trait OsKind {
    /// It is this distribution or says it is like it: `debian`, `rhel`, `fedora`.
    fn is_like(&self, id: &str) -> bool;
}
impl OsKind for Os {
    fn is_like(&self, id: &str) -> bool {
        self.id == id || self.like.iter().any(|like| like == id)
    }
}

/// Reading a file's content.
pub trait FileText {
    /// As text; bytes that are no UTF-8 are replaced.
    fn text(&self) -> String;
    /// Less was read than the file holds.
    fn is_cut(&self) -> bool;
}
impl FileText for FileFact {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.content).into_owned()
    }
    fn is_cut(&self) -> bool {
        (self.content.len() as u64) < self.size_bytes
    }
}

/// Reading what a query said.
pub trait OutputText {
    /// Standard output without ANSI escapes; bytes that are no UTF-8 are replaced.
    fn text(&self) -> String;
    /// Standard error, likewise.
    fn error_text(&self) -> String;
    /// Status 0 and complete. (Some programs say 0 and failed.)
    fn is_ok(&self) -> bool;
    /// Standard output as JSON.
    fn json<T: DeserializeOwned>(&self) -> Option<T>;
}
impl OutputText for Output {
    fn text(&self) -> String {
        crate::parse::strip_ansi(&String::from_utf8_lossy(&self.stdout))
    }
    fn error_text(&self) -> String {
        crate::parse::strip_ansi(&String::from_utf8_lossy(&self.stderr))
    }
    fn is_ok(&self) -> bool {
        self.status == 0 && !self.truncated
    }
    fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.stdout).ok()
    }
}

/// Finding a mount.
pub trait Mounts {
    /// What is at this mount point: the live one if there is one, else the line of fstab.
    fn at(&self, target: &str) -> Option<&Mounted>;
}
impl Mounts for [Mounted] {
    fn at(&self, target: &str) -> Option<&Mounted> {
        // The last mount on a point is the one that is seen.
        let here = || self.iter().rev().filter(|mounted| mounted.target == target);
        here().find(|mounted| mounted.live).or_else(|| here().next())
    }
}

/// Finding addresses.
pub trait Interfaces {
    /// The interface that carries this address (given without prefix length).
    fn with_address(&self, address: &str) -> Option<&NetworkInterface>;
    /// The interface of this name.
    fn named(&self, name: &str) -> Option<&NetworkInterface>;
}
impl Interfaces for [NetworkInterface] {
    fn with_address(&self, address: &str) -> Option<&NetworkInterface> {
        let has = |cidr: &String| cidr.split('/').next() == Some(address);
        self.iter().find(|interface| interface.addresses.iter().any(has))
    }
    fn named(&self, name: &str) -> Option<&NetworkInterface> {
        self.iter().find(|interface| interface.name == name)
    }
}

/// Finding who listens.
pub trait Sockets {
    /// The first that listens on this TCP port, on any address.
    fn tcp(&self, port: u16) -> Option<&Socket>;
}
impl Sockets for [Socket] {
    fn tcp(&self, port: u16) -> Option<&Socket> {
        self.iter().find(|socket| socket.tcp && socket.port == port)
    }
}
