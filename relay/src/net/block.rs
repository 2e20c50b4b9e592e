use std::net::IpAddr;

use ipnet::IpNet;

/// Parses a CIDR block (RFC 4632) such as `10.0.0.0/8`, or a single address. The error explains what is wrong.
pub(crate) fn parse_block(text: &str) -> Result<IpNet, String> {
    let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().map_err(|_| format!("`{address}` is not an IP address"))?;
    let Some(length) = length else { return Ok(address.into()) };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let block = length
        .parse()
        .ok()
        .and_then(|length| IpNet::new(address, length).ok())
        .ok_or_else(|| format!("the prefix length after the slash must be a number from 0 to {longest}"))?;
    // The author of 10.1.2.3/8 may have meant that one address, not the block.
    if block != block.trunc() {
        return Err(format!("{block} has bits set beyond the prefix; the block is {}", block.trunc()));
    }
    Ok(block)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::parse_block;

    #[test]
    fn a_block_contains_the_addresses_with_its_prefix() {
        for (block, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("172.16.0.0/12", "172.31.255.255", "172.32.0.0"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
            ("::/0", "::1", "8.8.8.8"),
            ("fd00::/8", "fdff::1", "fe00::"),
            ("::1", "::1", "::2"),
        ] {
            let block = parse_block(block).unwrap();
            assert!(block.contains(&inside.parse::<IpAddr>().unwrap()), "{block} {inside}");
            assert!(!block.contains(&outside.parse::<IpAddr>().unwrap()), "{block} {outside}");
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_reason() {
        for (text, reason) in [
            ("10.0.0.0/33", "from 0 to 32"),
            ("10.0.0.0/", "from 0 to 32"),
            ("::/129", "from 0 to 128"),
            ("10.1.2.3/8", "10.1.2.3/8 has bits set beyond the prefix; the block is 10.0.0.0/8"),
            ("::1/0", "bits set beyond the prefix"),
            ("10.0.0/8", "not an IP address"),
            ("", "not an IP address"),
        ] {
            let error = parse_block(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
