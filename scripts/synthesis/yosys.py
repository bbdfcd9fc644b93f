"""Runs yosys, and says what it does while it does it."""

import re
import subprocess
import sys
import time

RUN = "import sys; from pyosys import libyosys as yosys; yosys.run_pass('script ' + sys.argv[1], yosys.Design())"


class Failure(Exception):
    """What failed, and what to do about it."""


def script(verilog, top, family, flat, output):
    """The passes of one synthesis. AUTONAME, with which synth_ecp5 ends, does not end on a large flat design: it is left out."""
    if family == "ecp5":
        passes = f"synth_ecp5 -top {top} {'' if flat else '-noflatten '}-run begin:check"
    else:
        passes = f"synth_xilinx -family {family} -top {top} -noiopad -noclkbuf {'-flatten ' if flat else ''}-run begin:check"
    kind = "-sv " if verilog.suffix == ".sv" else ""
    # What was mapped by hierarchy is written a second time with its blocks joined, for the paths that go through several.
    joined = [] if flat else ["flatten", f"write_json {output.with_name(output.stem + '_joined.json')}"]
    return "\n".join([
        f"read_verilog {kind}{verilog}",
        f"hierarchy -check -top {top}",
        passes,
        "hierarchy -check",
        "check -noinit",
        "blackbox =A:whitebox",
        f"write_json {output}",
        *joined,
        "",
    ])


def run(what, passes, stem):
    """Runs passes in a process of its own; its log and its script stay beside the output."""
    stem.with_suffix(".ys").write_text(passes, encoding="utf-8")
    log = stem.with_suffix(".log")
    began = time.monotonic()
    with open(log, "w", encoding="utf-8") as out:
        process = subprocess.Popen([sys.executable, "-c", RUN, str(stem.with_suffix(".ys"))], stdout=out, stderr=out)
        wait(process, what, log, began, r"^\d+\.\d+\. Executing (.*?)\.?$")
    text = log.read_text(encoding="utf-8", errors="replace")
    if process.returncode or "\nERROR:" in text:
        raise Failure(f"{what}: yosys failed; the end of {log}:\n" + "\n".join(text.splitlines()[-8:]))
    problems = re.search(r"Found and reported (\d+) problems", text)
    if problems and problems[1] != "0":
        raise Failure(f"{what}: `check` of yosys found {problems[1]} problems, such as loops or latches: see {log}")


def wait(process, what, log, began, step):
    """Waits for a process, and tells twice a minute where its log is."""
    said = 0
    while True:
        try:
            process.wait(timeout=0.2)
            break
        except subprocess.TimeoutExpired:
            pass
        except BaseException:
            process.kill()
            raise
        seconds = time.monotonic() - began
        if seconds - said > 30:
            said = seconds
            with open(log, "rb") as file:
                file.seek(max(0, log.stat().st_size - 65536))
                steps = re.findall(step, file.read().decode(errors="replace"), re.MULTILINE)
            print(f"  {what}: {seconds:.0f} s so far, {steps[-1][:80] if steps else 'reading'}", file=sys.stderr, flush=True)
    print(f"  {what}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
