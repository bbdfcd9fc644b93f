//! What a table is: named bit fields of a descriptor, register or header, and the checks that hold for each of them
//! at compile time.

/// One field: its place and width, from which every reader and writer is derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name, the same in driver, gateware, simulator and datasheet.
    pub name: &'static str,
    /// Distance from the table's first bit, in bits. In a little-endian table bit 0 is the least significant bit
    /// of byte 0; in a network-order table it is the most significant bit of byte 0, as RFCs draw it.
    pub offset_bits: usize,
    /// Width in bits.
    pub width_bits: usize,
    /// Meaning and unit, for the datasheet.
    pub doc: &'static str,
}

/// How the bytes of a table are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Descriptors, events and registers: as the host's memory has them.
    LittleEndian,
    /// Headers: as the wire has them.
    Network,
}

/// A whole descriptor, event, register or header.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Name of the table, which is the name of its Rust type.
    pub name: &'static str,
    /// What it is, for the datasheet.
    pub doc: &'static str,
    /// Size in bytes.
    pub size_bytes: usize,
    /// Byte order.
    pub order: Order,
    /// The fields, in ascending order, without gaps and overlaps.
    pub fields: &'static [Field],
}

impl Table {
    /// Fails the build when fields overlap, leave a gap, or do not fill the table to its last bit.
    pub const fn checked(self) -> Table {
        let mut next = 0;
        let mut i = 0;
        while i < self.fields.len() {
            let field = self.fields[i];
            assert!(
                field.offset_bits >= next,
                "two fields of a table overlap, or are out of order"
            );
            assert!(
                field.offset_bits == next,
                "a gap between two fields of a table"
            );
            assert!(
                field.width_bits >= 1 && field.width_bits <= 64,
                "a field is 1 to 64 bits wide"
            );
            next += field.width_bits;
            i += 1;
        }
        assert!(
            next == self.size_bytes * 8,
            "the fields do not fill the table"
        );
        self
    }
}

/// Reads the field from a little-endian table.
///
/// The caller hands the whole table: a field that lies beyond `bytes` reads as zero bits there.
#[inline]
pub const fn get_little_endian(bytes: &[u8], offset_bits: usize, width_bits: usize) -> u64 {
    let mut value = 0u64;
    let mut done = 0;
    while done < width_bits {
        let bit = offset_bits + done;
        let in_word = bit % WORD_BITS;
        let take = min(WORD_BITS - in_word, width_bits - done);
        let part =
            (load_word(bytes, bit / WORD_BITS) >> in_word) & (u64::MAX >> (WORD_BITS - take));
        value |= part << done;
        done += take;
    }
    value
}

/// Writes the field into a little-endian table; bits of `value` beyond the width, and bytes beyond `bytes`, are dropped.
#[inline]
pub const fn set_little_endian(
    bytes: &mut [u8],
    offset_bits: usize,
    width_bits: usize,
    value: u64,
) {
    let mut done = 0;
    while done < width_bits {
        let bit = offset_bits + done;
        let in_word = bit % WORD_BITS;
        let take = min(WORD_BITS - in_word, width_bits - done);
        let mask = (u64::MAX >> (WORD_BITS - take)) << in_word;
        let part = (value >> done) << in_word;
        let word = load_word(bytes, bit / WORD_BITS);
        store_word(bytes, bit / WORD_BITS, (word & !mask) | (part & mask));
        done += take;
    }
}

/// Little-endian tables are read and written by whole words, which is what they cross a bus in; so the compiler joins the
/// fields of a word in a register.
const WORD_BITS: usize = 64;
const WORD_BYTES: usize = WORD_BITS / 8;

/// Word `index`; bytes beyond `bytes` are zero.
#[inline]
const fn load_word(bytes: &[u8], index: usize) -> u64 {
    let mut word = [0; WORD_BYTES];
    let (_, from) = bytes.split_at(min(index * WORD_BYTES, bytes.len()));
    match from.first_chunk() {
        Some(whole) => word = *whole,
        None => {
            let mut at = 0;
            while at < from.len() {
                word[at] = from[at];
                at += 1;
            }
        }
    }
    u64::from_le_bytes(word)
}

/// Writes word `index`, as far as `bytes` go.
#[inline]
const fn store_word(bytes: &mut [u8], index: usize, word: u64) {
    let word = word.to_le_bytes();
    let (_, to) = bytes.split_at_mut(min(index * WORD_BYTES, bytes.len()));
    match to.first_chunk_mut() {
        Some(whole) => *whole = word,
        None => {
            let mut at = 0;
            while at < to.len() {
                to[at] = word[at];
                at += 1;
            }
        }
    }
}

/// Reads the field from a network-order table; a field that lies beyond `bytes` reads as zero bits there.
#[inline]
pub const fn get_network(bytes: &[u8], offset_bits: usize, width_bits: usize) -> u64 {
    let mut value = 0u64;
    let mut done = 0;
    while done < width_bits {
        let bit = offset_bits + done;
        let in_byte = bit % 8;
        let take = min(8 - in_byte, width_bits - done);
        let mut part = 0u64;
        if bit / 8 < bytes.len() {
            part = (bytes[bit / 8] >> (8 - in_byte - take)) as u64 & ((1u64 << take) - 1);
        }
        value = (value << take) | part;
        done += take;
    }
    value
}

