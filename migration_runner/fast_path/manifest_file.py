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
_SIZE_DIGITS = 12
# What distinguishes two versions of a file, see `files`; None if there is no file.
Stamp = tuple[int, ...] | None
Stamps = dict[str, Stamp]
# A dictionary, since `marshal` cannot write classes.
Manifest = dict[str, object]


def first_line() -> bytes:
    """Return the first line of manifests of this runner and this Python."""
    return f"migrate manifest 2 {sys.implementation.cache_tag} {__version__}\n".encode()


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
