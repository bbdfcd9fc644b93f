"""What yosys made, read from its JSON: cells by block, and the longest paths from register to register in logic levels."""

import collections
import json
import pathlib

# Cells through which a path goes on, and how many levels each is. The multiplexers of an ECP5 slice are behind its LUTs and cost
# little; its carry chain goes 2 bits a cell. In UltraScale+ each cell counts as one level, as Vivado counts them.
LEVELS = {"LUT4": 1, "CCU2C": 1, "TRELLIS_DPR16X4": 1, "PFUMX": 0, "L6MUX21": 0, "INV": 0}
LEVELS |= {f"LUT{inputs}": 1 for inputs in (1, 2, 3, 5, 6)} | {name: 1 for name in ("MUXF7", "MUXF8", "MUXF9", "CARRY4", "CARRY8")}
LEVELS |= {name: 1 for name in ("RAM32X1D", "RAM64X1D", "RAM128X1D", "RAM256X1D", "RAM32M", "RAM64M", "RAM32M16", "RAM64M8", "SRL16E", "SRLC32E")}
# From one cell of a carry chain to the next. yosys maps UltraScale+ to CARRY4; two of them make a CARRY8.
CARRY_HOP = {"CCU2C": ("CIN", 1 / 8), "CARRY4": ("CI", 1 / 2), "CARRY8": ("CI", 1)}
# In memories of LUTs only the read address leads to the output at once.
MEMORY_READ = {"TRELLIS_DPR16X4": ("RAD",), "SRL16E": ("A",), "SRLC32E": ("A",)}
MEMORY_READ_XILINX = ("DPRA", "ADDRA", "ADDRB", "ADDRC", "ADDRD", "ADDRE", "ADDRF", "ADDRG", "ADDRH", "A")


class Netlist:
    """A mapped design; `name` is what its top is called in a report."""

    def __init__(self, path, top, name):
        with open(path, encoding="utf-8") as file:
            self.design = json.load(file)
        self.modules = self.design["modules"]
        self.path = pathlib.Path(path)
        self.top = top
        self.name = name

    def joined(self):
        """The same cells with all blocks in one module."""
        return Netlist(self.path.with_name(f"{self.path.stem}_joined.json"), self.top, self.name)

    def instances(self, module=None, path=""):
        """(path of fields, module's name) of every block, parents first."""
        module = module or self.top
        yield path, module
        for cell, what in self.modules[module]["cells"].items():
            if what["type"] in self.modules and not is_primitive(self.modules[what["type"]]):
                yield from self.instances(what["type"], f"{path}.{cell}" if path else cell)

    def cells(self, module):
        """How many cells of each type a module has itself."""
        return collections.Counter(what["type"] for what in self.modules[module]["cells"].values())

    def names_of_bits(self, module):
        """The name of each bit that the source names: its register's if it has one, else that of the block nearest to the top."""
        names = {}
        for name, net in self.modules[module]["netnames"].items():
            if "$" in name:
                continue
            bits = net["bits"]
            first = net.get("offset", 0)
            for index, bit in enumerate(bits):
                text = name if len(bits) == 1 else f"{name}[{first + index}]"
                rank = (not name.endswith("_q"), name.count("."), len(name))
                if bit not in names or rank < names[bit][0]:
                    names[bit] = (rank, text)
        return {bit: text for bit, (_, text) in names.items()}

    def longest(self, module=None):
        """The longest path in a module: (levels, names on the way)."""
        module = module or self.top
        cells = self.modules[module]["cells"]
        driver = {}
        for name, what in cells.items():
            if what["type"] in LEVELS:
                for port, bits in what["connections"].items():
                    if what["port_directions"][port] == "output":
                        driver.update((bit, name) for bit in bits if not isinstance(bit, str))
        arrival, before = {}, {}
        # Depth first without recursion: a cell is done when all that drives it is.
        for first in dict.fromkeys(driver.values()):
            stack = [first]
            while stack:
                cell = stack[-1]
                if cell in arrival:
                    stack.pop()
                    continue
                inputs = list(through(cells[cell]))
                waits = [driver[bit] for _, bit in inputs if bit in driver and driver[bit] not in arrival]
                if waits and len(stack) <= len(cells):
                    stack.extend(waits)
                    continue
                stack.pop()
                arrival[cell], before[cell] = 0, None
                for port, bit in inputs:
                    source = driver.get(bit)
                    hop = CARRY_HOP.get(cells[cell]["type"])
                    if hop and port == hop[0] and source and cells[source]["type"] == cells[cell]["type"]:
                        level = arrival.get(source, 0) + hop[1]
                    else:
                        level = arrival.get(source, 0) + LEVELS[cells[cell]["type"]]
                    if level > arrival[cell] or before[cell] is None:
                        arrival[cell], before[cell] = level, (source, bit)
        if not arrival:
            return 0, []
        names = self.names_of_bits(module)
        cell = max(arrival, key=lambda name: arrival[name])
        levels, told = arrival[cell], []
        told.append(self.sink(module, cell, names))
        while cell:
            source, bit = before[cell] or (None, None)
            if bit in names:
                told.append(names[bit])
            cell = source
        return -(-levels // 1), [name for index, name in enumerate(reversed(told)) if name and (index == 0 or name != told[-index])]

    def sink(self, module, cell, names):
        """What the output of a cell ends in: a register or a port, by its name."""
        outputs = {bit for port, bits in self.modules[module]["cells"][cell]["connections"].items()
                   if self.modules[module]["cells"][cell]["port_directions"][port] == "output" for bit in bits}
        for what in self.modules[module]["cells"].values():
            if what["type"] not in LEVELS and any(outputs & set(bits) for port, bits in what["connections"].items()
                                                  if what.get("port_directions", {}).get(port) == "input"):
                for bit in what["connections"].get("Q", []):
                    if bit in names:
                        return names[bit]
        return next((names[bit] for bit in outputs if bit in names), None)


def is_primitive(module):
    """Whether a module is the tool's, no block of ours."""
    attributes = module["attributes"]
    return "blackbox" in attributes or "whitebox" in attributes or "abc9_box" in attributes or not module["cells"]


def through(cell):
    """The inputs through which a path goes on: (port, bit)."""
    kind = cell["type"]
    read = MEMORY_READ.get(kind) or (MEMORY_READ_XILINX if kind.startswith("RAM") else None)
    for port, bits in cell["connections"].items():
        if cell["port_directions"][port] == "input" and (read is None or port.rstrip("0123456789") in read):
            for bit in bits:
                if not isinstance(bit, str):
                    yield port, bit
