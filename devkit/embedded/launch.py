"""Runs directly before a server: ties it to its parent, drops root, then becomes the server.

Run as `python -I -S launch.py PARENT_PID SIGNAL UID GID COMMAND…`, with the standard library only.

* A child must not outlive its parent, even if that is killed with -9: on Linux the kernel sends it
  SIGNAL when its parent dies (PR_SET_PDEATHSIG). The child must request this itself, and
  `preexec_fn` would run Python between fork and exec of a program with threads.
* PostgreSQL refuses to run as root, the usual account of containers. UID and GID then name the
  account to change to (0: keep). That account cannot enter a checkout below a private directory
  such as /root, neither for the program nor for its data. So it keeps one capability of root:
  ignoring file permissions (CAP_DAC_OVERRIDE; containers have it by default, unlike
  CAP_DAC_READ_SEARCH). As an *ambient* capability it survives exec. If the kernel denies it (some
  sandboxes), the server still works from any directory that everybody may enter.
* A root that cannot change its account, as in a sandbox without other accounts, can still be
  renamed: in its own user namespace, where its account has another number.
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
    """Become the command in `argv`; exits with status 1 and a message if that fails."""
    parent, signal_number, uid, gid = (int(word) for word in argv[:4])
    command = argv[4:]
    if uid:
        become(uid, gid)
    # After the change of account, which clears the death signal.
    if sys.platform.startswith("linux"):
        die_with(parent, signal_number)
    try:
        os.execv(command[0], command)  # noqa: S606 - without a shell on purpose
    except OSError as error:
        sys.exit(f"cannot start {command[0]}: {error.strerror}")


def die_with(parent: int, signal_number: int) -> None:
    """Let the kernel send a signal to this process when its parent dies."""
    libc().prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        # The parent died before the request to the kernel: no signal would ever come.
        sys.exit("the parent process has ended")


def become(uid: int, gid: int) -> None:
    """Continue as another account than root, or at least with its number."""
    linux = sys.platform.startswith("linux")
    if linux:
        libc().prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    except OSError as error:
        if not linux or not rename_account(uid, gid):
            sys.exit(f"root cannot change to account {uid} here: {error.strerror}")
        return
    if linux:
        keep_file_access()


def keep_file_access() -> None:
    """Keep only CAP_DAC_OVERRIDE of root's capabilities across exec, unless that is denied."""
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    only = 1 << CAP_DAC_OVERRIDE
    # Twice (effective, permitted, inheritable): capabilities 0 to 31, then the rest.
    data = (ctypes.c_uint32 * 6)(only, only, only, 0, 0, 0)
    if libc().capset(header, data) == 0:
        libc().prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def rename_account(uid: int, gid: int) -> bool:
    """Enter a user namespace that gives our account another number; return whether it worked."""
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
    """Return the C library of this Python."""
    return ctypes.CDLL(None, use_errno=True)


if __name__ == "__main__":
    main(sys.argv[1:])
