//! Bytes to send and to compare.

/// `len_bytes` bytes that do not repeat within any stream a test sends (Marsaglia's xorshift32): a piece lost, repeated or
/// moved shows.
pub fn pattern(len_bytes: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(len_bytes).collect()
}
