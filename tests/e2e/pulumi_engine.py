"""Pulumi without its engine: a program runs under Pulumi's own SDK, and what it registers is printed as a preview.

The engine is a program that no package registry has (the npm package `pulumi` fetches it from Pulumi's host when it
is first used), so that none is run here. What comes from Pulumi is all that a program sends: types, names, properties
as they are called on the wire, values that are not known, providers, and what each property depends on. What is
written here is what the engine makes of it: URNs, default providers, and the members of a preview that
`regent check` reads.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
from concurrent import futures

PROJECT, STACK = "app", "dev"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
# How the SDK marks a secret on the wire, and what a preview shows of one.
SIGNATURE, OF_SECRETS = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
HIDDEN = "[secret]"

RUN = """
import asyncio, runpy, sys
import pulumi.runtime as runtime
path, address, project, stack = sys.argv[1:]
runtime.configure(runtime.Settings(
    project=project, stack=stack, monitor=address, engine=address, parallel=4, dry_run=True))
runtime.set_all_config({"aws:region": "us-east-1"})
asyncio.run(runtime.run_in_stack(lambda: runpy.run_path(path)))
"""


def needs_pulumi(case):
    absent = [name for name in ("pulumi", "pulumi_aws") if importlib.util.find_spec(name) is None]
    return unittest.skipIf(absent, f"{', '.join(absent)} is not installed")(case)


def urn(kind, name):
    return f"urn:pulumi:{STACK}::{PROJECT}::{kind}::{name}"


def shown(value):
    """A value as a preview shows it."""
    if isinstance(value, list):
        return [shown(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get(SIGNATURE) == OF_SECRETS:
        return HIDDEN
    return {name: shown(one) for name, one in value.items()}


def monitor(steps):
    from google.protobuf import empty_pb2, json_format
    from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

    class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
        def SupportsFeature(self, request, context):
            return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in ("secrets", "resourceReferences"))

        def RegisterResource(self, request, context):
            own = urn(request.type, request.name)
            state = {"urn": own, "custom": request.custom, "type": request.type}
            state["inputs"] = shown(json_format.MessageToDict(request.object))
            state["propertyDependencies"] = {
                name: list(each.urns) for name, each in request.propertyDependencies.items()
            }
            if request.custom and not request.type.startswith("pulumi:providers:"):
                default = urn(f"pulumi:providers:{request.type.split(':')[0]}", "default")
                state["provider"] = request.provider or f"{default}::{UNKNOWN}"
            steps.append({"op": "create", "urn": own, "newState": state})
            # Of what is only previewed, nothing is known but what it was given.
            return resource_pb2.RegisterResourceResponse(urn=own, object=request.object)

        def RegisterResourceOutputs(self, request, context):
            return empty_pb2.Empty()

        def SignalAndWaitForShutdown(self, request, context):
            return empty_pb2.Empty()

    class Engine(engine_pb2_grpc.EngineServicer):
        def Log(self, request, context):
            return empty_pb2.Empty()

        def GetRootResource(self, request, context):
            return engine_pb2.GetRootResourceResponse()

        def SetRootResource(self, request, context):
            return engine_pb2.SetRootResourceResponse()

    return Monitor(), Engine()


def preview(program):
    """What `pulumi preview --json` has of a program, as far as it is read."""
    import grpc
    from pulumi.runtime.proto import engine_pb2_grpc, resource_pb2_grpc

    steps = []
    served, engine = monitor(steps)
    server = grpc.server(futures.ThreadPoolExecutor(8))
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(served, server)
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "__main__.py")
            with open(path, "w") as file:
                file.write(program)
            done = subprocess.run(
                [sys.executable, "-B", "-c", RUN, path, f"127.0.0.1:{port}", PROJECT, STACK],
                capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300,
            )
    finally:
        server.stop(None)
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    return json.dumps({"config": {"aws:region": "us-east-1"}, "steps": steps}, indent=4)
