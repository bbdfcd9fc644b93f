//! [`PciAddress`].

use std::fmt;
use std::str::FromStr;

use super::PciError;

/// Where a PCI function is: `0000:03:00.0` is domain 0, bus 3, device 0, function 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    /// Domain (segment); 0 on most machines. 16 bits in hardware, but Linux numbers some controllers beyond.
    pub domain: u32,
    /// Bus.
    pub bus: u8,
    /// Device, 0 to 31.
    pub device: u8,
    /// Function, 0 to 7.
    pub function: u8,
}

impl FromStr for PciAddress {
    type Err = PciError;

    /// Reads `0000:03:00.0`, or `03:00.0` in domain 0, as `lspci` writes them.
    fn from_str(text: &str) -> Result<Self, PciError> {
        let parse = || {
            let (rest, function) = text.rsplit_once('.')?;
            let (rest, device) = rest.rsplit_once(':')?;
            let (domain, bus) = rest.rsplit_once(':').unwrap_or(("0000", rest));
            let address = Self {
                domain: hex(domain, 4..=8)?,
                bus: hex(bus, 2..=2)?.try_into().ok()?,
                device: hex(device, 2..=2)?.try_into().ok()?,
                function: hex(function, 1..=1)?.try_into().ok()?,
            };
            (address.device < 32 && address.function < 8).then_some(address)
        };
        parse().ok_or_else(|| PciError::BadAddress(text.into()))
    }
}

/// Hexadecimal digits and nothing else, as many as allowed.
fn hex(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let all_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (all_hex && digits.contains(&text.len()))
        .then(|| u32::from_str_radix(text, 16).ok())
        .flatten()
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            domain,
            bus,
            device,
            function,
        } = self;
        write!(f, "{domain:04x}:{bus:02x}:{device:02x}.{function:x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_lspci_writes_them() -> Result<(), PciError> {
        let address: PciAddress = "0000:af:1f.7".parse()?;
        assert_eq!(
            address,
            PciAddress {
                domain: 0,
                bus: 0xaf,
                device: 0x1f,
                function: 7
            }
        );
        for (text, canonical) in [
            ("03:00.0", "0000:03:00.0"),
            ("0000:03:00.0", "0000:03:00.0"),
            ("abcd:EF:0a.1", "abcd:ef:0a.1"),
            ("10000:01:00.0", "10000:01:00.0"),
        ] {
            assert_eq!(text.parse::<PciAddress>()?.to_string(), canonical);
        }
        Ok(())
    }

    #[test]
    fn what_is_no_address_is_refused_and_named() {
        for bad in [
            "",
            "0",
            "03:00",
            "0000:03:00",
            "03:00.8",
            "03:20.0",
            "003:00.0",
            "3:0.0",
            "0000:03:00.0 ",
            "+3:00.0",
            "000:03:00.0",
            "0:0000:03:00.0",
            "123456789:03:00.0",
            "../../etc",
        ] {
            let error = bad.parse::<PciAddress>().unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")), "{error}");
        }
    }
}
