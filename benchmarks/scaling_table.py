"""What an image of 1 TB costs on 1, 10 and 100 machines, by arithmetic.

    python benchmarks/scaling_table.py [--cores N] [--file-server GB/S] ...

The speed of a core is measured (RESULTS.md); all else is assumed and can be set:
pixels of two bytes, as large on disk as in memory; machines of so many cores; a file
server that gives all of them together so much; what client and scheduler, on one core,
need for a task. Prints the Markdown tables of
docs/scaling.md.
"""

import argparse
import math

# Mpx/s of one core, `bigger_than_memory.py` at 16384 squared.
SPEED = {"pixel classifier": 5.67, "network (U-Net)": 1.14}
PIXELS = 1e12 / 2
PART = 2048
HALO = {"pixel classifier": 26, "network (U-Net)": 96}
LABEL_BYTES = 4 / 3  # with the coarser levels, before they are compressed


def said(seconds):
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cores", type=int, default=16)
    parser.add_argument("--network", type=float, default=1.25, help="GB/s a machine")
    parser.add_argument("--file-server", type=float, default=2.0, help="GB/s in all")
    parser.add_argument(
        "--tasks", type=float, default=500, help="given out in a second"
    )
    a = parser.parse_args()
    n_parts = math.ceil(PIXELS / PART**2)
    # Batches of 16 for the percentiles, the labels, the coarser levels.
    n_tasks = n_parts * (1 / 16 + 1 + 1 / 3)
    print("| model | machines | calculating | reading | giving out | what is slowest |")
    print("|---|---:|---:|---:|---:|---|")
    for model, speed in SPEED.items():
        # Once for the percentiles, once with halos.
        n_bytes = 2 * PIXELS * (1 + (1 + 2 * HALO[model] / PART) ** 2)
        for machines in (1, 10, 100):
            rate = min(machines * a.network, a.file_server)
            times = {
                "calculating": PIXELS / 1e6 / speed / (machines * a.cores),
                "reading": n_bytes / 1e9 / rate,
                "giving out": n_tasks / a.tasks,
            }
            cells = " | ".join(said(t) for t in times.values())
            slowest = max(times, key=times.get)
            print(f"| {model} | {machines} | {cells} | {slowest} |")
    print()
    print(f"{n_parts} parts; {PIXELS * LABEL_BYTES / 1e9:.0f} GB of labels before ")
    print("they are compressed.")
    for model, speed in SPEED.items():
        hours = PIXELS / 1e6 / speed / 3600
        per_core = 2 * speed / 1e3 * (1 + (1 + 2 * HALO[model] / PART) ** 2)
        print(
            f"{model}: {hours:.0f} core-hours; a core reads {1e3 * per_core:.0f} MB/s, "
            f"so that {a.file_server / per_core:.0f} cores wait for the file server."
        )


if __name__ == "__main__":
    main()
