"""Where chargers upload what they were asked for, and where operators fetch it."""

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from auth.guards import OperatorDep
from hub.stations.tables import by_id
from hub.stations.uploads import UPLOADS, StationFile, Uploads
from kit.errors import NotFound


class StationFileOut(BaseModel):
    """A file that a station was asked for."""

    id: str
    kind: str
    request_id: int
    file_name: str | None
    size: int | None
    sha256: str | None
    created_at: datetime
    expires_at: datetime
    received_at: datetime | None


def door(uploads: Uploads) -> list[BaseRoute]:
    """The routes for chargers: PUT or POST of the bytes. The signed URL is all that lets them in.

    Many chargers take the URL for a folder and add the file's name to it.
    """

    async def upload(request: Request) -> Response:
        file_id = uploads.verified(request.path_params["token"], uploads.db.clock.now())
        name = request.path_params.get("name", "").rpartition("/")[2]
        await uploads.receive(file_id, name, request.stream())
        return Response(status_code=201)

    methods = ["PUT", "POST"]
    return [
        Route(f"{UPLOADS}/{{token}}", upload, methods=methods),
        Route(f"{UPLOADS}/{{token}}/{{name:path}}", upload, methods=methods),
    ]


def router(uploads: Uploads) -> APIRouter:
    """The routes for operators."""
    routes = APIRouter(tags=["stations"])

    @routes.get("/stations/{station_id}/files", operation_id="list_station_files")
    async def list_station_files(station_id: str, _: OperatorDep) -> list[StationFileOut]:
        """The logs and diagnostics that the station was asked for, newest first."""
        async with uploads.db.read() as tx:
            station = await by_id(tx, station_id)
            if station is None:
                raise NotFound("no such station")
            rows: list[StationFile] = list(await uploads.of_station(tx, station.id))
        return [StationFileOut.model_validate(row, from_attributes=True) for row in rows]

    @routes.get("/stations/{station_id}/files/{file_id}", operation_id="get_station_file", response_class=FileResponse)
    async def get_station_file(station_id: str, file_id: str, _: OperatorDep) -> FileResponse:
        """One of them, as it came. What is in it is the charger's, and not to be opened carelessly."""
        row, path = await uploads.path_of(station_id, file_id)
        headers = {"X-Content-Type-Options": "nosniff"}
        name = row.file_name or f"{row.station_id}-{row.kind}"
        return FileResponse(path, media_type="application/octet-stream", filename=name, headers=headers)

    return routes
