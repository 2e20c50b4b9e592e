use std::path::PathBuf;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Time between two measurements.
const PAUSE: Duration = Duration::from_secs(1);

/// The free space of the disk that the database is on, compared with the operator's floor.
#[derive(Debug)]
pub(crate) struct FreeDisk {
    /// A path on the disk.
    path: PathBuf,
    /// Free space below which nothing new is stored, in bytes.
    floor: u64,
    is_low: AtomicBool,
}

impl FreeDisk {
    /// Measures the disk that contains `path`.
    pub(crate) fn new(path: PathBuf, floor: u64) -> Self {
        let disk = Self { path, floor, is_low: AtomicBool::new(false) };
        disk.measure();
        disk
    }

    /// Returns `true` if less than the floor was free at the last measurement.
    pub(crate) fn is_low(&self) -> bool {
        self.is_low.load(Ordering::Relaxed)
    }

    /// Measures the free space. This may block for as long as the file system takes.
    fn measure(&self) {
        let free = match rustix::fs::statvfs(&self.path) {
            Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
            Err(error) => {
                tracing::warn!(error.cause = %error, "the free disk space cannot be measured");
                return;
            }
        };
        let is_low = free < self.floor;
        if self.is_low.swap(is_low, Ordering::Relaxed) != is_low {
            if is_low {
                tracing::error!(
                    disk.free_bytes = free,
                    disk_free_bytes = self.floor,
                    remedy = "free some space on the disk of the database, or lower disk_free_bytes",
                    "the disk is almost full; nothing new is stored"
                );
            } else {
                tracing::info!(disk.free_bytes = free, "the disk has enough free space again");
            }
        }
    }
}

/// Measures the disk every second until `shutdown`, or until the relay has ended.
pub(crate) async fn watch_free_disk(disk: Weak<FreeDisk>, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = sleep(PAUSE) => {}
            () = shutdown.cancelled() => return,
        }
        let Some(disk) = disk.upgrade() else { return };
        // The outcome of a measurement that panicked is the one before.
        let _ = spawn_blocking(move || disk.measure()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::FreeDisk;

    #[test]
    fn a_disk_with_less_free_space_than_the_floor_is_low() {
        let directory = tempfile::tempdir().unwrap();
        assert!(!FreeDisk::new(directory.path().to_owned(), 1).is_low());
        assert!(FreeDisk::new(directory.path().to_owned(), u64::MAX).is_low());
    }
}
