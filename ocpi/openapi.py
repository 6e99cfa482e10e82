"""An OpenAPI 3.1 document of a version, generated from the registry and the wire types; the same each time."""

from collections.abc import Collection

from pydantic.json_schema import models_json_schema

from ocpi.endpoint import Endpoint, HandlerKey
from ocpi.headers import CORRELATION_ID, FROM_COUNTRY, FROM_PARTY, REQUEST_ID, TO_COUNTRY, TO_PARTY
from ocpi.paging import LIMIT, LINK, TOTAL_COUNT
from ocpi.registry import ENDPOINTS
from ocpi.resources import endpoint_head
from ocpi.types import JsonObject, JsonValue, OcpiModel

_REF = "#/components/schemas/"
_STRING: JsonObject = {"type": "string"}
_INTEGER: JsonObject = {"type": "integer", "minimum": 0}
_DATE_TIME: JsonObject = {"type": "string", "format": "date-time"}


def openapi_document(version: str, *, keys: Collection[HandlerKey] | None = None, title: str = "OCPI") -> JsonObject:
    """The document of a version; `keys` limits it to what is handled."""
    endpoints = [each for each in ENDPOINTS[version] if keys is None or each.key in keys]
    models = {model.__name__: model for each in endpoints for model in (each.body, each.data) if model is not None}
    _, definitions = models_json_schema(
        [(models[name], "validation") for name in sorted(models)], ref_template=_REF + "{model}"
    )
    schemas = definitions.get("$defs", {})
    paths: dict[str, JsonObject] = {}
    for each in endpoints:
        paths.setdefault(_path(version, each), {})[each.verb.value.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{title} {version}", "version": version},
        "paths": {path: operations for path, operations in paths.items()},  # noqa: C416 (a wider type)
        "components": {
            "schemas": {name: schemas[name] for name in sorted(schemas)},
            "securitySchemes": {
                "CredentialsToken": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`Token` and the credentials token in Base64",
                }
            },
        },
        "security": [{"CredentialsToken": []}],
    }


def _path(version: str, endpoint: Endpoint) -> str:
    return "/" + "/".join((version, *endpoint_head(endpoint), *endpoint.path))


def _operation(endpoint: Endpoint) -> JsonObject:
    module, interface, verb, level = endpoint.key
    operation: JsonObject = {
        "operationId": "_".join((interface.lower(), module, verb.lower(), level.lower())),
        "tags": [module],
        "parameters": [*_path_parameters(endpoint), *_query_parameters(endpoint), *_header_parameters(endpoint)],
        "responses": {"200": _response(endpoint), "default": {"description": "An envelope that names the error"}},
    }
    if endpoint.body is not None:
        described = "Fields to change, `last_updated` among them" if verb == "PATCH" else "The whole object"
        operation["requestBody"] = {
            "required": not endpoint.body_optional,
            "description": described,
            "content": {
                "application/json": {"schema": _partial(endpoint.body) if verb == "PATCH" else _ref(endpoint.body)}
            },
        }
    return operation


def _ref(model: type[OcpiModel]) -> JsonObject:
    return {"$ref": _REF + model.__name__}


def _partial(model: type[OcpiModel]) -> JsonObject:
    """The fields of a type, none required but `last_updated`."""
    properties: JsonObject = {
        name: {"$ref": f"{_REF}{model.__name__}/properties/{name}"} for name in model.model_fields
    }
    return {"type": "object", "properties": properties, "required": ["last_updated"]}


def _path_parameters(endpoint: Endpoint) -> list[JsonValue]:
    return [
        {"name": segment[1:-1], "in": "path", "required": True, "schema": _STRING}
        for segment in endpoint.path
        if segment.startswith("{")
    ]


def _query_parameters(endpoint: Endpoint) -> list[JsonValue]:
    parameters: list[JsonValue] = [
        {
            "name": each.name,
            "in": "query",
            "required": each.required,
            "schema": _INTEGER if each.integer else _STRING,
        }
        for each in endpoint.query
    ]
    if endpoint.paged:
        required = {"date_from": endpoint.date_from_required}
        schemas = {"date_from": _DATE_TIME, "date_to": _DATE_TIME, "offset": _INTEGER, "limit": _INTEGER}
        parameters += [
            {"name": name, "in": "query", "required": required.get(name, False), "schema": schema}
            for name, schema in schemas.items()
        ]
    return parameters


def _header_parameters(endpoint: Endpoint) -> list[JsonValue]:
    names = [REQUEST_ID, CORRELATION_ID]
    if endpoint.module.functional:
        names += [TO_PARTY, TO_COUNTRY, FROM_PARTY, FROM_COUNTRY]
    return [{"name": name, "in": "header", "required": False, "schema": _STRING} for name in names]


def _response(endpoint: Endpoint) -> JsonObject:
    properties: JsonObject = {
        "status_code": {"type": "integer"},
        "status_message": _STRING,
        "timestamp": _DATE_TIME,
    }
    if endpoint.data is not None:
        item = _ref(endpoint.data)
        properties["data"] = {"type": "array", "items": item} if endpoint.paged else item
    response: JsonObject = {
        "description": "An envelope",
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": properties, "required": ["status_code", "timestamp"]}
            }
        },
    }
    if endpoint.paged:
        response["headers"] = {
            LINK: {"description": 'The next page, `rel="next"`', "schema": _STRING},
            TOTAL_COUNT: {"schema": _INTEGER},
            LIMIT: {"schema": _INTEGER},
        }
    return response
