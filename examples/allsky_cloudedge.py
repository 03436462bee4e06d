"""A module for Allsky: names the cloud in each image, by a `cloudedge serve` that runs already.

Copy it to /opt/allsky/modules, and add it to the day's flow in the module manager, before the overlay. The overlay then
has the fields CLOUDEDGE_SKY, CLOUDEDGE_PROBABILITY and CLOUDEDGE_CERTAIN.
"""

from __future__ import annotations

import json
from urllib.error import URLError
from urllib.request import Request, urlopen

import allsky_shared as s  # type: ignore[import-not-found]

metaData = {  # noqa: N816
    "name": "cloudedge",
    "description": "Names the cloud in the image",
    "module": "allsky_cloudedge",
    "version": "v1.0.0",
    "events": ["day"],
    "arguments": {"address": "http://127.0.0.1:8000", "token": "", "expires": "600"},
    "argumentdetails": {
        "address": {"required": "true", "description": "Address", "help": "Where cloudedge serve listens"},
        "token": {"required": "false", "description": "Token", "help": "What its --token says, if it has one"},
        "expires": {"required": "true", "description": "Expires", "help": "Seconds after which the overlay drops it"},
    },
}


def cloudedge(params: dict[str, str], event: str) -> str:
    """Send the image, and save what the row says for the overlay; return a line for Allsky's log."""
    headers = {"Authorization": f"Bearer {params['token']}"} if params["token"] else {}
    with open(s.CURRENTIMAGEPATH, "rb") as image:
        request = Request(f"{params['address'].rstrip('/')}/classify", image.read(), headers)
    try:
        with urlopen(request, timeout=30) as answer:
            (row,) = json.load(answer)
    except (URLError, TimeoutError, ValueError) as error:
        s.log(0, f"ERROR: cloudedge does not answer: {error}")
        return "cloudedge does not answer"
    sky = row["genus"] or row["reason"]
    values = {
        "CLOUDEDGE_SKY": sky,
        "CLOUDEDGE_PROBABILITY": "" if row["probability"] is None else f"{row['probability']:.0%}",
        "CLOUDEDGE_CERTAIN": "yes" if row["certain"] else "no",
    }
    expires = int(params["expires"])
    s.saveExtraData("cloudedge.json", {name: {"value": text, "expires": expires} for name, text in values.items()})
    return f"cloudedge: {sky}"
