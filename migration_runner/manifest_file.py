"""The manifest's file: what `migrate build` knew of a project, and whether that still holds.

A line that names its format and the Python that wrote it, and behind that what `marshal` makes of
a `Manifest`, which like a compiled module is for that Python alone. Of the standard library it is
the only format that can be read before anything is imported.
"""

import marshal
import posix
import sys

NAME = ".migrate-manifest"
_SIZE, _MTIME = 6, 8
_MOUNTS = "/proc/self/mountinfo"
# The time in whole seconds, as an image's layers keep it, and the size; nothing for no file.
Stamp = tuple[int, int] | None
# What nobody would find in the files: kept as a dictionary, since `marshal` knows no classes.
Manifest = dict[str, object]


def first_line() -> bytes:
    """Return the line that a manifest of this runner and this Python begins with."""
    from migration_runner import __version__  # noqa: PLC0415 - not for those who only ask for a name

    return f"migrate manifest 1 {sys.implementation.cache_tag} {__version__}\n".encode()


def manifest_beside(config: str) -> str:
    """Return the path of the manifest of an Alembic configuration."""
    folder, separator, _ = config.rpartition("/")
    return f"{folder}{separator}{NAME}"


def read_manifest(path: str) -> Manifest | None:
    """Return what is in the file; None where it is not there, or another runner's."""
    try:
        number = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        size = posix.fstat(number).st_size
        data = posix.read(number, size)
    finally:
        posix.close(number)
    line = first_line()
    if len(data) < size or not data.startswith(line):
        return None
    try:
        found: Manifest = marshal.loads(data[len(line) :])  # noqa: S302 - the project's own file, as its revisions are
    except (ValueError, EOFError, TypeError):
        return None
    return found


def stamp(path: str) -> Stamp:
    """Return what tells one version of a file or folder from another."""
    try:
        found = posix.stat(path)
    except OSError:
        return None
    return int(found[_MTIME]), int(found[_SIZE])


def load_stamps(data: object) -> dict[str, Stamp]:
    """Return the stamps that `marshal` made `data` of: only those that are needed are read."""
    found: dict[str, Stamp] = marshal.loads(data)  # type: ignore[arg-type]  # noqa: S302 - as above
    return found


def files_unchanged(files: dict[str, Stamp]) -> bool:
    """Whether all files are as they were. Raises `OSError` where one is not there any more."""
    look = posix.stat
    for path, before in files.items():
        if before is None:
            if stamp(path) is not None:
                return False
            continue
        # By number: the names make floats of the times, and there are thousands of files.
        found = look(path)
        if found[_MTIME] != before[0] or found[_SIZE] != before[1]:
            return False
    return True


def folders_unchanged(folders: dict[str, Stamp]) -> bool:
    """Whether nothing was added to folders, removed or replaced: that changes their time."""
    return all(
        (found := stamp(path)) and before and found[0] == before[0]
        for path, before in folders.items()
    )


def mounted_over(folders: dict[str, Stamp]) -> bool:
    """Whether something is mounted in one of the folders, or on a folder above it."""
    number = posix.open(_MOUNTS, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        text = b""
        while data := posix.read(number, 65536):
            text += data
    finally:
        posix.close(number)
    for line in text.decode("utf-8", "surrogateescape").splitlines():
        place = line.split(" ", 5)[4]
        if place != "/" and any(
            f"{folder}/".startswith(f"{place}/") or place.startswith(f"{folder}/")
            for folder in folders
        ):
            return True
    return False