/// Writes the field into a network-order table; bits of `value` beyond the width, and bytes beyond `bytes`, are dropped.
#[inline]
pub const fn set_network(bytes: &mut [u8], offset_bits: usize, width_bits: usize, value: u64) {
    let mut left = width_bits;
    while left > 0 {
        // From the last bit to the first, so that `value`'s low bits land at the end.
        let last = offset_bits + left - 1;
        let in_byte = last % 8;
        let take = min(in_byte + 1, left);
        if last / 8 < bytes.len() {
            let shift = 7 - in_byte;
            let mask = (((1u16 << take) - 1) << shift) as u8;
            let part = ((value >> (width_bits - left)) as u8) << shift;
            bytes[last / 8] = (bytes[last / 8] & !mask) | (part & mask);
        }
        left -= take;
    }
}

const fn min(a: usize, b: usize) -> usize {
    if a < b {
        a
    } else {
        b
    }
}

/// The Rust types a field may have; the table names one a field, and it must hold the field's width.
pub trait FieldValue: Copy + Default {
    /// The type's own width in bits.
    const BITS: usize;
    /// From the field's bits.
    fn from_bits(bits: u64) -> Self;
    /// To the field's bits.
    fn to_bits(self) -> u64;
}

macro_rules! field_value {
    ($($type:ty: $bits:expr, $from:expr;)*) => {$(
        impl FieldValue for $type {
            const BITS: usize = $bits;
            #[inline]
            fn from_bits(bits: u64) -> Self {
                let from: fn(u64) -> $type = $from;
                from(bits)
            }
            #[inline]
            fn to_bits(self) -> u64 {
                u64::from(self)
            }
        }
    )*};
}

field_value! {
    bool: 1, |bits| bits & 1 == 1;
    u8: 8, |bits| bits as u8;
    u16: 16, |bits| bits as u16;
    u32: 32, |bits| bits as u32;
    u64: 64, |bits| bits;
}

/// Turns a list of fields into a Rust struct with `TABLE`, `decode` and `encode`, and with a function a field that reads
/// this one alone.
macro_rules! descriptor {
    (
        $(#[doc = $doc:literal])*
        $name:ident: $size:literal bytes, $order:ident, $get:ident, $set:ident;
        $($byte:literal + $bit:literal $field:ident: $type:ty, $width:literal, $field_doc:literal;)*
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name {
            $(#[doc = $field_doc] pub $field: $type,)*
        }

        impl $name {
            /// Size in bytes.
            pub const SIZE_BYTES: usize = $size;

            /// Places, widths and meanings of the fields.
            pub const TABLE: $crate::table::Table = $crate::table::Table {
                name: stringify!($name),
                doc: concat!($($doc, "\n"),*),
                size_bytes: $size,
                order: $crate::table::Order::$order,
                fields: &[$($crate::table::Field {
                    name: stringify!($field),
                    offset_bits: $byte * 8 + $bit,
                    width_bits: $width,
                    doc: $field_doc,
                },)*],
            }
            .checked();

            /// Reads every field from the table's bytes.
            #[inline]
            pub fn decode(bytes: &[u8; $size]) -> Self {
                $(const { assert!(<$type as $crate::table::FieldValue>::BITS >= $width) };)*
                Self {
                    $($field: $crate::table::FieldValue::from_bits(
                        $crate::table::$get(bytes, $byte * 8 + $bit, $width),
                    ),)*
                }
            }

            /// Writes every field; bits beyond a field's width are dropped.
            #[inline]
            pub fn encode(&self) -> [u8; $size] {
                let mut bytes = [0; $size];
                $($crate::table::$set(
                    &mut bytes,
                    $byte * 8 + $bit,
                    $width,
                    $crate::table::FieldValue::to_bits(self.$field),
                );)*
                bytes
            }

            $(
                #[doc = concat!("Reads only `", stringify!($field), "` from the table's bytes. ", $field_doc)]
                #[inline]
                pub fn $field(bytes: &[u8; $size]) -> $type {
                    $crate::table::FieldValue::from_bits(
                        $crate::table::$get(bytes, $byte * 8 + $bit, $width),
                    )
                }
            )*
        }
    };
}
pub(crate) use descriptor;

/// One value of an enumeration, for the datasheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Name of the value.
    pub name: &'static str,
    /// The number.
    pub value: u8,
    /// Meaning.
    pub doc: &'static str,
}

/// Turns a list of codes into a Rust enum with `CODES` and `TryFrom<u8>`.
macro_rules! codes {
    (
        $(#[doc = $doc:literal])*
        $name:ident;
        $($value:literal $code:ident, $code_doc:literal;)*
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name {
            $(#[doc = $code_doc] $code = $value,)*
        }

        impl $name {
            /// Every value with its meaning.
            pub const CODES: &'static [$crate::table::Code] = &[$($crate::table::Code {
                name: stringify!($code),
                value: $value,
                doc: $code_doc,
            },)*];
        }

        impl TryFrom<u8> for $name {
            /// The number that is no code.
            type Error = u8;
            #[inline]
            fn try_from(value: u8) -> Result<Self, u8> {
                match value {
                    $($value => Ok(Self::$code),)*
                    other => Err(other),
                }
            }
        }
    };
}
pub(crate) use codes;
