#!/usr/bin/python3
"""A model server: one trained regression behind FastAPI and uvicorn, speaking KServe V1 and V2.

    server.py --version comp-critic_v1 --port 9001

KServe V1:  POST /v1/models/comp-critic:predict  {"instances": [[8, 307, 130, 3504, 12, 1970]]}
KServe V2:  POST /v2/models/comp-critic/infer    {"inputs": [{"shape": [1, 6], "data": [...]}]}
Streaming:  POST /v1/models/comp-critic:stream   one server-sent event per prediction
For tests and demonstrations, never part of a real server:
            POST /_fault {"error_rate": 0.3, "latency_ms": 500}     GET /_stats
Prints one JSON line when it listens. Run it with Debian's python3.
"""

import argparse
import asyncio
import json
import random
import socket

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from model import FEATURES, Model

NAME = "comp-critic"


class Fault(BaseModel):
    """What goes wrong on purpose, per prediction."""

    error_rate: float = Field(0.0, ge=0, le=1)
    latency_ms: float = Field(0.0, ge=0)
    stream_interval_ms: float = Field(50.0, ge=0)


class Counting:
    """ASGI middleware: counts every request that arrives, whatever becomes of it."""

    def __init__(self, app, stats):
        self.app, self.stats = app, stats

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and not scope["path"].startswith("/_"):
            self.stats["requests"] += 1
        await self.app(scope, receive, send)


def rows_of(values):
    """A matrix of cars, or 422 when the client sent something else."""
    try:
        x = np.array(values, dtype=float)
    except (TypeError, ValueError):
        x = np.empty(0)
    if x.ndim != 2 or x.shape[1] != len(FEATURES) or not np.isfinite(x).all():
        raise HTTPException(422, f"each instance is a list of {len(FEATURES)} numbers: {FEATURES}")
    return x


def build_app(version, model, dice):
    app = FastAPI()
    stats = {"version": version, "requests": 0, "predictions": 0, "injected_errors": 0}
    app.add_middleware(Counting, stats=stats)
    app.state.fault = Fault()

    async def misbehave():
        fault = app.state.fault
        if fault.latency_ms:
            await asyncio.sleep(fault.latency_ms / 1000)
        if dice.random() < fault.error_rate:
            stats["injected_errors"] += 1
            raise HTTPException(500, "the model failed, as it was told to")

    async def body_of(request, key):
        try:
            return (await request.json())[key]
        except (ValueError, KeyError, TypeError):
            raise HTTPException(422, f"the body is a JSON object with '{key}'") from None

    def predict(x):
        stats["predictions"] += len(x)
        return [round(value, 3) for value in model.predict(x).tolist()]

    @app.get(f"/v1/models/{NAME}")
    async def v1_ready():
        return {"name": NAME, "ready": True}

    @app.post(f"/v1/models/{NAME}:predict")
    async def v1_predict(request: Request):
        x = rows_of(await body_of(request, "instances"))
        await misbehave()
        return JSONResponse({"predictions": predict(x)})

    @app.post(f"/v1/models/{NAME}:stream")
    async def v1_stream(request: Request):
        x = rows_of(await body_of(request, "instances"))
        await misbehave()

        async def events():
            for value in predict(x):
                yield f"data: {json.dumps({'prediction': value})}\n\n"
                await asyncio.sleep(app.state.fault.stream_interval_ms / 1000)
            yield "data: [DONE]\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/v2/health/ready")
    @app.get("/v2/health/live")
    async def v2_health():
        return {"ready": True}

    @app.get(f"/v2/models/{NAME}")
    async def v2_metadata():
        cars = {"name": "cars", "datatype": "FP64", "shape": [-1, len(FEATURES)]}
        answer = {"name": "miles_per_gallon", "datatype": "FP64", "shape": [-1]}
        return {"name": NAME, "versions": [version], "platform": "numpy",
                "inputs": [cars], "outputs": [answer]}

    @app.post(f"/v2/models/{NAME}/infer")
    async def v2_infer(request: Request):
        try:
            tensor = (await body_of(request, "inputs"))[0]
            values = np.array(tensor["data"], dtype=float).reshape(tensor["shape"])
        except (KeyError, IndexError, TypeError, ValueError):
            raise HTTPException(422, "one input with 'shape' and 'data' that agree") from None
        x = rows_of(values)
        await misbehave()
        return JSONResponse({
            "model_name": NAME, "model_version": version,
            "outputs": [{"name": "miles_per_gallon", "datatype": "FP64", "shape": [len(x)],
                         "data": predict(x)}]})

    @app.post("/_fault")
    async def set_fault(fault: Fault):
        app.state.fault = fault
        return fault

    @app.get("/_stats")
    async def read_stats():
        return stats

    return app


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", required=True, help="its name; ends in _v1 or _v2")
    parser.add_argument("--port", type=int, default=0, help="0: the kernel chooses")
    parser.add_argument("--seed", type=int, default=7, help="of the dice that injected errors use")
    options = parser.parse_args()

    model = Model(options.version.rsplit("_", 1)[-1])
    # With the protocol named, asyncio sees TCP and turns Nagle's delay off.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", options.port))
    listener.listen(1024)
    host, port = listener.getsockname()
    print(json.dumps({"event": "listening", "version": options.version, "address": f"{host}:{port}",
                      "mae": round(model.mae, 2)}), flush=True)
    app = build_app(options.version, model, random.Random(options.seed))
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
