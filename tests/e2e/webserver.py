# SPDX-License-Identifier: GPL-2.0-or-later
"""A web server for tests of http and https images: the first part of a path says
what it does wrong or wants to see, the rest names a file in the current folder.

    python3 webserver.py NAME...

Each NAME becomes a server on a free port of 127.0.0.1, with TLS and the
certificate NAME.pem and key.pem unless it is "plain"; "second" has good.pem. The
file "urls" says NAME=URL when all listen. Requests go to the file "log": name of
the server, port of the client, path, range, cookie, authorization."""
import base64
import http.server
import os
import re
import socketserver
import ssl
import sys
import threading

urls = {}


def basic(text): return "Basic " + base64.b64encode(text.encode()).decode()


WANTED = {"cookie": ("Cookie", "a=b", 403), "locked": ("Authorization", basic("Aladdin:open sesame"), 401), "short": ("Authorization", basic("u:"), 401)}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def say(self, status, body=b"", **headers):
        self.send_response(status)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with open("log", "a") as f:
            print(self.server.name, self.client_address[1], self.path, self.headers["Range"], self.headers["Cookie"],
                  self.headers["Authorization"], file=f)
        kind, name = self.path.strip("/").split("/", 1)
        if kind in WANTED and self.headers[WANTED[kind][0]] != WANTED[kind][1]:
            return self.say(WANTED[kind][2])
        if kind == "moved":
            return self.say(302, Location="/ok/" + name)
        if kind == "loop":
            return self.say(302, Location=self.path)
        if kind.startswith("to-"):
            return self.say(302, Location=urls[kind[3:]] + "/ok/" + name)
        if kind == "garbage":
            self.wfile.write(b"x" * 100000)
            self.close_connection = True
            return None
        try:
            with open(name, "rb") as f:
                data = f.read()
        except OSError:
            return self.say(404)
        m = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
        if kind == "whole" or not m:
            return self.say(200, data)
        return self.piece(kind, data, int(m[1]), int(m[2]))

    def piece(self, kind, data, a, b):
        if a >= len(data):
            return self.say(416, Content_Range="bytes */%d" % len(data))
        b = min(b, len(data) - 1)
        total = len(data) + (kind == "grown" and a > 0)
        if kind == "shift" and a:
            a, b = a - 1, b - 1
        self.send_response(206)
        self.send_header("Content-Range", "bytes %d-%d/%d" % (a, b, total))
        self.send_header("Content-Length", str(b - a + 1))
        if kind == "close":
            self.send_header("Connection", "close")
        self.end_headers()
        body = data[a:b + 1]
        if kind == "cut" and a:
            body = body[:len(body) // 2]
        self.wfile.write(body)
        if kind == "drop" or (kind == "cut" and a):     # without having said so
            self.close_connection = True

    def log_message(self, *args):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


for name in sys.argv[1:]:
    s = Server(("127.0.0.1", 0), Handler)
    s.name = name
    if name != "plain":
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain("good.pem" if name == "second" else name + ".pem", "key.pem")
        s.socket = c.wrap_socket(s.socket, server_side=True, do_handshake_on_connect=False)
    urls[name] = "%s://127.0.0.1:%d" % ("http" if name == "plain" else "https", s.server_port)
    threading.Thread(target=s.serve_forever, daemon=True).start()
with open("urls.new", "w") as f:
    for k, v in urls.items():
        print("%s=%s" % (k, v), file=f)
os.rename("urls.new", "urls")
threading.Event().wait()
