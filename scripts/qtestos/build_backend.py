# SPDX-License-Identifier: GPL-2.0-or-later
"""What pip calls to make a package of this folder (PEP 517, PEP 660), with nothing but the standard library: neither a
network nor setuptools is needed. pyproject.toml names it; it is no part of the package itself."""
import base64
import hashlib
import os
import tomllib
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
NOT_IN_IT = ("build_backend.py",)


def files(source=HERE):
    """(path within the package's folder, bytes) of all that runs, sorted."""
    for folder, below, names in sorted(os.walk(source)):
        below[:] = [d for d in below if d not in ("__pycache__", "build")]
        for name in sorted(n for n in names if n.endswith((".py", ".txt")) and n not in NOT_IN_IT):
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                yield os.path.relpath(path, source), f.read()


def project():
    with open(os.path.join(HERE, "pyproject.toml"), "rb") as f:
        return tomllib.load(f)["project"]


def metadata():
    """The files of the .dist-info folder but RECORD, by name."""
    p = project()
    scripts = "".join(f"{name} = {where}\n" for name, where in p["scripts"].items())
    return {
        "METADATA": f"Metadata-Version: 2.1\nName: {p['name']}\nVersion: {p['version']}\nSummary: {p['description']}\n"
                    f"License: {p['license']['text']}\nRequires-Python: {p['requires-python']}\n".encode(),
        "WHEEL": b"Wheel-Version: 1.0\nGenerator: qtestos\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": f"[console_scripts]\n{scripts}".encode(),
    }


def digest(data):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def wheel(folder, content):
    """Writes the wheel with these (name, bytes); its file name."""
    p = project()
    stem = f"{p['name']}-{p['version']}"
    content = list(content) + [(f"{stem}.dist-info/{name}", data) for name, data in metadata().items()]
    record = "".join(f"{name},{digest(data)},{len(data)}\n" for name, data in content) + f"{stem}.dist-info/RECORD,,\n"
    name = f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w", zipfile.ZIP_DEFLATED) as z:
        for path, data in content + [(f"{stem}.dist-info/RECORD", record.encode())]:
            z.writestr(zipfile.ZipInfo(path), data, zipfile.ZIP_DEFLATED)
    return name


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return wheel(wheel_directory, [(f"qtestos/{path}", data) for path, data in files()])


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return wheel(wheel_directory, [("qtestos.pth", os.path.dirname(HERE).encode() + b"\n")])


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError("there is no source archive of this folder alone")
