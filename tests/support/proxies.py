"""Real proxies before the page, as people put them there: nginx, Apache, and a Jupyter server."""

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

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
NGINX = shutil.which("nginx", path=_PATH)
APACHE = shutil.which("apache2", path=_PATH)

needs_nginx = pytest.mark.skipif(NGINX is None, reason="needs nginx (apt install nginx-light)")
needs_apache = pytest.mark.skipif(APACHE is None, reason="needs Apache (apt install apache2-bin)")

WAYS = {
    "default": ("http", "/", "$proxy_host"),
    "$host": ("http", "/", "$host"),
    "$http_host": ("http", "/", "$http_host"),
    "prefix": ("http", "/run/", "$proxy_host"),
    "kept prefix": ("http", "/kept/", "$proxy_host"),
    "TLS": ("https", "/", "$http_host"),
}
"""Configurations: what a browser speaks, the path, the ``Host`` sent upstream."""

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
            proxy_pass http://127.0.0.1:{target}{stripped};
            proxy_set_header Host {host};
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
        }}
"""

_ONDEMAND = r"""
ServerName localhost
Listen 127.0.0.1:{port}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
{modules}
User #65534
Group #65534
CustomLog {folder}/access.log "%h %r %s %{{Referer}}i"
RewriteEngine On
RewriteCond %{{HTTP:Upgrade}} =websocket [NC]
RewriteRule ^/rnode/([^/]+)/(\d+)(/.*)$ ws://$1:$2$3 [P,L,QSD]
RewriteRule ^/rnode/([^/]+)/(\d+)(/.*)$ http://$1:$2$3 [P,L,QSD]
RewriteCond %{{HTTP:Upgrade}} =websocket [NC]
RewriteRule ^/node/([^/]+)/(\d+)/.*$ ws://$1:$2$0 [P,L,QSD]
RewriteRule ^/node/([^/]+)/(\d+)/.*$ http://$1:$2$0 [P,L,QSD]
"""
"""The rules of Open OnDemand. Its node_proxy.lua sets the target too late for Apache to put the
query behind it: that is lost, or in some versions part of the path."""

_MODULES = ("mpm_event", "authz_core", "rewrite", "proxy", "proxy_http", "proxy_wstunnel")


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
            # With a path behind the target nginx puts that in place of the location's.
            fields = {"host": host, "stripped": "" if way == "kept prefix" else "/"}
            locations = _LOCATION.format(path=path, target=target, **fields)
            if other is not None and path != "/":
                locations += _LOCATION.format(path="/other/", target=other, **fields)
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


class Apache(_Proxy):
    """An Apache that is the way to each port of this machine, as Open OnDemand's is to a cluster's.

    It strips what leads to the port at ``/rnode/``, and keeps it at ``/node/``.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        [address] = fixed_addresses(1)
        self._base = f"http://localhost:{port_of(address)}"
        modules = "\n".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in _MODULES
        )
        config = folder / "apache.conf"
        config.write_text(_ONDEMAND.format(folder=folder, port=port_of(address), modules=modules))
        super().__init__(folder, [APACHE or "", "-f", str(config), "-D", "FOREGROUND"], address)

    def base(self, way: str, target: int) -> str:
        """Where a browser finds the page at the port ``target``; ``way`` is rnode or node."""
        return f"{self._base}/{way}/127.0.0.1/{target}/"


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
