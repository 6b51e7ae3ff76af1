"""What the processes of one worker ask each other, to answer as one. A request needs the token of their supervisor."""

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from episode_monitor.observe.samples import pack
from episode_monitor.observe.siblings import PREFIX, READINESS, SAMPLES, OneOfSeveral
from episode_monitor.web.security import internal_guard


def sibling_router(here: OneOfSeveral) -> APIRouter:
    """For `create_web_app(extra_routers=[...])`."""
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(internal_guard(here.token))], include_in_schema=False)

    async def readiness() -> Response:
        return Response(msgspec.json.encode(await here.readiness()), media_type="application/json")

    async def samples() -> Response:
        return Response(pack(await here.families()), media_type="application/octet-stream")

    router.add_api_route(READINESS, readiness, methods=["GET"], name="siblings_readiness")
    router.add_api_route(SAMPLES, samples, methods=["GET"], name="siblings_samples")
    return router
