"""Real proxies before the page, as people put them there: nginx, and a Jupyter server."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

from tests.support.addresses import fixed_addresses, is_served, port_of
from tests.support.certificates import certificate
from tests.support.waiting import PATIENCE, settled

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")

needs_nginx = pytest.mark.skipif(NGINX is None, reason="needs nginx (apt install nginx-light)")

WAYS = {
    "default": ("http", "/", "$proxy_host"),
    "$host": ("http", "/", "$host"),
    "$http_host": ("http", "/", "$http_host"),
    "prefix": ("http", "/run/", "$proxy_host"),
    "TLS": ("https", "/", "$http_host"),
}
"""Configurations: what a browser speaks, the path that is stripped, the ``Host`` sent upstream."""

_MAIN = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_http_version 1.1;
    {servers}
}}
"""

_SERVER = """
    server {{
        listen 127.0.0.1:{port}{tls};
        {locations}
    }}
"""

_LOCATION = """
        location {path} {{
            proxy_pass http://127.0.0.1:{target}/;
            proxy_set_header Host {host};
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }}
"""


class _Proxy:
    """A process from entering to leaving."""

    def __init__(self, folder: Path, command: list[str], served_at: str) -> None:
        self.folder = folder
        self._command = command
        self._served_at = served_at
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with (self.folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.folder,
                env={**os.environ, "HOME": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        process = self._process
        try:
            assert settled(lambda: process.poll() is not None or is_served(self._served_at))
            assert process.poll() is None, self.logs()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()

    def logs(self) -> str:
        """All that it has written down."""
        kept = [self.folder / name for name in ("output", "error.log", "access.log")]
        return "\n".join(file.read_text() for file in kept if file.exists())


class Nginx(_Proxy):
    """An nginx with all ``WAYS`` to the page at the port ``target``, each at a port of its own.

    With a prefix there is another page, at ``/other/``, if there is an ``other`` port.
    """

    def __init__(self, folder: Path, target: int, other: int | None = None) -> None:
        folder.mkdir()
        cert, key = certificate(folder)
        addresses = fixed_addresses(len(WAYS))
        self._ports = dict(zip(WAYS, map(port_of, addresses), strict=True))
        servers = []
        for way, (scheme, path, host) in WAYS.items():
            locations = _LOCATION.format(path=path, target=target, host=host)
            if other is not None and path != "/":
                locations += _LOCATION.format(path="/other/", target=other, host=host)
            tls = "" if scheme == "http" else " ssl"
            if tls:
                locations += f"ssl_certificate {cert}; ssl_certificate_key {key};"
            servers.append(_SERVER.format(port=self._ports[way], tls=tls, locations=locations))
        config = folder / "nginx.conf"
        config.write_text(_MAIN.format(folder=folder, servers="".join(servers)))
        command = [NGINX or "", "-p", str(folder), "-c", str(config), "-e", f"{folder}/error.log"]
        super().__init__(folder, command, addresses[-1])

    def base(self, way: str, name: str = "localhost", path: str | None = None) -> str:
        """Where a browser finds the page by this way, with the slash."""
        scheme, prefix, _ = WAYS[way]
        return f"{scheme}://{name}:{self._ports[way]}{path or prefix}"


class Jupyter(_Proxy):
    """A Jupyter server with jupyter-server-proxy, whose users sign in with ``token``."""

    token = "the token of the Jupyter server"

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        [address] = fixed_addresses(1)
        self.base = f"http://localhost:{port_of(address)}/"
        command = [
            *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
            *(f"--ServerApp.root_dir={folder}", "--ServerApp.ip=127.0.0.1"),
            *(f"--ServerApp.port={port_of(address)}", "--ServerApp.port_retries=0"),
            f"--IdentityProvider.token={self.token}",
        ]
        super().__init__(folder, command, address)
