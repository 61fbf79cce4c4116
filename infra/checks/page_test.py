"""The nginx image's own script, with the real nginx, in front of replicas that repeat what reached them."""

import http.client
import http.server
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from clone import ROOT


class Mirror(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Page(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        # nginx' workers may be another user's.
        self.folder.chmod(0o755)
        self.config = self.folder / "config"
        shutil.copytree(ROOT / "infra/nginx", self.config)
        page = self.folder / "page"
        page.mkdir()
        (page / "index.html").write_text("<!doctype html><title>Heat</title>")
        (page / "version.json").write_text('{"version":"1"}\n')
        mirror = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
        threading.Thread(target=mirror.serve_forever, daemon=True).start()
        self.addCleanup(mirror.server_close)
        self.addCleanup(mirror.shutdown)
        self.port = free_port()
        self.env = {
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
            "HEAT_NGINX_FROM": str(self.config),
            "HEAT_NGINX_DATA": str(self.folder / "run"),
            "HEAT_NGINX_STATIC": str(page),
            "HEAT_NGINX_LISTEN": f"127.0.0.1:{self.port}",
            "HEAT_NGINX_API": f"127.0.0.1:{mirror.server_port} 127.0.0.1:{mirror.server_port}",
        }

    def serve(self, identity: str):
        nginx = subprocess.Popen(
            [ROOT / "infra/docker/serve-page"], env=self.env | {"HEAT_NGINX_IDENTITY": identity},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        self.addCleanup(nginx.stderr.close)
        self.addCleanup(nginx.wait)
        self.addCleanup(nginx.terminate)
        until = time.monotonic() + 20
        while not self.is_healthy():
            self.assertIsNone(nginx.poll(), "nginx ended")
            self.assertLess(time.monotonic(), until, "nginx does not serve")
            time.sleep(0.05)

    def is_healthy(self, path: str = "/alive") -> bool:
        done = subprocess.run([ROOT / "infra/docker/healthy", self.env["HEAT_NGINX_LISTEN"], path], capture_output=True)
        return done.returncode == 0

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def test_everybody_is_one_operator_whoever_they_say_they_are(self):
        self.serve("everybody")
        self.assertEqual(self.get("/"), (200, "<!doctype html><title>Heat</title>"))
        status, body = self.get("/api/v1/me", X_Forwarded_User="mallory", X_Forwarded_Groups="admins")
        seen = json.loads(body)
        self.assertEqual((status, seen["x-forwarded-user"], seen.get("x-forwarded-groups")), (200, "operator", None))
        self.assertTrue(self.is_healthy("/version.json"))
        self.assertFalse(self.is_healthy("/nowhere"))

    def test_with_basic_authentication_nobody_enters_unasked_and_the_health_check_still_does(self):
        # The password is "secret".
        (self.config / "htpasswd").write_text("ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
        self.serve("basic")
        for path in ("/", "/api/v1/me", "/version.json"):
            self.assertEqual(self.get(path)[0], 401, path)
        status, body = self.get("/api/v1/me", Authorization="Basic YW5uOnNlY3JldA==")
        self.assertEqual((status, json.loads(body)["x-forwarded-user"]), (200, "ann"))
        self.assertTrue(self.is_healthy())

    def test_where_a_request_comes_from_is_believed_of_a_proxy_that_is_named(self):
        for proxies, expected in (("", "127.0.0.1"), ("192.0.2.0/24 127.0.0.1", "203.0.113.9")):
            with self.subTest(proxies):
                self.port = free_port()
                self.env |= {"HEAT_NGINX_LISTEN": f"127.0.0.1:{self.port}", "HEAT_NGINX_PROXIES": proxies}
                self.serve("everybody")
                seen = json.loads(self.get("/api/v1/me", X_Forwarded_For="198.51.100.1, 203.0.113.9, 192.0.2.7")[1])
                self.assertEqual(seen["x-forwarded-for"], expected)

    def test_locations_of_the_site_s_own_are_included_and_nothing_is_written_beside_the_data(self):
        (self.config / "local").mkdir()
        (self.config / "local/more.conf").write_text("location = /motd { return 200 'hello'; }\n")
        before = {path: path.stat().st_mtime_ns for path in self.config.rglob("*")}
        self.serve("off")
        self.assertEqual(self.get("/motd"), (200, "hello"))
        self.assertEqual({path: path.stat().st_mtime_ns for path in self.config.rglob("*")}, before)

    def test_without_replicas_or_with_an_unknown_identity_it_says_what_is_missing(self):
        known = " ".join(sorted(path.stem.removeprefix("identity-") for path in (self.config / "heat").glob("identity-*.conf")))
        for change, named in (({"HEAT_NGINX_API": ""}, "HEAT_NGINX_API"), ({"HEAT_NGINX_IDENTITY": "nobody"}, f"may be: {known}"), ({}, "no default")):
            done = subprocess.run([ROOT / "infra/docker/serve-page"], env=self.env | change, capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(named, done.stderr)


if __name__ == "__main__":
    unittest.main()
