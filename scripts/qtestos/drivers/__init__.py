# SPDX-License-Identifier: GPL-2.0-or-later
"""The drivers: every module of this folder is read, and its classes with a name join the graph."""
import importlib
import pkgutil

for _m in sorted(m.name for m in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_m}")
