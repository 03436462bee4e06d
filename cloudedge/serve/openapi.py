"""What the API takes and gives, as an OpenAPI 3.1 document."""

from __future__ import annotations

from typing import Any, get_args

from cloudedge.genera import GENERA
from cloudedge.photo.capture_time import TimeSource
from cloudedge.row import NAMELESS, REASONS
from cloudedge.sun import DayPhase

Schema = dict[str, Any]

_PROBABILITY: Schema = {"type": "number", "minimum": 0, "maximum": 1}
_TEXT: Schema = {"type": "string"}
_GENUS: Schema = {"type": "string", "enum": [genus.name for genus in GENERA]}
_LEVEL: Schema = {"type": "string", "enum": ["low", "middle", "high"]}


def description(version: str, needs_token: bool, is_live: bool = False) -> Schema:
    """Return the document; with a token, every operation except `/healthz` needs it."""
    guarded: Schema = {"security": [{"token": []}]} if needs_token else {}
    refused = {"401": _problem("The token is missing or wrong.")} if needs_token else {}
    paths: Schema = {
        "/classify": {"post": {**_classify(), **guarded}},
        "/genera": {"get": {**_read("The ten genera.", _list("Genus")), **guarded}},
        "/model": {"get": {**_read("The model's description, and the limits of a request.", _MODEL), **guarded}},
        "/healthz": {"get": _read("Whether the server answers.", _HEALTH)},
        "/metrics": {"get": {**_metrics(), **guarded}},
    }
    schemas = {"Row": _ROW, "Evidence": _EVIDENCE, "Genus": _GENUS_FACTS, "Problem": _PROBLEM}
    if is_live:
        paths |= {"/latest": {"get": {**_latest(), **guarded}}, "/phases": {"get": {**_phases(), **guarded}}}
        schemas |= {"Latest": _LATEST, "Phase": _PHASE}
    for path in paths.keys() - {"/healthz"}:
        for operation in paths[path].values():
            operation["responses"].update(refused)
    components: Schema = {"schemas": schemas}
    if needs_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    info = {"title": "cloudedge", "version": version, "description": "Names the cloud genus in photos of the sky."}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def _classify() -> Schema:
    photo = {"type": "string", "contentMediaType": "application/octet-stream"}
    photos = {"type": "array", "items": photo, "minItems": 1}
    form = {"type": "object", "required": ["photo"], "properties": {"photo": photos}}
    return {
        "summary": "Classify photos.",
        "description": "One photo as the body, or one or more as the files of a form. Photos that cannot be read are "
        "rows with the status `error` beside others; where none can be read, the answer is the status of the first.",
        "parameters": [
            {
                "name": "evidence",
                "in": "query",
                "description": "Whether each row says where in the photo its genera are seen.",
                "schema": {"type": "boolean", "default": False},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": form},
                "image/*": {},
                "application/octet-stream": {},
            },
        },
        "responses": {
            "200": _answer("A row for each photo, in their order.", _list("Row")),
            "400": _problem("There is no photo, the form cannot be read, or there are too many files in it."),
            "403": _problem("The request comes from another site's page."),
            "408": _problem("The photo came too slowly."),
            "413": _problem("The request is too large, or the photo has too many pixels."),
            "415": _problem("It is not a photo, or it is in an unknown format."),
            "422": _problem("The photo is damaged."),
            "503": _problem("The server is busy; `Retry-After` says when to try again."),
        },
    }


def _latest() -> Schema:
    text = "The newest row of each camera, without failures."
    camera = _in_query("camera", _TEXT, "The name of one camera, whose row alone is wanted.")
    unknown = {"404": _problem("No camera has this name.")}
    return {"summary": text, "parameters": [camera], "responses": _of_file(text, "Latest", unknown)}


def _phases() -> Schema:
    text = "The phases of the sky, in order: of a day, or of the hours before the newest capture, by default 24."
    day = _in_query("day", {"type": "string", "format": "date"}, "A day among the last 31.")
    hours = _in_query("hours", {"type": "number", "exclusiveMinimum": 0, "maximum": 744}, "Not together with `day`.")
    wrong = {"400": _problem("There are both a day and hours, or one of them cannot be read.")}
    return {"summary": text, "parameters": [day, hours], "responses": _of_file(text, "Phase", wrong)}


def _of_file(text: str, schema: str, more: Schema) -> Schema:
    """Return the answers to a question about the file of rows."""
    return {
        "200": _answer(text, _list(schema)),
        "304": {"description": "Nothing has changed since the answer that `If-None-Match` names."},
        "403": _problem("The request comes from another site's page."),
        "503": _problem("The rows are still being read; `Retry-After` says when to try again."),
        **more,
    }


