# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Plug-ins put into the database of NNC Desktop, which shows what stands in a table of it."""

from __future__ import annotations

import datetime
import shutil
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path
from typing import List

from nnabla_compress.console.listed import Listed, plugins
from nnabla_compress.errors import ConfigError
from nnabla_compress.files import atomic_path, json_text

_DATABASE = Path("db", "nncd.db")
_PROJECTS = "nncd-projects-rdc"
# Whose plug-ins all users see.
_EVERYBODY = "ccbf15a0-bcb6-4ba6-b10e-27fc877c4348"
_OURS = uuid.UUID("5b6b5e0a-7d5e-4b0c-8f36-2b0d5a3a9d11")  # plug-ins keep their numbers
_COLUMNS = (
    "plugin_id",
    "owner_tenant_id",
    "plugin_name",
    "plugin_file",
    "parameters",
    "description",
    "deleted",
    "create_datetime",
    "update_datetime",
)
_PATIENCE = 30.0  # seconds, while the application writes


def install_desktop(bucket: Path) -> List[Path]:
    """Copies the plug-ins that NNC Desktop can show, and enters them into its table.

    Args:
        bucket: Its folder, ``nncd_bucket`` in the user's own.

    Returns:
        The files written.

    Raises:
        ConfigError: If there is no such database, or it is of another kind, or busy.
    """
    database = bucket / _DATABASE
    if not database.is_file():
        raise ConfigError(
            f"there is no {database}.",
            help="start NNC Desktop once, which makes it, and stop it again",
        )
    shown = [each for each in plugins() if each.in_desktop]
    try:
        with closing(sqlite3.connect(str(database), timeout=_PATIENCE)) as connection:
            _check(connection, database)
            written = [_copied(each, bucket) for each in shown]
            with connection:
                for plugin in shown:
                    _enter(connection, plugin)
    except sqlite3.Error as error:
        raise ConfigError(
            f"can't write the plug-ins into {database}: {error}.",
            help="stop NNC Desktop and try again",
        ) from error
    return written


def _check(connection: sqlite3.Connection, database: Path) -> None:
    """Refuses a database without the table, or with another one."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(plugins)")}
    missing = [each for each in _COLUMNS if each not in columns]
    if missing:
        raise ConfigError(
            f"{database} has no table plugins with {', '.join(missing)}.",
            help="start NNC Desktop 0.2 or later once, which makes it, and stop it again",
        )


def _place(plugin: Listed) -> Path:
    return Path("plugins", _EVERYBODY, f"nnabla_compress_{plugin.name}.py")


def _copied(plugin: Listed, bucket: Path) -> Path:
    target = bucket / _PROJECTS / _place(plugin)
    with atomic_path(target) as temporary:
        shutil.copyfile(plugin.path, temporary)
    return target


def _enter(connection: sqlite3.Connection, plugin: Listed) -> None:
    now = datetime.datetime.utcnow().isoformat(" ")
    values = (
        str(uuid.uuid5(_OURS, plugin.name)),
        _EVERYBODY,
        plugin.header.title,
        _place(plugin).as_posix(),
        json_text(plugin.parameters()),
        f"{plugin.header.title}\n{plugin.header.text}\n",
        0,
        now,
        now,
    )
    marks = ", ".join("?" * len(_COLUMNS))
    connection.execute(
        f"INSERT OR REPLACE INTO plugins ({', '.join(_COLUMNS)}) VALUES ({marks})", values
    )
