//! Files and mounts as they should be.

use arcus_contract::actions::{Mount, Over};
use arcus_contract::files::{Content, File, Part, Piece};
use arcus_contract::types::Node;

/// What [`text!`](crate::text) accepts: text, or [`secret`].
pub trait IntoPiece {
    #[doc(hidden)]
    fn into_piece(self) -> Piece;
}
impl IntoPiece for &str {
    fn into_piece(self) -> Piece {
        Piece::Text(self.to_owned())
    }
}
impl IntoPiece for String {
    fn into_piece(self) -> Piece {
        Piece::Text(self)
    }
}
impl IntoPiece for Piece {
    fn into_piece(self) -> Piece {
        self
    }
}

/// A secret by its name in the manifest, put in by the host.
pub fn secret(name: impl Into<String>) -> Piece {
    Piece::Secret(name.into())
}

/// Content of a file or of a command's standard input, joined without anything between:
/// `text!["auth_pass ", secret("vrrp"), "\n"]`.
#[macro_export]
macro_rules! text {
    ($($piece:expr),* $(,)?) => {
        ::std::vec![$($crate::IntoPiece::into_piece($piece)),*]
    };
}

/// A file as it should be. Starts as a whole, empty file of root, mode 0644.
#[derive(Debug, Clone)]
pub struct FileSpec(File);

/// A whole file at this absolute path.
pub fn file(path: impl Into<String>) -> FileSpec {
    FileSpec(File {
        path: path.into(),
        part: Part::Whole,
        content: Content::Pieces(Vec::new()),
        mode: 0o644,
        owner: "root".into(),
        group: "root".into(),
        keep_original: false,
    })
}

impl FileSpec {
    /// Its content: a string, or [`text!`](crate::text) with secrets.
    pub fn content(mut self, content: impl IntoContent) -> Self {
        self.0.content = content.into_content();
        self
    }
    /// An artifact of the operator, by its name in the manifest.
    pub fn artifact(mut self, name: impl Into<String>) -> Self {
        self.0.content = Content::Artifact(name.into());
        self
    }
    /// What this file of a node holds, carried over unseen.
    pub fn from_node(mut self, node: &Node, path: impl Into<String>) -> Self {
        self.0.content = Content::NodeFile((node.name.clone(), path.into()));
        self
    }
    /// Permission bits, e.g. `0o600`.
    pub fn mode(mut self, mode: u32) -> Self {
        self.0.mode = mode;
        self
    }
    /// Who owns it.
    pub fn owner(mut self, owner: impl Into<String>, group: impl Into<String>) -> Self {
        self.0.owner = owner.into();
        self.0.group = group.into();
        self
    }
    /// Before the first change, copies what is there to `<path>.arcus-original`, once.
    pub fn keep_original(mut self) -> Self {
        self.0.keep_original = true;
        self
    }
    /// Only the lines between two comment lines with this marker are ours.
    pub fn block(mut self, marker: impl Into<String>) -> Self {
        self.0.part = Part::Block(marker.into());
        self
    }
    /// Only the line that begins with this key is ours.
    pub fn line(mut self, key: impl Into<String>) -> Self {
        self.0.part = Part::Line(key.into());
        self
    }
    /// Only the entries of these names are ours, in a file like `/etc/hosts`: each line of the content is an address and names.
    pub fn hosts(mut self) -> Self {
        self.0.part = Part::Hosts;
        self
    }
}

impl From<FileSpec> for File {
    fn from(spec: FileSpec) -> File {
        spec.0
    }
}

/// What [`FileSpec::content`] accepts.
pub trait IntoContent {
    #[doc(hidden)]
    fn into_content(self) -> Content;
}
impl IntoContent for Vec<Piece> {
    fn into_content(self) -> Content {
        Content::Pieces(self)
    }
}
impl IntoContent for &str {
    fn into_content(self) -> Content {
        Content::Pieces(vec![Piece::Text(self.to_owned())])
    }
}
impl IntoContent for String {
    fn into_content(self) -> Content {
        Content::Pieces(vec![Piece::Text(self)])
    }
}

/// A mount as it should be, live and in fstab.
#[derive(Debug, Clone)]
pub struct MountSpec(Mount);

/// This source at this mount point, with this type. No options, kept in fstab, over nothing that is there.
pub fn mount(source: impl Into<String>, target: impl Into<String>, fstype: impl Into<String>) -> MountSpec {
    MountSpec(Mount {
        live: true,
        source: source.into(),
        target: target.into(),
        fstype: fstype.into(),
        options: Vec::new(),
        persist: true,
        over: Over::Nothing,
    })
}

/// A directory again at another place, or over itself: with [`MountSpec::options`], such as `ro`, of its own.
pub fn bind(directory: impl Into<String>, target: impl Into<String>) -> MountSpec {
    mount(directory, target, "none").options(["bind"])
}

impl MountSpec {
    /// Options in the words of fstab, e.g. `["defaults", "_netdev"]`.
    pub fn options<S: Into<String>>(mut self, options: impl IntoIterator<Item = S>) -> Self {
        self.0.options = options.into_iter().map(Into::into).collect();
        self
    }
    /// Not mounted now, and unmounted if it is: only the line in fstab stays.
    pub fn not_now(mut self) -> Self {
        self.0.live = false;
        self
    }
    /// Not in fstab.
    pub fn live_only(mut self) -> Self {
        self.0.persist = false;
        self
    }
    /// May replace a mount of this source.
    pub fn over_mount(mut self, source: impl Into<String>) -> Self {
        self.0.over = Over::Mount(source.into());
        self
    }
    /// May hide files that are there.
    pub fn over_files(mut self) -> Self {
        self.0.over = Over::Files;
        self
    }
}

impl From<MountSpec> for Mount {
    fn from(spec: MountSpec) -> Mount {
        spec.0
    }
}
