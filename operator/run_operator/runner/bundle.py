"""The runner as one file: a zip that Python runs as it is. Made by the operator, not in the pod."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

PACKAGE = "run_runner"
START = f'from {PACKAGE}.main import main\n\nif __name__ == "__main__":\n    main()\n'
EPOCH = (1980, 1, 1, 0, 0, 0)
LEFT_OUT = frozenset({"bundle.py"})


def bundle() -> bytes:
    """The same bytes for the same sources."""
    folder = Path(__file__).parent
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", START.encode())
        for path in sorted(folder.glob("*.py")):
            if path.name not in LEFT_OUT:
                _add(archive, f"{PACKAGE}/{path.name}", path.read_bytes())
    return out.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    archive.writestr(info, data)
