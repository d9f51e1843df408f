"""FastAPI on uvicorn as it is met in the wild: it builds redirects and URLs of the Host that it is
asked with. As a program it prints its port and serves; SiteServer runs it.

    GET /v1/models        307 to /v1/models/, by Starlette's redirect_slashes
    GET /v1/models/       what it was asked, and the URL that it has for itself
    GET /to?url=...       302 with exactly this Location
    GET /created          201 with Location and Content-Location of its own"""

import json
import socket
import subprocess
import sys


def build_app():
    from fastapi import FastAPI, Request, Response

    app = FastAPI()

    @app.get("/v1/models/")
    async def models(request: Request):
        client = request.client.host if request.client else None
        return {"url": str(request.url_for("models")), "scheme": request.url.scheme,
                "client": client, "headers": dict(request.headers)}

    @app.get("/to")
    async def to(url: str):
        return Response(status_code=302, headers={"Location": url})

    @app.get("/created")
    async def created(request: Request):
        place = str(request.url_for("models")) + "7"
        return Response(status_code=201, headers={"Location": place, "Content-Location": place})

    return app


def main():
    import uvicorn

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    config = uvicorn.Config(build_app(), log_level="warning", access_log=False,
                            proxy_headers=True, forwarded_allow_ips="127.0.0.1")
    uvicorn.Server(config).run(sockets=[listener])


class SiteServer:
    """Listens when the constructor returns."""

    def __init__(self):
        from waiting import die_with_parent

        self.process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE,
                                        text=True, preexec_fn=die_with_parent)
        line = self.process.stdout.readline()
        assert line, "the server did not start"
        self.port = json.loads(line)["port"]
        self.url = f"http://127.0.0.1:{self.port}"

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


if __name__ == "__main__":
    main()
