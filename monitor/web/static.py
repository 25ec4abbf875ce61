"""The files that come with the pages, read once, each under a path that changes when it does."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

STATIC_DIRECTORY = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Static:
    """``paths``: name of a file → its path; ``bodies``: the end of that path → what is there."""

    paths: dict[str, str]
    bodies: dict[str, tuple[bytes, str]]

    def serve(self, request: Request) -> Response:
        found = self.bodies.get(request.path_params["path"])
        if found is None:
            return Response("no such file\n", 404, media_type="text/plain")
        body, kind = found
        return Response(body, headers={"Content-Type": kind, "Cache-Control": "public, max-age=31536000, immutable"})


def load(folder: Path = STATIC_DIRECTORY) -> Static:
    paths, bodies = {}, {}
    for file in sorted(folder.iterdir()):
        if file.suffix not in TYPES:
            continue
        body = file.read_bytes()
        end = f"{hashlib.sha256(body).hexdigest()[:12]}/{file.name}"
        paths[file.name] = f"/static/{end}"
        bodies[end] = (body, TYPES[file.suffix])
    return Static(paths, bodies)
