//! Frames on the socket to the relay: a length of four bytes, big-endian, then as many bytes of JSON.

use std::io::{self, ErrorKind, Read, Write};

/// Maximum size of a frame from the relay. More than source, params, state and a message can take together.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// Reads a frame into `buffer`; returns false if the relay has closed the socket.
pub(crate) fn read(socket: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<bool> {
    let mut length = [0; 4];
    match socket.read_exact(&mut length) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
        other => other?,
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_BYTES {
        return Err(io::Error::new(ErrorKind::InvalidData, "the relay sent an oversized frame"));
    }
    buffer.resize(length, 0);
    socket.read_exact(buffer)?;
    Ok(true)
}

/// Writes a frame.
pub(crate) fn write(socket: &mut impl Write, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).map_err(|_| io::Error::from(ErrorKind::InvalidInput))?;
    let mut frame = Vec::with_capacity(4 + body.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(body);
    socket.write_all(&frame)
}
