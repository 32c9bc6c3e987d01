"""The report of `bench.py`: times, ratios and fractions of the GPU's peak, from the seconds of the turns."""

from bench_sides import spread

# FLOP/s of the H200 (SXM) in bf16 without sparsity, according to its datasheet. The H100 (SXM) has the same.
PEAK = 989e12
BASE = "PyTorch eager"
COMPILED = ["PyTorch compiled", "PyTorch graphs", "PyTorch autotune"]


def middle(side, kind):
    times = spread(side.turns[kind].values())
    return times["median"] if times else None


def best_compiled(sides, kind):
    measured = [side for side in sides if side.name in COMPILED and side.turns[kind]]
    return min(measured, key=lambda side: middle(side, kind), default=None)


def measured(side, sides, kind, work, facts):
    steps, images, passes = work
    turns = list(side.turns[kind].values())
    if not turns:
        return None
    ms = spread([seconds / steps * 1e3 for seconds in turns])
    # For sampling, this counts images per reverse step, not finished images.
    told = {"ms per step": ms, "images/s": images / ms["median"] * 1e3, "turns s": turns}
    flops = facts.get("flops per image, forward")
    if flops:
        rate = passes * flops * told["images/s"]
        told |= {"TFLOP/s": rate / 1e12, "share of the datasheet's peak": rate / PEAK}
        if facts.get("matmul flop/s"):
            told["share of the product's rate"] = rate / facts["matmul flop/s"]
    base, best = next((other for other in sides if other.name == BASE), None), best_compiled(sides, kind)
    if base:
        told["ratio to eager"] = side.ratios(kind, base)
    if best:
        told |= {"ratio to the best compiled": side.ratios(kind, best), "best compiled": best.name}
    return told


def report(sides, facts, work):
    """`work`: for each kind of turn, its steps, the images per step, and the cost of a step in forward passes."""
    variants = {}
    for side in sides:
        kinds = {kind: measured(side, sides, kind, work[kind], facts) for kind in work}
        variants[side.name] = side.told | {"failed": side.failed} | kinds
    return facts | {"peak by the datasheet, flop/s": PEAK, "variants": variants}


def table(result):
    def cell(value, width, form):
        return ("–" if value is None else format(value, form)).rjust(width)

    def middle_of(kind, name):
        return (kind.get(name) or {}).get("median")

    head = "ms/step", "half in", "n", "images/s", "peak", "/eager", "/best", "MiB", "first +s"
    widths = 9, 18, 4, 10, 7, 8, 7, 9, 9
    lines = [
        f"{result['gpu']}, driver {result['driver']}; a product in bf16: {result.get('matmul flop/s', 0) / 1e12:.0f} TFLOP/s",
        f"{'':24}{'':8}" + "".join(word.rjust(width) for word, width in zip(head, widths)),
    ]
    for name, variant in result["variants"].items():
        memory = variant["memory MiB"].get("of the GPU") or variant["memory MiB"].get("held")
        for kind in ("train", "sample"):
            told = variant[kind]
            if not told:
                continue
            ms = told["ms per step"]
            cells = [
                (ms["median"], ".2f"),
                (f"{ms['low']:.2f}–{ms['high']:.2f}", "s"),
                (ms["n"], "d"),
                (told["images/s"], ".0f"),
                (told.get("share of the datasheet's peak"), ".1%"),
                (middle_of(told, "ratio to eager"), ".3f"),
                (middle_of(told, "ratio to the best compiled"), ".3f"),
                (memory if kind == "train" else None, ".0f"),
                (variant["compiling s"].get(kind), ".1f"),
            ]
            row = (cell(value, width, form) for width, (value, form) in zip(widths, cells))
            lines.append(f"{name:24}{kind:8}" + "".join(row))
        if variant["failed"]:
            last = [f"    {line}" for line in variant["failed"]["last lines"][-3:]]
            lines += [f"{name}: failed: {variant['failed']['why']}", *last]
    return "\n".join(lines)
