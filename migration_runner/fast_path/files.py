"""Whether a build's files are unchanged; what could change without a trace counts as changed.

Without a seal, the kernel's own record decides: no program can set a file's change time, so every
edit, replacement and mount shows in it. It holds on the machine of the build only.

A sealed manifest is for images, where times are whole seconds, change times are of the machine that
unpacked the layers, and no file is edited in place. There, a folder's time shows each file that is
added, removed or replaced, unless something is mounted on the way to it, or it is a link.
"""

import posix

from migration_runner.fast_path.manifest_file import Manifest, Stamp, Stamps, read_part

# In whole seconds.
_MTIME = 8
_KIND, _FOLDER, _FILE = 0o170000, 0o040000, 0o100000
_MOUNTS = "/proc/self/mountinfo"
# Manifests whose revision files were found unchanged.
_unchanged: set[str] = set()


def revisions_unchanged(manifest: Manifest) -> bool:
    """Whether the revision files are unchanged.

    A process checks once: the full path relies on the fast path before it. Raises what `read_part`
    and `seal_holds` raise.
    """
    path = str(manifest["path"])
    if path not in _unchanged and _revisions_unchanged(manifest):
        _unchanged.add(path)
    return path in _unchanged


def _revisions_unchanged(manifest: Manifest) -> bool:
    folders: Stamps = manifest["folders"]  # type: ignore[assignment]  # as `write_manifest` has it
    places: dict[str, bytes] = manifest["places"]  # type: ignore[assignment]  # as above
    sealed = bool(manifest["sealed"])
    if not unchanged(folders, sealed=sealed):
        return False
    if sealed:
        return seal_holds(places)
    return unchanged(read_part(manifest, "revisions"), sealed=False)  # type: ignore[arg-type]  # as above


def stamp(path: str, *, sealed: bool) -> Stamp:
    """Return what distinguishes two versions of a file or folder."""
    try:
        found = posix.stat(path)
    except OSError:
        return None
    if sealed:
        # A folder's size is the file system's.
        size = 0 if found.st_mode & _KIND == _FOLDER else found.st_size
        return int(found[_MTIME]), size
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size


def unchanged(stamps: Stamps, *, sealed: bool) -> bool:
    """Whether all files and folders have the same stamps as in the build."""
    # A loop, not `all`: there are thousands of files.
    for path, before in stamps.items():  # noqa: SIM110 - as above
        if stamp(path, sealed=sealed) != before:
            return False
    return True


def is_plain(path: str) -> bool:
    """Whether a path is the only name of a file, and not a link."""
    found = posix.lstat(path)
    return found.st_mode & _KIND == _FILE and found.st_nlink == 1


def real_path(path: str) -> bytes:
    """Return the kernel's own path of a file or folder, without links. Raises `OSError`."""
    number = posix.open(path, posix.O_PATH | posix.O_CLOEXEC)
    try:
        return posix.readlink(f"/proc/self/fd/{number}".encode())
    finally:
        posix.close(number)


def mount_at(places: dict[str, bytes]) -> bytes | None:
    """Return the place of a mount on the way to one of the real paths, or below one.

    None if all of them are on the root file system. Raises `OSError`.
    """
    paths = [place + b"/" for place in places.values()]
    for mount in _mounts():
        place = mount + b"/"
        for path in paths:
            if path.startswith(place) or place.startswith(path):
                return mount
    return None


def seal_holds(places: dict[str, bytes]) -> bool:
    """Whether the paths lead where they led in the build. Raises `OSError`."""
    for path, place in places.items():
        if real_path(path) != place:
            return False
    return mount_at(places) is None


def _mounts() -> list[bytes]:
    """Return the places of all mounts but the root's."""
    number = posix.open(_MOUNTS, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        text = b""
        while data := posix.read(number, 65536):
            text += data
    finally:
        posix.close(number)
    places = [line.split(b" ", 5)[4] for line in text.split(b"\n") if line]
    return [_unescape(place) for place in places if place != b"/"]


def _unescape(place: bytes) -> bytes:
    r"""Return a path in which the kernel has written blanks and the like as `\040`."""
    if b"\\" not in place:
        return place
    first, *others = place.split(b"\\")
    return first + b"".join(bytes((int(part[:3], 8),)) + part[3:] for part in others)
