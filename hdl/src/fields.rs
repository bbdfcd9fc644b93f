//! Commands, events and headers as signal bundles, made from the field lists of `handclasp-layout`.
//!
//! A bundle and its `Bits` convert into each other without hardware. In little-endian tables bit 0 of `Bits` is bit 0 of byte 0, as on
//! the bus; in network-order tables byte 0 is the most significant, as the RFCs draw it.
// The derive writes public methods without documentation.
#![allow(missing_docs)]

use handclasp_layout::{
    address_event_fields, completion_event_fields, control_fields, ethernet_header_fields,
    flow_command_fields, ipv4_header_fields, listen_command_fields, nic_status_fields,
    rx_event_fields, sack_event_fields, segment_command_fields, tcp_header_fields,
};
use rust_hdl::prelude::*;

/// What a field of a bundle may be.
trait FieldBits {
    /// The field's bits out of the bundle's.
    fn cut<const N: usize>(bits: Bits<N>, offset_bits: usize) -> Self;
}

impl FieldBits for Bit {
    fn cut<const N: usize>(bits: Bits<N>, offset_bits: usize) -> Self {
        bits.get_bit(offset_bits)
    }
}

impl<const M: usize> FieldBits for Bits<M> {
    fn cut<const N: usize>(bits: Bits<N>, offset_bits: usize) -> Self {
        bits.get_bits::<M>(offset_bits)
    }
}

/// Turns a list of fields into a bundle: one-bit flags become `Bit`, everything else `Bits`. A bundle's first field is its least
/// significant, hence network-order lists are turned round.
macro_rules! bundle {
    (
        $(#[doc = $doc:literal])*
        $name:ident: $size:literal bytes, $order:ident, $get:ident, $set:ident;
        $($fields:tt)*
    ) => {
        bundle! { @sort $order [$name $size $($doc)*] [] $($fields)* }
    };
    (@sort LittleEndian $head:tt [$($done:tt)*] $byte:literal + $bit:literal $field:ident: bool, 1, $doc:literal; $($rest:tt)*) => {
        bundle! { @sort LittleEndian $head [$($done)* ($field, Bit, $doc)] $($rest)* }
    };
    (@sort LittleEndian $head:tt [$($done:tt)*] $byte:literal + $bit:literal $field:ident: $type:ty, $width:literal, $doc:literal; $($rest:tt)*) => {
        bundle! { @sort LittleEndian $head [$($done)* ($field, Bits<$width>, $doc)] $($rest)* }
    };
    (@sort Network $head:tt [$($done:tt)*] $byte:literal + $bit:literal $field:ident: bool, 1, $doc:literal; $($rest:tt)*) => {
        bundle! { @sort Network $head [($field, Bit, $doc) $($done)*] $($rest)* }
    };
    (@sort Network $head:tt [$($done:tt)*] $byte:literal + $bit:literal $field:ident: $type:ty, $width:literal, $doc:literal; $($rest:tt)*) => {
        bundle! { @sort Network $head [($field, Bits<$width>, $doc) $($done)*] $($rest)* }
    };
    (@sort $order:ident [$name:ident $size:literal $($doc:literal)*] [$(($field:ident, $type:ty, $field_doc:literal))*]) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, LogicStruct)]
        pub struct $name {
            $(#[doc = $field_doc] pub $field: $type,)*
        }

        impl From<Bits<{ $size * 8 }>> for $name {
            fn from(bits: Bits<{ $size * 8 }>) -> Self {
                let mut offset_bits = 0;
                $(
                    let $field = <$type>::cut(bits, offset_bits);
                    offset_bits += <$type as Synth>::BITS;
                )*
                let _ = offset_bits;
                Self { $($field),* }
            }
        }
    };
}

