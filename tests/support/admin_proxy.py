"""Stands between the command line and the admin listener, and lets a test do something in between."""

import http.client
import http.server
import threading


class AdminProxy:
    """`before_change(proxy)` runs once, before the first request that is no GET is passed on; with
    `break_first` that request is passed on and its connection is then closed without an answer."""

    def __init__(self, gateway, before_change=None, break_first=False):
        self.gateway, self.before_change, self.break_first = gateway, before_change, break_first
        self.keys = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                broken = False
                if self.command != "GET":
                    proxy.keys.append(self.headers.get("Idempotency-Key"))
                    action, proxy.before_change = proxy.before_change, None
                    if action:
                        action()
                    broken, proxy.break_first = proxy.break_first, False
                status, answer = proxy.pass_on(self.command, self.path, body, self.headers)
                if broken:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = handle_one

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server.server_port

    def pass_on(self, method, path, body, headers):
        connection = http.client.HTTPConnection(*self.gateway.admin, timeout=30)
        kept = {name: value for name, value in headers.items()
                if name.lower() in ("content-type", "idempotency-key", "if-match")}
        connection.request(method, path, body or None, kept)
        response = connection.getresponse()
        answer = response.status, response.read()
        connection.close()
        return answer

    def close(self):
        self.server.shutdown()
        self.server.server_close()
