"""Tables of what was counted."""

import collections

# What a table shows of each family: a heading and the cells that are added up for it.
COLUMNS = {
    "ecp5": {"LUT4": ["LUT4"], "FF": ["TRELLIS_FF"], "DP16KD": ["DP16KD"], "DPR16X4": ["TRELLIS_DPR16X4"], "CCU2C": ["CCU2C"]},
    "xcup": {
        "LUT": [f"LUT{inputs}" for inputs in range(1, 7)],
        "FF": ["FDRE", "FDSE", "FDCE", "FDPE"],
        "RAMB36": ["RAMB36E2"],
        "RAMB18": ["RAMB18E2"],
        "LUT RAM": ["RAM32X1D", "RAM64X1D", "RAM128X1D", "RAM256X1D", "RAM32M", "RAM64M", "RAM32M16", "RAM64M8", "SRL16E", "SRLC32E"],
        "CARRY4": ["CARRY4"],
    },
}
WHOLE, FLAT = "whole, by hierarchy", "whole, flat"
HEADERS, HEADERS_FLAT = "header path, by hierarchy", "header path, each block flat"
# The header path is what knows headers: both paths without what carries out, keeps and moves payloads.
HEADER_PATH, NO_HEADERS = ["rx", "tx"], ["rx.dispatch", "rx.trim", "tx.contexts", "tx.completion"]
# Its blocks that work on headers: collector and checksums; parser, options, flow table; options and checksums of what is sent; header builder and assembler.
HEADER_BLOCKS = ["rx.front", "rx.decoder", "tx.executor", "tx.assembler"]
# What is to be reached, by the heading of the row and of the column: must, goal.
GOALS = {
    "ecp5": {(FLAT, "LUT4"): (16_000, 9_000), (HEADERS_FLAT, "LUT4"): (8_000, 4_200)},
    "xcup": {(FLAT, "levels"): (8, 6)},
}


def counts(cells, family):
    """The columns of one row."""
    return [sum(cells[kind] for kind in kinds) for kinds in COLUMNS[family].values()]


def by_hierarchy(netlist, family):
    """(name, counts, levels inside) of every block down to three fields, memories apart, with what is in it; then sums."""
    totals, own = collections.defaultdict(collections.Counter), {}
    for path, module in netlist.instances():
        own[path] = module
        cells = netlist.cells(module)
        parts = path.split(".") if path else []
        for depth in range(len(parts) + 1):
            totals[".".join(parts[:depth])].update(cells)
    rows = [
        (path, counts(totals[path], family), netlist.longest(own[path])[0])
        for path in own
        if path and path.count(".") < 3 and not path.endswith(".ram")
    ]
    header = sum((totals[block] for block in HEADER_PATH), collections.Counter())
    header.subtract(sum((totals[block] for block in NO_HEADERS), collections.Counter()))
    rows.append((HEADERS, counts(header, family), None))
    rows.append((WHOLE, counts(totals[""], family), netlist.joined().longest()[0]))
    return rows


def whole(netlist, family):
    """The row of a flat netlist."""
    return (FLAT if netlist.name == "handclasp_nic" else netlist.name, counts(netlist.cells(netlist.top), family), netlist.longest()[0])


def header_path(netlists, family):
    """The rows of the header path's blocks, each flat by itself, and their sum."""
    rows = [(f"{netlist.name}, flat", *whole(netlist, family)[1:]) for netlist in netlists]
    return rows + [(HEADERS_FLAT, [sum(column) for column in zip(*(numbers for _, numbers, _ in rows))], None)]


def table(rows, family):
    """A table in Markdown, the columns aligned."""
    lines = [["block", *COLUMNS[family], "levels"]]
    lines += [[name, *(f"{number:,}" for number in numbers), "" if levels is None else f"{levels:.0f}"] for name, numbers, levels in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    aligned = [[line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))] for line in [lines[0], rule, *lines[1:]]]
    return "\n".join(f"| {' | '.join(line)} |" for line in aligned)


def goals(rows, family):
    """What was to be reached, and where it stands."""
    named = {name: dict(zip([*COLUMNS[family], "levels"], [*numbers, level])) for name, numbers, level in rows}
    lines = ["| | must | goal | now |", "|---|---:|---:|---:|"]
    lines += [f"| {row}: {column} | {must:,} | {goal:,} | **{named[row][column]:,.0f}** |" for (row, column), (must, goal) in GOALS[family].items()]
    return "\n".join(lines)


def levels(netlist):
    """The longest path in words."""
    number, names = netlist.longest()
    return f"Longest path: {number:.0f} levels, {' → '.join(f'`{name}`' for name in names)}."
