"""Tests of what is computed here, on netlists and snapshots that are small enough to count by hand: python3 -m unittest tests."""

import json
import pathlib
import tempfile
import unittest

import place
import report
import snapshot
from netlist import Netlist


def cell(kind, inputs, outputs):
    """A cell as yosys writes it."""
    directions = dict.fromkeys(inputs, "input") | dict.fromkeys(outputs, "output")
    return {"type": kind, "parameters": {}, "attributes": {}, "port_directions": directions, "connections": inputs | outputs}


def flop(data, output):
    """A flip-flop."""
    return cell("TRELLIS_FF", {"CLK": [2], "DI": [data]}, {"Q": [output]})


def netlist(modules):
    """A design whose top is `top`."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"creator": "tests", "modules": modules}, file)
        file.flush()
        return Netlist(file.name, "top", "top")


def module(cells, names, ports=()):
    """A module of these cells."""
    nets = {name: {"bits": bits} for name, bits in names.items()}
    return {"attributes": {}, "ports": {name: {"direction": way, "bits": bits} for name, way, bits in ports}, "cells": cells, "netnames": nets}


# a_q and b_q through two LUTs to c_q, and through a carry chain of three cells (of which one hop is one eighth) to d_q.
PATHS = module(
    {
        "a": flop(20, 10),
        "b": flop(20, 11),
        "first": cell("LUT4", {"A": [10], "B": [11]}, {"Z": [12]}),
        "second": cell("LUT4", {"A": [12], "B": [10]}, {"Z": [13]}),
        "c": flop(13, 14),
        "chain0": cell("CCU2C", {"A0": [10], "CIN": ["0"]}, {"COUT": [15]}),
        "chain1": cell("CCU2C", {"A0": [11], "CIN": [15]}, {"COUT": [16]}),
        "chain2": cell("CCU2C", {"A0": [11], "CIN": [16]}, {"S0": [17]}),
        "d": flop(17, 18),
    },
    {"clk": [2], "a_q": [10], "b_q": [11], "half": [12], "c_q": [14], "d_q": [18], "x": [20], "y": [14]},
    [("clk", "input", [2]), ("x", "input", [20]), ("y", "output", [14])],
)


class Levels(unittest.TestCase):
    """The longest path."""

    def test_two_luts_are_longer_than_a_short_carry_chain(self):
        self.assertEqual(netlist({"top": PATHS}).longest(), (2, ["a_q", "half", "c_q"]))

    def test_a_carry_chain_counts_one_more_for_each_sixteen_bits(self):
        cells = {"a": flop(20, 10), "0": cell("CCU2C", {"A0": [10]}, {"COUT": [100]})}
        cells |= {str(at): cell("CCU2C", {"CIN": [99 + at]}, {"COUT": [100 + at]}) for at in range(1, 17)}
        self.assertEqual(netlist({"top": module(cells, {})}).longest()[0], 3)

    def test_a_path_ends_at_a_register(self):
        cells = {"a": cell("LUT4", {"A": [10]}, {"Z": [11]}), "r": flop(11, 12), "b": cell("LUT4", {"A": [12]}, {"Z": [10]})}
        self.assertEqual(netlist({"top": module(cells, {})}).longest()[0], 2)


class Areas(unittest.TestCase):
    """The tables."""

    def test_a_block_has_what_is_in_it(self):
        inner = module({"lut": cell("LUT4", {"A": [2]}, {"Z": [3]})}, {})
        outer = module({"inner": cell("m_inner", {}, {}), "r": flop(2, 3)}, {})
        top = module({"rx": cell("m_rx", {}, {})}, {})
        paths = netlist({"top": top, "m_rx": outer, "m_inner": inner, "LUT4": {"attributes": {"blackbox": "1"}, "cells": {}}}).instances()
        self.assertEqual(list(paths), [("", "top"), ("rx", "m_rx"), ("rx.inner", "m_inner")])

    def test_only_growth_of_the_whole_counts(self):
        def rows(rx, whole):
            return [("rx", [rx, 10, 0, 0, 0], 3), (report.WHOLE, [whole, 500, 20, 0, 7], None)]

        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "PERFORMANCE.md"
            path.write_text('<!-- made by "make synth": area -->\n<!-- end of area -->\n', encoding="utf-8")
            snapshot.renew(path, {"area": report.table(rows(900, 1000), "ecp5")})
            again = path.read_text(encoding="utf-8")
            snapshot.renew(path, {"area": report.table(rows(900, 1000), "ecp5")})
            self.assertEqual(path.read_text(encoding="utf-8"), again)
            self.assertEqual(snapshot.grown(path, "area", rows(2000, 1030)), [])
            self.assertEqual(snapshot.grown(path, "area", rows(200, 500)), [])
            grown = snapshot.grown(path, "area", rows(931, 1031))
            self.assertEqual(grown, [f"{report.WHOLE}: 1,031 LUT4, was 1,000", "rx: 931 LUT4, was 900"])


class Wrapper(unittest.TestCase):
    """The shift registers around a block."""

    def test_every_port_is_behind_a_flip_flop(self):
        design = place.wrapped(netlist({"top": PATHS}))["modules"]["top"]
        self.assertEqual(list(design["ports"]), ["clk", "serial_in", "serial_out", "parity"])
        flops = [what for what in design["cells"].values() if what["type"] == "TRELLIS_FF"]
        driven = {what["connections"]["Q"][0]: what["connections"]["DI"][0] for what in flops}
        # x comes from the chain's second flip-flop, whose first is fed by the pin; the pin that goes out follows on x.
        self.assertEqual(driven[driven[20]], design["ports"]["serial_in"]["bits"][0])
        self.assertEqual(driven[design["ports"]["serial_out"]["bits"][0]], 20)
        self.assertEqual(driven[design["ports"]["parity"]["bits"][0]], 14)


if __name__ == "__main__":
    unittest.main()
