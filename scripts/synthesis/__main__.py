"""What scripts/synth does once its tools are there: see there for the usage."""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

import place
import report
import snapshot
import yosys
from netlist import Netlist

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "target" / "synth"
SNAPSHOT = ROOT / "hdl" / "PERFORMANCE.md"
CORE = "handclasp_nic"
FAMILIES = {64: "ecp5", 512: "xcup"}


def verilog_of(width, folder):
    """The file of the core's Verilog, printed from the sources unless it is there."""
    if folder:
        path = pathlib.Path(folder) / f"{CORE}_w{width}.v"
        if not path.exists():
            raise yosys.Failure(f"there is no {path}: make it with `handclasp emit -o {folder}`")
        return path
    OUTPUT.mkdir(parents=True, exist_ok=True)
    path = OUTPUT / f"{CORE}_w{width}.v"
    command = ["cargo", "run", "--quiet", "--release", "--locked", "-p", "handclasp-hdl", "--example", "emit", "--", str(width)]
    with open(path, "w", encoding="utf-8") as file:
        if subprocess.run(command, cwd=ROOT, stdout=file, check=False).returncode:
            raise yosys.Failure("the gateware could not be printed: see cargo's message above")
    return path


def module_of(block, verilog):
    """The module of a block that is named by its fields."""
    modules = re.findall(r"^module (\w+)", verilog.read_text(encoding="utf-8"), re.MULTILINE)
    if not modules:
        raise yosys.Failure(f"there is no module in {verilog}")
    if not block:
        return CORE if CORE in modules else modules[0]
    module = f"{CORE}_{block.replace('.', '_')}"
    if module not in modules:
        last = block.split(".")[-1]
        near = [name[len(CORE) + 1 :] for name in modules if name.endswith("_" + last)] or sorted(name[len(CORE) + 1 :] for name in modules[1:])
        raise yosys.Failure(f"there is no block {block!r}; perhaps one of these, with dots for underlines: {', '.join(near)}")
    return module


def synthesise(verilog, width, block, flat):
    """The netlist of a block, or of the whole core."""
    top = module_of(block, verilog)
    name = block or (CORE if top == CORE else top)
    output = OUTPUT / f"{name.replace('.', '_')}_w{width}_{'flat' if flat else 'hierarchy'}.json"
    OUTPUT.mkdir(parents=True, exist_ok=True)
    what = f"synthesis of {name}, W = {width}, {'flat' if flat else 'by hierarchy'}"
    yosys.run(what, yosys.script(verilog, top, FAMILIES[width], flat, output), output)
    return Netlist(output, top, name)


def blocks(arguments):
    """Blocks alone: what they have, their longest path, and how fast they are."""
    for block in arguments.blocks:
        for width in arguments.width or [64]:
            if block.endswith((".v", ".sv")):
                verilog, block = pathlib.Path(block), ""
            else:
                verilog = verilog_of(width, arguments.verilog)
            flat = synthesise(verilog, width, block, flat=True)
            print(f"\n{flat.name}, W = {width}, {FAMILIES[width]}, flat")
            print(report.table([report.whole(flat, FAMILIES[width])], FAMILIES[width]))
            print(report.levels(flat))
            if arguments.place:
                print(place.told(place.runs(flat, OUTPUT, arguments.speed, arguments.seeds)))


def core(arguments):
    """The whole core: by hierarchy and flat, placed at W = 64 if that is asked for; hdl/PERFORMANCE.md gets what came out."""
    verilog = core_verilog(arguments)
    netlists = core_netlists(verilog, flat_too=True)
    sections = {}
    for width in verilog:
        family = FAMILIES[width]
        hierarchy, flat = netlists[width, False], netlists[width, True]
        rows = report.by_hierarchy(hierarchy, family)
        if family == "ecp5":
            blocks_alone = [synthesise(verilog[width], width, block, flat=True) for block in report.HEADER_BLOCKS]
            rows += report.header_path(blocks_alone, family)
        rows.append(report.whole(flat, family))
        sections[f"area-w{width}"] = "\n\n".join([report.goals(rows, family), report.table(rows, family), report.levels(flat)])
        print(f"\nW = {width}, {family}\n{sections[f'area-w{width}']}")
        if arguments.place and family == "ecp5":
            sections["clock"] = place.told(place.runs(flat, OUTPUT, arguments.speed, arguments.seeds))
            print(sections["clock"])
    snapshot.renew(SNAPSHOT, sections)
    print(f"\nwrote {', '.join(sections)} in {SNAPSHOT}")


def core_verilog(arguments):
    """{width: the file of the core's Verilog}, for each width that is asked for."""
    return {width: verilog_of(width, arguments.verilog) for width in arguments.width or FAMILIES}


def core_netlists(verilog, flat_too):
    """{(width, whether flat): netlist}, as many at once as there are processors."""
    wanted = [(width, False) for width in verilog] + [(width, True) for width in verilog if flat_too]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(wanted, pool.map(lambda one: synthesise(verilog[one[0]], one[0], "", flat=one[1]), wanted)))


def check(arguments):
    """Compares the area by hierarchy with the snapshot."""
    grown = []
    for (width, _), netlist in core_netlists(core_verilog(arguments), flat_too=False).items():
        rows = report.by_hierarchy(netlist, FAMILIES[width])
        print(f"\nW = {width}, {FAMILIES[width]}\n{report.table(rows, FAMILIES[width])}")
        grown += [f"W = {width}, {line}" for line in snapshot.grown(SNAPSHOT, f"area-w{width}", rows)]
    if grown:
        raise yosys.Failure("the gateware grew by over 3 %: " + "; ".join(grown) + ". If that is meant, renew hdl/PERFORMANCE.md with `make synth`")


def main():
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="scripts/synth", usage="see scripts/synth --help", add_help=False)
    parser.add_argument("blocks", nargs="*")
    parser.add_argument("--width", type=int, choices=list(FAMILIES), action="append")
    parser.add_argument("--place", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--speed", type=lambda text: [int(grade) for grade in text.split(",")], default=[6, 8])
    parser.add_argument("--verilog")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    try:
        if arguments.blocks:
            blocks(arguments)
        elif arguments.check:
            check(arguments)
        else:
            core(arguments)
    except yosys.Failure as failure:
        print(f"scripts/synth: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


sys.exit(main())
