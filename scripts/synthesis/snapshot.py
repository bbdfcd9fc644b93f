"""Sections of hdl/PERFORMANCE.md that are made by running: written, and read again to compare with them."""

import datetime
import re
import subprocess

import report
import yosys

# By how much a sum may grow without the snapshot being renewed; a few cells more never count.
TOLERANCE = 0.03
FEW = 4


def pattern(name):
    """Where a section is."""
    return re.compile(rf'(<!-- made by "make synth": {re.escape(name)} -->\n).*?(<!-- end of {re.escape(name)} -->\n)', re.DOTALL)


def renew(path, sections):
    """Writes sections anew, and says of which sources they are."""
    text = path.read_text(encoding="utf-8")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=path.parent, capture_output=True, text=True, check=False).stdout.strip()
    measured = f"Measured on {datetime.date.today()}" + (f" at {commit}." if commit else ".")
    for name, body in sections.items():
        if not pattern(name).search(text):
            raise yosys.Failure(f"{path} has no section {name!r}")
        text = pattern(name).sub(lambda match: f"{match[1]}\n{body}\n\n{measured}\n\n{match[2]}", text)
    path.write_text(text, encoding="utf-8")


def grown(path, name, rows):
    """What grew by more than the tolerance since the snapshot: the whole first, then the blocks that explain it."""
    found = pattern(name).search(path.read_text(encoding="utf-8"))
    if not found:
        raise yosys.Failure(f"{path} has no section {name!r}")
    before, headings = {}, []
    for line in found[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| block"):
            headings = cells
        elif line.startswith("| ") and headings and not line.startswith("| --"):
            before[cells[0]] = [int(cell.replace(",", "")) for cell in cells[1:-1]]
    if report.WHOLE not in before:
        raise yosys.Failure(f"the section {name!r} of {path} has no figures: run `make synth`")

    def growth(block, numbers):
        return [
            f"{block}: {now:,} {heading}, was {was:,}"
            for heading, was, now in zip(headings[1:], before.get(block, [0] * len(numbers)), numbers)
            if now > was * (1 + TOLERANCE) and now > was + FEW
        ]

    whole = [line for block, numbers, _ in rows if block == report.WHOLE for line in growth(block, numbers)]
    return whole and whole + [line for block, numbers, _ in rows if block != report.WHOLE for line in growth(block, numbers)]
