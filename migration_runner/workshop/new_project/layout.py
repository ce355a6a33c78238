"""Which files a project has, by their paths."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final

from migration_runner.workshop.new_project.texts import render
from migration_runner.workshop.new_project.variants import Variant

Files = dict[str, str]
DOCKERFILE: Final = "Dockerfile"
REQUIREMENTS: Final = "requirements.txt"
_KUBERNETES: Final = (
    "base/deployment.yaml",
    "base/kustomization.yaml",
    "job/job.yaml",
    "job/kustomization.yaml",
    "job/wait.yaml",
)
_CONTENTS: Final = (
    ("alembic.ini", "Alembic's configuration."),
    ("pyproject.toml", "Alembic's configuration, in `[tool.alembic]`."),
    ("models/", "The tables."),
    ("migrations/", "The revisions, in `versions/`; `env.py`, which Alembic runs."),
)


@dataclass(frozen=True)
class Parts:
    """What of a project goes into its image: paths below its folder, with `/`.

    `environment` are the variables that it needs there, `requirements` its packages; the build is
    described by `dockerfile`.
    """

    name: str
    paths: Sequence[str]
    environment: Sequence[str] = ()
    dockerfile: str = DOCKERFILE
    requirements: Sequence[str] = ()


def alembic_files(variant: Variant, now: datetime, *, with_models: bool = True) -> Files:
    """Return Alembic's files, the models, and the first revision, which creates their table."""
    models = "sqlmodel" if variant.sqlmodel else "sqlalchemy"
    imports = "import sqlmodel  # noqa: F401 - of what autogenerate writes\n"
    texts = {
        "imports": imports if variant.sqlmodel else "",
        "text": "String" if variant.sqlmodel else "Text",
        "created": f"{now:%Y-%m-%d %H:%M:%S}+00:00",
    }
    files = {
        variant.config: render(variant.config, texts),
        "migrations/env.py": render("env_async.py" if variant.use_async else "env_sync.py", texts),
        "migrations/script.py.mako": render("script.py.mako", texts),
    }
    if not with_models:
        files["migrations/versions/.gitkeep"] = ""
    else:
        first = f"migrations/versions/{now:%Y%m%d_%H%M%S}_0001_customers.py"
        files[first] = render("revision.py", texts)
        for part in ("base", "customer"):
            files[f"models/{part}.py"] = render(f"models_{part}_{models}.py", texts)
        files["models/__init__.py"] = render(f"models_init_{models}.py", texts)
    return files


def needed_packages(variant: Variant) -> list[str]:
    """Return what a new project has in requirements.txt."""
    return [
        "sqlalchemy>=2",
        *(("asyncpg", "greenlet") if variant.use_async else ()),
        *(("sqlmodel",) if variant.sqlmodel else ()),
    ]


def deployment_files(parts: Parts) -> Files:
    """Return what builds, runs and ships the project, and describes it."""
    texts = {
        "name": parts.name,
        "dockerfile": parts.dockerfile,
        "copies": "\n".join(map(_copy, parts.paths)),
        "unignored": "\n".join(f"!{path}" for path in (REQUIREMENTS, *parts.paths)),
        "environment": "".join(f"ENV {each}\n" for each in parts.environment),
        "requirements": "\n".join(parts.requirements),
        "contents": "\n".join(_contents(parts.paths)),
    }
    ignored = f"{parts.dockerfile}.dockerignore"
    targets = {
        REQUIREMENTS: REQUIREMENTS,
        parts.dockerfile: "Dockerfile",
        (".dockerignore" if parts.dockerfile == DOCKERFILE else ignored): "dockerignore",
        ".gitignore": "gitignore",
        "compose.yaml": "compose.yaml",
        ".github/workflows/migrations.yml": "github.yml",
        ".gitlab-ci.yml": "gitlab.yml",
        "README.md": "README.md",
        **{
            f"deploy/kubernetes/{path}": f"kubernetes_{path.replace('/', '_')}"
            for path in _KUBERNETES
        },
    }
    return {path: render(template, texts) for path, template in targets.items()}


def _contents(paths: Sequence[str]) -> list[str]:
    """Return the rows of the README's table for what the project consists of."""
    known = dict(_CONTENTS)
    rows = []
    for path in paths:
        shown = path if PurePosixPath(path).suffix else f"{path}/"
        said = known.get(shown) or "Of the project; the migrations need it."
        rows.append(f"| `{shown}` | {said} |")
    return rows


def _copy(path: str) -> str:
    """Return the instruction that copies a path, in the form that a path with spaces needs."""
    words = [path, f"/added/app/{path}"]
    return f"COPY {json.dumps(words)}" if " " in path else f"COPY {' '.join(words)}"
