//! The Toeplitz hash in software, bit by bit, as Microsoft's "RSS hashing types" tells it.

/// Hash of remote address, local address, remote port and local port under a secret of 128 bits.
pub fn toeplitz(secret: u128, key: u128) -> u32 {
    (0..96)
        .filter(|bit| key >> (95 - bit) & 1 == 1)
        .fold(0, |hash, bit| hash ^ (secret << bit >> 96) as u32)
}
