"""The last thing to run before a server: ties it to its parent, drops root, becomes the server.

Run as `python -I -S launch.py PARENT_PID SIGNAL UID GID COMMAND…`, standard library only, because

* a child must not outlive us, not even when we are killed with -9: on Linux the kernel sends it
  SIGNAL when its parent dies (PR_SET_PDEATHSIG). That must be asked for inside the child, and
  `preexec_fn` would run Python between fork and exec of a program that has threads;
* PostgreSQL refuses to run as root, which is what most containers are. UID and GID then name the
  account to become (0: stay). That account could not enter a checkout below a private directory
  such as /root, neither for the program nor for its data, so it keeps one capability of root: to
  pass file permissions (CAP_DAC_OVERRIDE; containers have it by default, CAP_DAC_READ_SEARCH they
  have not). As an *ambient* capability it survives exec. Where the kernel denies it (some
  sandboxes), the server still works from any directory that everybody may enter;
* a root that may not become anyone else, as in a sandbox that knows no other account, can still
  be called otherwise: in a user namespace of its own, where its own account has another number.
"""

import ctypes
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
LINUX_CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWUSER = 0x10000000


def main(argv: list[str]) -> None:
    """Become the command in `argv`; exits with status 1 and a sentence if that cannot be done."""
    parent, signal_number, uid, gid = (int(word) for word in argv[:4])
    command = argv[4:]
    if uid:
        become(uid, gid)
    # After the change of account, which clears the death signal.
    if sys.platform.startswith("linux"):
        die_with(parent, signal_number)
    try:
        os.execv(command[0], command)  # noqa: S606 - no shell is what we want
    except OSError as error:
        sys.exit(f"cannot start {command[0]}: {error.strerror}")


def die_with(parent: int, signal_number: int) -> None:
    """Have the kernel send us, and what we become, a signal when the parent dies."""
    libc().prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before the kernel knew of us: nothing would ever end us.
        sys.exit("the parent process is gone")


def become(uid: int, gid: int) -> None:
    """Go on as another account than root, or at least by its number."""
    linux = sys.platform.startswith("linux")
    if linux:
        libc().prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    except OSError as error:
        if not linux or not rename_account(uid, gid):
            sys.exit(f"this root may not become account {uid}: {error.strerror}")
        return
    if linux:
        keep_file_access()


def keep_file_access() -> None:
    """Keep CAP_DAC_OVERRIDE, and nothing else of root, across exec; silently not, if denied."""
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    only = 1 << CAP_DAC_OVERRIDE
    # Two times (effective, permitted, inheritable): capabilities 0 to 31, then the rest.
    data = (ctypes.c_uint32 * 6)(only, only, only, 0, 0, 0)
    if libc().capset(header, data) == 0:
        libc().prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def rename_account(uid: int, gid: int) -> bool:
    """Enter a user namespace where our own account has another number; tell whether we could."""
    own_uid, own_gid = os.geteuid(), os.getegid()
    if libc().unshare(CLONE_NEWUSER) != 0:
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{gid} {own_gid} 1")
        Path("/proc/self/uid_map").write_text(f"{uid} {own_uid} 1")
    except OSError:
        return False
    return True


def libc() -> ctypes.CDLL:
    """Return the C library that Python itself uses."""
    return ctypes.CDLL(None, use_errno=True)


if __name__ == "__main__":
    main(sys.argv[1:])