segment_command_fields!(bundle);
flow_command_fields!(bundle);
listen_command_fields!(bundle);
rx_event_fields!(bundle);
address_event_fields!(bundle);
sack_event_fields!(bundle);
completion_event_fields!(bundle);
control_fields!(bundle);
nic_status_fields!(bundle);
ethernet_header_fields!(bundle);
ipv4_header_fields!(bundle);
tcp_header_fields!(bundle);

#[cfg(test)]
mod tests {
    use super::*;
    use handclasp_layout::{header, queue, register, table::Order, table::Table};
    use num_bigint::BigUint;
    use rust_hdl::core::type_descriptor::{TypeDescriptor, TypeKind};

    /// Name, offset and width of each field, as rust-hdl sees them.
    fn places<T: Synth>() -> Vec<(String, usize, usize)> {
        fn width(kind: &TypeDescriptor) -> usize {
            match &kind.kind {
                TypeKind::Bits(width) => *width,
                other => panic!("a field is Bits or Bit, not {other:?}"),
            }
        }
        let TypeKind::Composite(fields) = T::descriptor().kind else {
            panic!("not a bundle");
        };
        let mut next = 0;
        let mut places = vec![];
        for field in fields {
            places.push((field.fieldname.clone(), next, width(&field.kind)));
            next += width(&field.kind);
        }
        places
    }

    fn check<T: Synth>(table: &Table) {
        let mut wanted: Vec<_> = table
            .fields
            .iter()
            .map(|f| {
                let offset = match table.order {
                    Order::LittleEndian => f.offset_bits,
                    Order::Network => table.size_bytes * 8 - f.offset_bits - f.width_bits,
                };
                (f.name.to_owned(), offset, f.width_bits)
            })
            .collect();
        wanted.sort_by_key(|(_, offset, _)| *offset);
        assert_eq!(places::<T>(), wanted, "{}", table.name);
    }

    #[test]
    fn every_field_is_where_the_table_says() {
        check::<SegmentCommand>(&queue::SegmentCommand::TABLE);
        check::<FlowCommand>(&queue::FlowCommand::TABLE);
        check::<ListenCommand>(&queue::ListenCommand::TABLE);
        check::<RxEvent>(&queue::RxEvent::TABLE);
        check::<AddressEvent>(&queue::AddressEvent::TABLE);
        check::<SackEvent>(&queue::SackEvent::TABLE);
        check::<CompletionEvent>(&queue::CompletionEvent::TABLE);
        check::<Control>(&register::Control::TABLE);
        check::<NicStatus>(&register::NicStatus::TABLE);
        check::<EthernetHeader>(&header::EthernetHeader::TABLE);
        check::<Ipv4Header>(&header::Ipv4Header::TABLE);
        check::<TcpHeader>(&header::TcpHeader::TABLE);
    }

    #[test]
    fn bundles_and_bits_convert_into_each_other() {
        let bytes: [u8; 64] = core::array::from_fn(|i| (i * 37 + 11) as u8);
        let bits: Bits<512> = BigUint::from_bytes_le(&bytes).into();
        let event = RxEvent::from(bits);
        let wanted = queue::RxEvent::decode(&bytes);
        assert_eq!(event.rss_hash, u64::from(wanted.rss_hash));
        assert_eq!(event.tcp_flags, u64::from(wanted.tcp_flags));
        assert_eq!(event.has_slot, wanted.has_slot);
        assert_eq!(event.timestamp, wanted.timestamp);
        assert_eq!(Bits::<512>::from(event), bits);

        let header: [u8; 20] = core::array::from_fn(|i| (i * 91 + 5) as u8);
        let tcp = TcpHeader::from(Bits::<160>::from(BigUint::from_bytes_be(&header)));
        let wanted = header::TcpHeader::decode(&header);
        assert_eq!(tcp.dst_port, u64::from(wanted.dst_port));
        assert_eq!(tcp.data_offset_words, u64::from(wanted.data_offset_words));
        assert_eq!(tcp.urgent, u64::from(wanted.urgent));
    }
}
