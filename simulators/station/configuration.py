"""What a central system may read and change at a station: configuration keys of 1.6, variables of 2.0.1."""

from collections.abc import Mapping
from datetime import datetime

from simulators.station.words import Json, iso

READ_ONLY = frozenset({"NumberOfConnectors", "SendLocalListMaxLength", "SupportedFeatureProfiles"})
NUMBERS = frozenset({"HeartbeatInterval", "MeterValueSampleInterval"})
FLAGS = frozenset({"AuthorizeRemoteTxRequests", "CustomDisplayCostAndPrice", "StopTransactionOnInvalidId"})

VARIABLES: Mapping[tuple[str, str], str] = {
    ("OCPPCommCtrlr", "HeartbeatInterval"): "HeartbeatInterval",
    ("LocalAuthListCtrlr", "ItemsPerMessage"): "SendLocalListMaxLength",
    ("SampledDataCtrlr", "TxUpdatedInterval"): "MeterValueSampleInterval",
    ("AuthCtrlr", "AuthorizeRemoteStart"): "AuthorizeRemoteTxRequests",
    ("TxCtrlr", "StopTxOnInvalidId"): "StopTransactionOnInvalidId",
    ("TariffCostCtrlr", "Enabled"): "CustomDisplayCostAndPrice",
}
"""The variables of 2.0.1 and the keys of 1.6 that they are here."""


def initial(*, connectors: int, meter_interval_s: int) -> dict[str, str]:
    """The configuration of a station as it leaves the factory."""
    return {
        "HeartbeatInterval": "300",
        "MeterValueSampleInterval": str(meter_interval_s),
        "AuthorizeRemoteTxRequests": "false",
        "StopTransactionOnInvalidId": "false",
        "CustomDisplayCostAndPrice": "false",
        "NumberOfConnectors": str(connectors),
        "SendLocalListMaxLength": "50",
        "SupportedFeatureProfiles": "Core,RemoteTrigger,LocalAuthListManagement,Reservation,SmartCharging",
    }


def change(configuration: dict[str, str], key: str, value: str) -> str:
    """Set a value; `Accepted`, `Rejected`, or `NotSupported` for a key that there is not."""
    if key not in configuration:
        return "NotSupported"
    if key in READ_ONLY or (key in NUMBERS and not (value.isascii() and value.isdigit() and int(value) > 0)):
        return "Rejected"
    if key in FLAGS and value.lower() not in ("true", "false"):
        return "Rejected"
    configuration[key] = value.lower() if key in FLAGS else value
    return "Accepted"


def get_configuration(configuration: Mapping[str, str], payload: Json) -> Json:
    """The answer to GetConfiguration."""
    keys = payload.get("key") or list(configuration)
    known = [key for key in keys if key in configuration]
    return {
        "configurationKey": [{"key": key, "readonly": key in READ_ONLY, "value": configuration[key]} for key in known],
        "unknownKey": [key for key in keys if key not in configuration],
    }


def get_variables(configuration: Mapping[str, str], payload: Json) -> Json:
    """The answer to GetVariables."""
    results = []
    for asked in payload["getVariableData"]:
        key, status = _key_of(asked)
        result = {"attributeStatus": status, "component": asked["component"], "variable": asked["variable"]}
        if key is not None:
            result["attributeValue"] = configuration[key]
        results.append(result)
    return {"getVariableResult": results}


def set_variables(configuration: dict[str, str], payload: Json) -> Json:
    """The answer to SetVariables."""
    results = []
    for asked in payload["setVariableData"]:
        key, status = _key_of(asked)
        if key is not None:
            status = change(configuration, key, asked["attributeValue"])
        results.append({"attributeStatus": status, "component": asked["component"], "variable": asked["variable"]})
    return {"setVariableResult": results}


def report(configuration: Mapping[str, str], request_id: int, at: datetime) -> Json:
    """The NotifyReport that a GetBaseReport asks for."""
    data = [
        {
            "component": {"name": component},
            "variable": {"name": variable},
            "variableAttribute": [{"value": configuration[key]}],
        }
        for (component, variable), key in VARIABLES.items()
    ]
    return {"requestId": request_id, "seqNo": 0, "generatedAt": iso(at), "reportData": data}


def _key_of(asked: Json) -> tuple[str | None, str]:
    component, variable = asked["component"]["name"], asked["variable"]["name"]
    if asked.get("attributeType", "Actual") != "Actual":
        return None, "NotSupportedAttributeType"
    key = VARIABLES.get((component, variable))
    if key is not None:
        return key, "Accepted"
    known = any(component == each for each, _ in VARIABLES)
    return None, "UnknownVariable" if known else "UnknownComponent"
