#!/usr/bin/env python3
"""Draws what bench/scale.py measured as SVG, for light and dark pages.

  curves.py RESULTS.json DIR      writes DIR/scale-processor.svg and DIR/scale-memory.svg
"""
import json, math, os, sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 64, 150, 34, 46
# Told apart without colours, too: by their labels at the right end, and by dashes.
COLOURS = ["#0969da", "#bc4c00", "#1a7f37", "#8250df", "#bf3989", "#9a6700", "#57606a", "#cf222e"]
DARK = ["#58a6ff", "#f0883e", "#3fb950", "#bc8cff", "#f778ba", "#d29922", "#9da7b1", "#ff7b72"]
STEPS = {"again": "backup, unchanged", "few": "backup, 1,000 changed", "ls": "list a folder", "find": "find a name", "restore": "restore one file",
         "preview": "prune, preview", "prune": "prune", "snapshots": "list backups"}


def scale(values, low, high):
    """Returns a logarithmic scale over whole decades, and the decades."""
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    if first == last:
        last += 1
    return (lambda v: low + (math.log10(v) - first) / (last - first) * (high - low)), [10.0 ** d for d in range(first, last + 1)]


def number(v):
    return f"{v:,.0f}" if v >= 1 else f"{v:g}"


def chart(results, key, title, unit):
    lines = {s: [(r["chunks"], max(r["steps"][s][key], 0.001)) for r in results if s in r["steps"]] for s in STEPS}
    x, xs = scale([r["chunks"] for r in results], LEFT, WIDTH - RIGHT)
    y, ys = scale([v for l in lines.values() for _, v in l], HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="{title}">',
           "<style>text{fill:#1f2328}.grid{stroke:#d0d7de}" + "".join(f".c{i}{{stroke:{c}}}text.c{i}{{stroke:none;fill:{c}}}circle.c{i}{{fill:{c}}}" for i, c in enumerate(COLOURS)),
           "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.grid{stroke:#30363d}" + "".join(f".c{i}{{stroke:{c}}}text.c{i}{{stroke:none;fill:{c}}}circle.c{i}{{fill:{c}}}" for i, c in enumerate(DARK)) + "}</style>",
           f'<text x="{LEFT}" y="18" font-size="14" font-weight="600">{title}</text>']
    for v in xs:
        out.append(f'<path class="grid" d="M{x(v):.1f} {TOP}V{HEIGHT - BOTTOM}"/><text x="{x(v):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{number(v)}</text>')
    for v in ys:
        out.append(f'<path class="grid" d="M{LEFT} {y(v):.1f}H{WIDTH - RIGHT}"/><text x="{LEFT - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{number(v)}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">chunks of data; two to a file</text>')
    out.append(f'<text x="{LEFT - 6}" y="{TOP - 8}" text-anchor="end">{unit}</text>')
    ends = sorted((y(l[-1][1]), s) for s, l in lines.items() if l)
    at = TOP
    for want, s in ends:  # labels that do not cover each other
        i, at = list(STEPS).index(s), max(at + 14, want)
        points = [(x(c), y(v)) for c, v in lines[s]]
        dash = "" if i % 2 == 0 else ' stroke-dasharray="6 3"'
        out.append(f'<polyline class="c{i}" fill="none" stroke-width="2"{dash} points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in points)}"/>')
        out += [f'<circle class="c{i}" cx="{a:.1f}" cy="{b:.1f}" r="2.5"/>' for a, b in points]
        out.append(f'<path class="c{i}" stroke-width="1" d="M{points[-1][0] + 3:.1f} {points[-1][1]:.1f}L{WIDTH - RIGHT + 12} {at:.1f}"/>'
                   f'<text class="c{i}" x="{WIDTH - RIGHT + 15}" y="{at + 4:.1f}">{STEPS[s]}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1]) as f:
        results = json.load(f)
    for name, key, title, unit in (("processor", "cpu", "Processor time of each command", "s"), ("memory", "mib", "Peak memory of each process", "MiB")):
        with open(os.path.join(sys.argv[2], f"scale-{name}.svg"), "w") as f:
            f.write(chart(results, key, title, unit))


if __name__ == "__main__":
    main()
