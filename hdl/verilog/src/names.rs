//! From rust-hdl's names to Verilog's.
//!
//! rust-hdl joins with `$` (`s_axis$tdata`, `words$3`, `fifo$read`); Verilog gets `_`. Array indices in kernels are text
//! (`words[i+1]`) and are computed here.

use crate::error::Refusal;
use std::collections::BTreeMap;

/// Verilog-2005 and SystemVerilog keywords that are legal Rust field names, and words that tools treat as such.
const KEYWORDS: &str = "accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind bins \
binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config const constraint context continue cover covergroup \
coverpoint cross deassign default defparam design disable dist do edge else end endcase endchecker endclass endclocking endconfig endfunction \
endgenerate endgroup endinterface endmodule endpackage endprimitive endprogram endproperty endspecify endsequence endtable endtask enum event \
eventually expect export extends extern final first_match for force foreach forever fork forkjoin function generate genvar global highz0 highz1 if iff \
ifnone ignore_bins illegal_bins implements implies import incdir include initial inout input inside instance int integer interconnect interface \
intersect join join_any join_none large let liblist library local localparam logic longint macromodule matches medium modport module nand \
negedge nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive priority \
program property protected pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real \
realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually s_nexttime s_until \
s_until_with scalared sequence shortint shortreal showcancelled signed small soft solve specify specparam static string strong strong0 strong1 \
struct super supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout time timeprecision timeunit tran tranif0 tranif1 tri \
tri0 tri1 triand trior trireg type typedef union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait \
wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor";

/// The Verilog spelling of a rust-hdl name, or a refusal when it is a keyword or not an identifier.
pub(crate) fn verilog_name(name: &str) -> Result<String, Refusal> {
    let spelled = name.replace('$', "_");
    let identifier = spelled.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && spelled
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !identifier || KEYWORDS.split_whitespace().any(|k| k == spelled) {
        return Err(Refusal::ReservedName(name.to_owned()));
    }
    Ok(spelled)
}

/// Verilog names taken in one scope, to detect two names that become one.
#[derive(Default)]
pub(crate) struct Scope(BTreeMap<String, String>);

impl Scope {
    /// Takes the Verilog spelling of `name`, and returns it.
    pub(crate) fn take(&mut self, name: &str) -> Result<String, Refusal> {
        let spelled = verilog_name(name)?;
        match self.0.insert(spelled.clone(), name.to_owned()) {
            Some(other) => Err(Refusal::NameCollision(other, name.to_owned(), spelled)),
            None => Ok(spelled),
        }
    }
}

/// Loop variables and their values, innermost last.
pub(crate) type Loops = Vec<(String, usize)>;

/// The value of a loop variable, innermost first.
pub(crate) fn loop_value(loops: &Loops, name: &str) -> Option<usize> {
    loops.iter().rev().find(|(n, _)| n == name).map(|(_, v)| *v)
}

/// Turns a kernel's textual signal path into rust-hdl's flat name: `self.words[i + 1].next` -> `words$4`.
pub(crate) fn flat_name(text: &str, loops: &Loops) -> Result<String, Refusal> {
    let mut path = text.replace(' ', "").replace("::", "$").replace('.', "$");
    while let Some(rest) = path.strip_prefix('$') {
        path = rest.to_owned();
    }
    if let Some(stem) = path.strip_suffix("$next") {
        path = stem.to_owned();
    }
    let mut flat = String::new();
    let mut rest = path.as_str();
    while let Some(open) = rest.find('[') {
        let close = rest[open..]
            .find(']')
            .ok_or_else(|| Refusal::ArrayIndex(text.to_owned()))?
            + open;
        let index = IndexParser {
            rest: &rest[open + 1..close],
            loops,
        }
        .whole()
        .ok_or_else(|| Refusal::ArrayIndex(text.to_owned()))?;
        flat.push_str(&rest[..open]);
        flat.push_str(&format!("${index}"));
        rest = &rest[close + 1..];
    }
    flat.push_str(rest);
    Ok(flat)
}

/// Integer expressions over loop variables: `+ - * / %`, parentheses, literals with or without suffix.
struct IndexParser<'a> {
    rest: &'a str,
    loops: &'a Loops,
}

impl IndexParser<'_> {
    fn whole(mut self) -> Option<usize> {
        let value = self.sum()?;
        self.rest.is_empty().then_some(value)
    }

    fn eat(&mut self, operators: &[char]) -> Option<char> {
        let c = self.rest.chars().next().filter(|c| operators.contains(c))?;
        self.rest = &self.rest[1..];
        Some(c)
    }

    fn sum(&mut self) -> Option<usize> {
        let mut value = self.product()?;
        while let Some(op) = self.eat(&['+', '-']) {
            let right = self.product()?;
            value = if op == '+' {
                value.checked_add(right)?
            } else {
                value.checked_sub(right)?
            };
        }
        Some(value)
    }

    fn product(&mut self) -> Option<usize> {
        let mut value = self.atom()?;
        while let Some(op) = self.eat(&['*', '/', '%']) {
            let right = self.atom()?;
            value = match op {
                '*' => value.checked_mul(right)?,
                '/' => value.checked_div(right)?,
                _ => value.checked_rem(right)?,
            };
        }
        Some(value)
    }

    fn atom(&mut self) -> Option<usize> {
        if self.eat(&['(']).is_some() {
            let value = self.sum()?;
            return self.eat(&[')']).map(|_| value);
        }
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        integer(word).or_else(|| loop_value(self.loops, word))
    }
}

/// A Rust integer literal, decimal or hexadecimal, with or without underscores and suffix.
pub(crate) fn integer(text: &str) -> Option<usize> {
    let digits = text.replace('_', "");
    let digits = ["usize", "u8", "u16", "u32", "u64", "i32"]
        .iter()
        .find_map(|suffix| digits.strip_suffix(suffix))
        .unwrap_or(&digits);
    match digits.strip_prefix("0x") {
        Some(hex) => usize::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn array_indices_are_computed() {
        let loops = vec![("i".to_owned(), 3), ("j".to_owned(), 2)];
        for (text, expected) in [
            ("words[i]$next", "words$3"),
            ("words [(i + 1)] . next", "words$4"),
            ("tree[2*i+1]$d", "tree$7$d"),
            ("a[i][j]", "a$3$2"),
            ("a[0x1f_usize]", "a$31"),
            ("a[(i-j)*4/2%3]", "a$2"),
        ] {
            assert_eq!(flat_name(text, &loops).as_deref(), Ok(expected), "{text}");
        }
        for text in ["a[k]", "a[i-4]", "a[i", "a[N-1]", "a[]"] {
            assert!(flat_name(text, &loops).is_err(), "{text}");
        }
    }

    #[test]
    fn keywords_and_collisions_are_refused() {
        assert!(verilog_name("reg").is_err());
        assert!(verilog_name("s_axis$tdata").is_ok_and(|n| n == "s_axis_tdata"));
        let mut scope = Scope::default();
        assert!(scope.take("a$b").is_ok());
        assert!(matches!(scope.take("a_b"), Err(Refusal::NameCollision(..))));
    }
}
