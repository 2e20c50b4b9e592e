use std::fmt;
use std::net::IpAddr;

/// Addresses that begin with the same bits (CIDR, RFC 4632).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    base: IpAddr,
    length: u8,
}

impl Block {
    /// `length` is at most the address's own.
    pub(crate) const fn new(base: IpAddr, length: u8) -> Self {
        Self { base, length }
    }

    pub(crate) fn single(address: IpAddr) -> Self {
        Self::new(address, width(address))
    }

    /// Reads `10.0.0.0/8`, or an address, which is a block of its own.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let not_an_address = |part: &str| format!("`{part}` is not an IP address");
        let Some((base, length)) = text.split_once('/') else {
            return text.parse().map(Self::single).map_err(|_| not_an_address(text));
        };
        let base: IpAddr = base.parse().map_err(|_| not_an_address(base))?;
        let width = width(base);
        let length = length.parse().ok().filter(|length| *length <= width);
        let length = length.ok_or_else(|| format!("after the slash must stand a number up to {width}"))?;
        let block = Self { base, length };
        // Whoever writes 10.1.2.3/8 may have meant the one address.
        let rest = u128::MAX.checked_shr(128 - u32::from(width) + u32::from(length)).unwrap_or(0);
        if bits(base) & rest != 0 {
            return Err(format!("{base} has bits set beyond the first {length}"));
        }
        Ok(block)
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let rest = u32::from(width(self.base) - self.length);
        self.base.is_ipv4() == address.is_ipv4()
            && bits(self.base).checked_shr(rest).unwrap_or(0) == bits(address).checked_shr(rest).unwrap_or(0)
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.length)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u32::from(v4).into(),
        IpAddr::V6(v6) => v6.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::Block;

    #[test]
    fn a_block_holds_what_begins_with_its_bits() {
        for (block, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("172.16.0.0/12", "172.31.255.255", "172.32.0.0"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
            ("::/0", "::1", "8.8.8.8"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("::1", "::1", "::2"),
        ] {
            let block = Block::parse(block).unwrap();
            assert!(block.contains(inside.parse().unwrap()), "{block} {inside}");
            assert!(!block.contains(outside.parse().unwrap()), "{block} {outside}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, said) in [
            ("10.0.0.0/33", "up to 32"),
            ("10.0.0.0/", "up to 32"),
            ("::/129", "up to 128"),
            ("10.0.0.1/8", "beyond the first 8"),
            ("::1/0", "beyond the first 0"),
            ("10.0.0/8", "not an IP address"),
            ("", "not an IP address"),
        ] {
            let error = Block::parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
