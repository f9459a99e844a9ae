# SPDX-License-Identifier: MIT
"""The results of one place as text: medians, and ratios of medians."""

import statistics

COLUMNS = [  # title, key, divisor, decimals
    ("wall s", "wall", 1, 2),
    ("CPU s", "cpu", 1, 2),
    ("machine CPU s", "machine_cpu", 1, 2),
    ("peak RSS MiB", "rss", 1 << 20, 1),
    ("written MiB", "written", 1 << 20, 1),
]
RATIOS = [("ours", "debian"), ("ours", "dd"), ("debian", "dd")]


def medians(runs):
    """(format, codec) -> who -> key -> median; a failed run spoils its cell."""
    cells = {}
    for run in runs:
        cells.setdefault((run["format"], run["codec"]), {}).setdefault(run["who"], []).append(run)
    return {cell: {who: spoil_or_median(some) for who, some in whos.items()} for cell, whos in cells.items()}


def spoil_or_median(runs):
    if any(r["status"] or not r["right"] for r in runs):
        return None
    return {key: statistics.median(r[key] for r in runs) for _, key, _, _ in COLUMNS}


def row(name, values):
    return f"  {name:16}" + "".join(f"{value:>15}" for value in values)


def show(results):
    lines = ["", f"== {results['about']['place']} =="]
    lines += [f"  {key}: {value}" for key, value in results["about"].items() if key != "place"]
    lines += [f"  rounds: {sum(1 for r in results['runs'] if r['who'] == 'dd') // max(1, len(medians(results['runs'])))}, medians", ""]
    for (form, codec), whos in medians(results["runs"]).items():
        lines.append(row(f"{form} {codec}", [title for title, *_ in COLUMNS]))
        for who, middle in whos.items():
            cells = [f"{middle[k] / d:.{p}f}" for _, k, d, p in COLUMNS] if middle else ["failed"]
            lines.append(row(who, cells))
        for one, other in RATIOS:
            if whos.get(one) and whos.get(other):
                cells = [f"{whos[one][k] / whos[other][k]:.2f}" if whos[other][k] else "-" for _, k, _, _ in COLUMNS]
                lines.append(row(f"{one}/{other}", cells))
        lines.append("")
    return "\n".join(lines)
