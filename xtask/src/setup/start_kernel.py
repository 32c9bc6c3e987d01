"""Starts the Rust kernel of one notebook in a work folder of its own.

evcxr compiles cells in its work folder, and one folder serves one running kernel at a time. The first kernel gets
kernels/0, a second one that runs at the same time kernels/1, and so on. Each is a copy of the warm folder `work` that the
set-up made; a folder that is free again is used again. The lock on a folder is held by the kernel process itself and
goes with it, however it ends.

DDPM_TUTOR_WORK=FOLDER takes that very folder; DDPM_TUTOR_FRESH=1 takes a fresh copy.
"""

import fcntl
import os
import pathlib
import shutil
import sys

HOME = pathlib.Path(__file__).resolve().parent
STAMP = "ddpm-setup.json"


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return None


def refresh(folder, warm):
    """Makes `folder` a copy of `warm`. The stamp comes last: without it the copy is not finished."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if read(warm / STAMP) is not None:
        shutil.copytree(warm, folder, symlinks=True, dirs_exist_ok=True, ignore=lambda _, names: {STAMP} & set(names))
        shutil.copy2(warm / STAMP, folder / STAMP)


def free_folder():
    warm = HOME / "work"
    (HOME / "kernels").mkdir(exist_ok=True)
    for number in range(1000):
        folder = HOME / "kernels" / str(number)
        lock = os.open(HOME / "kernels" / f"{number}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        os.set_inheritable(lock, True)
        # The set-up may be writing the warm folder right now: wait until it is whole.
        with open(HOME / "work.lock", "a") as guard:
            fcntl.flock(guard, fcntl.LOCK_SH)
            stamp = read(warm / STAMP)
            if os.environ.get("DDPM_TUTOR_FRESH") == "1" or stamp is None or read(folder / STAMP) != stamp:
                refresh(folder, warm)
        return folder
    raise SystemExit("no free work folder for the kernel")


def main():
    program, connection = sys.argv[1:3]
    work = os.environ.get("DDPM_TUTOR_WORK") or str(free_folder())
    os.environ["EVCXR_TMPDIR"] = work
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"):
        # Each folder once; a placeholder that no client filled in means nothing.
        parts = dict.fromkeys(part for part in os.environ.get(name, "").split(":") if part and "$" not in part)
        if parts:
            os.environ[name] = ":".join(parts)
        else:
            os.environ.pop(name, None)
    # Settings of the build that runs this would rebuild everything, or put it where evcxr does not look.
    for name in ("CARGO_TARGET_DIR", "CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"):
        os.environ.pop(name, None)
    os.execv(program, [program, "--control_file", connection])


main()
