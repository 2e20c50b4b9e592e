use serde::{Deserialize, Serialize};

/// The relay that runs with a data directory, as it says in the file [`LocalRelay::FILE`] there.
///
/// The relay holds an exclusive lock on the file (`flock`) as long as it runs, and each relay writes a new file. So whoever
/// can lock the file knows that nobody listens there who may have the user's token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalRelay {
    /// Address for programs on the same computer, such as `http://127.0.0.1:8100`.
    pub url: String,
    /// The relay's process.
    pub pid: u32,
    /// Version of its program.
    pub version: String,
}

impl LocalRelay {
    /// Name of the file in the data directory.
    pub const FILE: &'static str = "relay.json";
}
