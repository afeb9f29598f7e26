"""A Hugging Face hub on 127.0.0.1, so that the real download code runs without a network.

It serves ``FOLDER/<owner>/<repo>/<file>`` the way huggingface_hub asks for it, HEAD and GET of
``/owner/repo/resolve/REVISION/file``, with what the real hub sends: the commit, the size, an ETag that is the
file's SHA-256, ranges, and the error codes of an absent file, an absent repository and one behind terms.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse

from faceprobe.core.files import sha256_file

COMMIT = "a" * 40


class LoopbackHub:
    """The hub's folder, its address, what it was asked, and what it is to do wrong.

    ``asked`` holds (method, path, Range header). The bodies of the next GETs end, with the connection, after
    as many bytes as ``breaks`` says, one number a GET. Repositories in ``gated`` want their terms accepted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = ""
        self.asked: list[tuple[str, str, str]] = []
        self.breaks: list[int] = []
        self.gated: set[str] = set()
        self._digests: dict[tuple[Path, int], str] = {}

    def put(self, repo: str, file: str, data: bytes | str | Path) -> Path:
        """Publish ``data``, or a file's content, as ``file`` of ``repo``."""
        target = self.folder / repo / file
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, Path):
            target.unlink(missing_ok=True)
            target.symlink_to(data.resolve())
        else:
            target.write_bytes(data.encode() if isinstance(data, str) else data)
        return target

    def digest(self, file: Path) -> str:
        """Hex SHA-256 of a file, computed once: a client waits ten seconds for the first byte."""
        key = (file, file.stat().st_mtime_ns)
        if key not in self._digests:
            self._digests[key] = sha256_file(file)
        return self._digests[key]

    def fetched(self) -> list[str]:
        """The files that were sent, as ``owner/repo/file``, in order."""
        parts = [
            urlparse(path).path.strip("/").split("/") for method, path, _ in self.asked if method == "GET"
        ]
        return ["/".join((*p[:2], *p[4:])) for p in parts if p[2:3] == ["resolve"]]


@contextmanager
def loopback_hub(folder: Path) -> Iterator[LoopbackHub]:
    """Serve ``folder`` as a hub for the time of a ``with``."""
    hub = LoopbackHub(folder)

    class Handler(_Handler):
        served = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: LoopbackHub

    def log_message(self, *_: object) -> None:
        """Nothing on standard error: the tests read it."""

    def do_GET(self) -> None:
        hub, range_ = self.served, self.headers.get("Range") or ""
        hub.asked.append((self.command, self.path, range_))
        parts = unquote(urlparse(self.path).path).strip("/").split("/")
        if len(parts) < 5 or parts[2] != "resolve":
            self._answer(200, b"{}")
            return
        repo, file = "/".join(parts[:2]), hub.folder.joinpath(*parts[:2], *parts[4:])
        if not (hub.folder / repo).is_dir():
            self._answer(404, code="RepoNotFound")
        elif repo in hub.gated:
            self._answer(403, code="GatedRepo")
        elif not file.is_file():
            self._answer(404, code="EntryNotFound")
        else:
            self._send(file, range_)

    do_HEAD = do_GET

    def _send(self, file: Path, range_: str) -> None:
        hub, size = self.served, file.stat().st_size
        start = int(range_.removeprefix("bytes=").split("-")[0] or 0)
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hub.digest(file)}"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(size - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.end_headers()
        if self.command == "HEAD":
            return
        left = hub.breaks.pop(0) if hub.breaks else size
        self.close_connection = left < size
        with open(file, "rb") as opened:
            opened.seek(start)
            while part := opened.read(min(left, 1 << 20)):
                self.wfile.write(part)
                left -= len(part)

    def _answer(self, status: int, body: bytes = b"", code: str = "") -> None:
        body = body or json.dumps({"error": code}).encode()
        self.send_response(status)
        self.send_header("X-Repo-Commit", COMMIT)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
