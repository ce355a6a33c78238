"""The manifest's file: what `migrate build` knew about a project, and whether it is still true.

A line with the format's version and the Python that wrote it, then a `Manifest` and its parts as
`marshal` writes them: like a compiled module, for that Python only. The standard library has no
other format that can be read without an import.
"""

import marshal
import posix
import sys

from migration_runner import __version__

NAME = ".migrate-manifest"
_SIZE, _MTIME = 6, 8
_SIZE_DIGITS = 12
_MOUNTS = "/proc/self/mountinfo"
# The time in whole seconds, as image layers keep it, and the size; None if there is no file.
Stamp = tuple[int, int] | None
Stamps = dict[str, Stamp]
# A dictionary, since `marshal` cannot write classes.
Manifest = dict[str, object]

# Manifests whose revision files were found unchanged.
_unchanged: set[str] = set()


def first_line() -> bytes:
    """Return the first line of manifests of this runner and this Python."""
    return f"migrate manifest 1 {sys.implementation.cache_tag} {__version__}\n".encode()


def manifest_beside(config: str) -> str:
    """Return the path of an Alembic configuration's manifest."""
    folder, separator, _ = config.rpartition("/")
    return f"{folder}{separator}{NAME}"


def read_manifest(path: str) -> Manifest | None:
    """Return the manifest, with the places of its parts instead of the parts.

    None if the file does not exist, or was written by another runner or Python.
    """
    try:
        number = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return None
    line = first_line()
    try:
        if posix.read(number, len(line)) != line:
            return None
        size = int(posix.read(number, _SIZE_DIGITS))
        found: Manifest = marshal.loads(posix.read(number, size))  # noqa: S302 - the project's own file, as its revisions are
    except (OSError, ValueError, EOFError, TypeError):
        return None
    finally:
        posix.close(number)
    return {**found, "path": path, "end": len(line) + _SIZE_DIGITS + size}


def read_part(manifest: Manifest, name: str) -> object:
    """Return one part of a manifest. Raises `OSError`, `ValueError`, `EOFError` or `TypeError`."""
    place: tuple[int, int] = manifest[name]  # type: ignore[assignment]  # as `render_manifest` has it
    end: int = manifest["end"]  # type: ignore[assignment]  # as `read_manifest` has it
    number = posix.open(str(manifest["path"]), posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        return marshal.loads(posix.pread(number, place[1], end + place[0]))  # noqa: S302 - as above
    finally:
        posix.close(number)


def render_manifest(manifest: Manifest, parts: dict[str, object]) -> bytes:
    """Return the file's content: what every run reads, then the parts."""
    rendered = b""
    for name, part in parts.items():
        data = marshal.dumps(part)  # type: ignore[arg-type]  # of what `marshal` takes
        manifest = {**manifest, name: (len(rendered), len(data))}
        rendered += data
    head = marshal.dumps(manifest)
    return first_line() + str(len(head)).zfill(_SIZE_DIGITS).encode() + head + rendered


def stamp(path: str) -> Stamp:
    """Return what distinguishes two versions of a file or folder."""
    try:
        found = posix.stat(path)
    except OSError:
        return None
    return int(found[_MTIME]), int(found[_SIZE])


def files_unchanged(files: Stamps) -> bool:
    """Whether all files are unchanged. Raises `OSError` if one does not exist any more."""
    look = posix.stat
    for path, before in files.items():
        if before is None:
            if stamp(path) is not None:
                return False
            continue
        # By index: the named times are floats, and there are thousands of files.
        found = look(path)
        if found[_MTIME] != before[0] or found[_SIZE] != before[1]:
            return False
    return True


def revisions_unchanged(manifest: Manifest) -> bool:
    """Whether the revision files are unchanged.

    Adding, removing or replacing a file changes its folder's time. In a sealed image that is
    sufficient, unless something is mounted over a folder. A process checks once: the full path
    relies on the fast path before it. Raises what `read_part` raises.
    """
    path = str(manifest["path"])
    if path not in _unchanged and _revisions_unchanged(manifest):
        _unchanged.add(path)
    return path in _unchanged


def _revisions_unchanged(manifest: Manifest) -> bool:
    folders: Stamps = manifest["folders"]  # type: ignore[assignment]  # as `write_manifest` has it
    for path, before in folders.items():
        found = stamp(path)
        if found is None or before is None or found[0] != before[0]:
            return False
    if manifest["sealed"] and not _mounted_over(folders):
        return True
    return files_unchanged(read_part(manifest, "revisions"))  # type: ignore[arg-type]  # as above


def _mounted_over(folders: Stamps) -> bool:
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
