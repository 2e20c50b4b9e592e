use std::fs::OpenOptions;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::timing::{Timing, micros};

/// Measures how long the disk takes to sync an overwritten page: the lower bound of a durable post.
pub(crate) fn fdatasync() -> Result<Timing> {
    let directory = tempfile::tempdir()?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(directory.path().join("page"))?;
    file.write_all(&[0; 4096])?;
    file.sync_all()?;
    let mut latencies = vec![];
    let end = Instant::now() + Duration::from_millis(200);
    while Instant::now() < end {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&[1; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        latencies.push(micros(start));
    }
    Ok(Timing::new(latencies))
}
