//! What the stack did that no socket sees.

/// Counters of a stack; each names what a rise means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// SYNs dropped because the listener's backlog was full: the application accepts too slowly, or a flood.
    pub syn_dropped_backlog: u64,
    /// SYNs dropped because no connection or no memory was left.
    pub syn_dropped_no_room: u64,
    /// RSTs sent to segments that match nothing: a port scan, or peers that outlived us.
    pub resets_sent: u64,
    /// Segments that match nothing and got no RST: too many of them, no room in the command ring, or no
    /// way to the peer: a neighbour that answers no ARP request, or an address behind no gateway.
    pub resets_withheld: u64,
    /// Segments and messages from addresses that no host has (RFC 9293 MUST-57, 63), or with a VLAN tag.
    pub bad_source: u64,
    /// Segments of connections whose id is another one's by now: their events had been on their way for so long.
    pub stale_flow: u64,
    /// ICMP errors for connections that we do not have: forged or late.
    pub icmp_ignored: u64,
    /// ARP packets and echo replies not sent because the command ring was full or too many were under way.
    pub raw_not_sent: u64,
    /// Connections in TIME-WAIT that had to go early because there were too many.
    pub time_wait_dropped: u64,
    /// Commands that the NIC refused: a fault in this software.
    pub commands_refused: u64,
    /// Flows for which the NIC's table had no room; they work, through the stack's own table.
    pub flows_not_offloaded: u64,
    /// Segments that the NIC's flow table knew the connection of.
    pub flow_hits: u64,
    /// Segments of a connection that only the stack's own table knew: the NIC has no id for it, or no place in its table, or did
    /// not have it yet.
    pub flow_misses: u64,
    /// Connections that the NIC has no id for, now. They work, and cost more: software builds their frames.
    pub connections_uncached: u64,
}
