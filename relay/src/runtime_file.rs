//! The file by which programs of the same user find this relay.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use mcp_multiplayer_protocol::LocalRelay;

/// The file with the relay's address, locked as long as this value lives. See [`LocalRelay`].
#[derive(Debug)]
pub struct RuntimeFile {
    _locked: File,
}

impl RuntimeFile {
    /// Writes the file for a relay that listens on these addresses without TLS; `None` if programs on this computer reach
    /// none of them by a loopback address.
    pub fn publish(data_dir: &Path, listening: &[SocketAddr]) -> io::Result<Option<Self>> {
        let Some(address) = listening.iter().find_map(|address| on_this_computer(*address)) else { return Ok(None) };
        let relay = LocalRelay {
            url: format!("http://{address}"),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let (path, new) = (data_dir.join(LocalRelay::FILE), data_dir.join(format!("{}.new", LocalRelay::FILE)));
        // A file that another relay has left behind may be locked, by its process or by a reader.
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        // Locked before anybody can find it.
        file.lock()?;
        file.write_all(&serde_json::to_vec(&relay)?)?;
        fs::rename(new, path)?;
        Ok(Some(Self { _locked: file }))
    }
}

/// The loopback address at which a listener on `address` is reached.
fn on_this_computer(address: SocketAddr) -> Option<SocketAddr> {
    let ip = match address.ip() {
        ip if ip.is_loopback() => ip,
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => return None,
    };
    Some(SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use mcp_multiplayer_protocol::LocalRelay;

    use super::RuntimeFile;

    #[test]
    fn the_file_is_locked_while_the_relay_runs() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(LocalRelay::FILE);
        let published = |addresses: &[&str]| {
            let addresses: Vec<_> = addresses.iter().map(|address| address.parse().unwrap()).collect();
            RuntimeFile::publish(directory.path(), &addresses).unwrap()
        };
        assert!(published(&["192.0.2.1:80"]).is_none());
        for (address, url) in [("192.0.2.1:80 127.0.0.1:8100", "http://127.0.0.1:8100"), ("[::]:9", "http://[::1]:9")] {
            let running = published(&address.split(' ').collect::<Vec<_>>());
            assert!(running.is_some());
            let relay: LocalRelay = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            assert_eq!((relay.url.as_str(), relay.pid), (url, std::process::id()));
            assert!(File::open(&path).unwrap().try_lock_shared().is_err());
            drop(running);
            assert!(File::open(&path).unwrap().try_lock_shared().is_ok());
        }
    }
}