def _in_query(name: str, schema: Schema, text: str) -> Schema:
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _read(summary: str, schema: Schema) -> Schema:
    return {"summary": summary, "responses": {"200": _answer(summary, schema)}}


def _metrics() -> Schema:
    summary = "Counts of requests and photos, for Prometheus."
    content = {"text/plain": {"schema": _TEXT}}
    return {"summary": summary, "responses": {"200": {"description": summary, "content": content}}}


def _answer(text: str, schema: Schema) -> Schema:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _problem(text: str) -> Schema:
    return _answer(text, {"$ref": "#/components/schemas/Problem"})


def _list(name: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _or_null(schema: Schema, text: str | None = None) -> Schema:
    nullable: Schema = {"anyOf": [schema, {"type": "null"}]}
    return {**nullable, "description": text} if text else nullable


_SUN = _object(
    elevation={"type": "number", "minimum": -90, "maximum": 90, "description": "In degrees, without refraction."},
    azimuth={
        "type": "number",
        "minimum": 0,
        "exclusiveMaximum": 360,
        "description": "In degrees from north over east.",
    },
    phase={"type": "string", "enum": [*get_args(DayPhase)]},
)

# What is null where the photo shows nothing that has a cloud's name.
_NAMELESS = "Null where `reason` is dark, clear or unfamiliar."

_ROW = _object(
    path={"type": "string", "description": "The file's name as it was sent, or - without one."},
    status={"type": "string", "enum": ["ok", "error"]},
    error=_or_null(_TEXT),
    genus=_or_null(_GENUS, _NAMELESS),
    abbreviation=_or_null(_TEXT, _NAMELESS),
    probability=_or_null(_PROBABILITY, _NAMELESS),
    certain={"type": ["boolean", "null"]},
    reason={"enum": [None, *REASONS]},
    level=_or_null(_object(name=_LEVEL, probability=_PROBABILITY), _NAMELESS),
    base=_or_null(_TEXT, f"The range of the level. {_NAMELESS}"),
    rain=_or_null(_TEXT, _NAMELESS),
    top={
        "type": "array",
        "items": _object(genus=_GENUS, probability=_PROBABILITY),
        "description": "The guesses, best first; also where `genus` is null.",
    },
    captured_at=_or_null({"type": "string", "description": "ISO 8601."}),
    time_source={"enum": [None, *get_args(TimeSource)], "description": "Where `captured_at` comes from."},
    sun=_or_null(_SUN, "Where the sun stood; null where the server knows no location, or the time has no offset."),
    model=_TEXT,
)
_ROW["properties"]["evidence"] = _or_null({"$ref": "#/components/schemas/Evidence"})

_TIME: Schema = {"type": "string", "description": "ISO 8601."}
_LATEST: Schema = _object(
    camera=_or_null(_TEXT, "Null where there is only one."),
    state={"enum": [*_GENUS["enum"], *NAMELESS], "description": "The genus, or the reason why no genus is named."},
    since=_or_null(_TIME, "From when on the sky has been in this state."),
)
_PHASE = _object(
    sky={"enum": [*_GENUS["enum"], *NAMELESS]},
    start=_TIME,
    end=_TIME,
    captures={"type": "integer", "minimum": 1},
    certain={"type": "integer", "minimum": 0, "description": "Captures that are certain of this genus."},
    probability=_or_null(_PROBABILITY, "The mean, smoothed over time."),
    path={"type": "string", "description": "The capture that shows the phase best."},
    camera=_or_null(_TEXT, "Null where there is only one."),
)

_EVIDENCE = _object(
    box={
        "type": "array",
        "items": {"type": "number"},
        "minItems": 4,
        "maxItems": 4,
        "description": "The part of the upright photo that the maps cover: left, top, right, bottom as fractions.",
    },
    maps={
        "type": "object",
        "description": "For each genus in `top`, rows of numbers from top to bottom, in units of the "
        "logit; above 0 speaks for the genus.",
        "additionalProperties": {"type": "array", "items": {"type": "array", "items": {"type": "number"}}},
    },
)
_GENUS_FACTS = _object(name=_GENUS, abbreviation=_TEXT, level=_LEVEL, base=_TEXT, look=_TEXT, rain=_TEXT)
_LIMITS = _object(bytes={"type": "integer"}, photos={"type": "integer"}, pixels={"type": "integer"})
_MODEL = _object(name=_TEXT, version=_TEXT, classes={"type": "array", "items": _GENUS}, limits=_LIMITS)
_HEALTH = _object(status={"const": "ok"}, requests={"type": "integer", "minimum": 0})
_PROBLEM = _object(error={"type": "string", "description": "What is wrong and what to do, in one line."})
_PROBLEM["properties"]["rows"] = _list("Row")
