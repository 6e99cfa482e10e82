"""Names of a station's settings: keys of OCPP 1.6, variables of 2.x, and which of them are the same. Pure.

A variable is written `Component.Variable`, with its instances and EVSE where it has them:
`Component[instance]@evse.Variable[instance]`, as in `SampledDataCtrlr.TxUpdatedInterval` or
`OCPPCommCtrlr.MessageAttempts[TransactionEvent]`. Either name can be used with a station of either version.
"""

import re
from collections.abc import Mapping
from typing import Any

_SAME: Mapping[str, str] = {
    "AllowOfflineTxForUnknownId": "AuthCtrlr.OfflineTxForUnknownIdEnabled",
    "AuthorizationCacheEnabled": "AuthCacheCtrlr.Enabled",
    "AuthorizationKey": "SecurityCtrlr.BasicAuthPassword",
    "AuthorizeRemoteTxRequests": "AuthCtrlr.AuthorizeRemoteStart",
    "ChargeProfileMaxStackLevel": "SmartChargingCtrlr.ProfileStackLevel",
    "ChargingScheduleAllowedChargingRateUnit": "SmartChargingCtrlr.RateUnit",
    "ChargingScheduleMaxPeriods": "SmartChargingCtrlr.PeriodsPerSchedule",
    "ClockAlignedDataInterval": "AlignedDataCtrlr.Interval",
    "ConnectionTimeOut": "TxCtrlr.EVConnectionTimeOut",
    "CustomDisplayCostAndPrice": "TariffCostCtrlr.Enabled[Cost]",
    "CpoName": "SecurityCtrlr.OrganizationName",
    "HeartbeatInterval": "OCPPCommCtrlr.HeartbeatInterval",
    "LocalAuthListEnabled": "LocalAuthListCtrlr.Enabled",
    "LocalAuthorizeOffline": "AuthCtrlr.LocalAuthorizeOffline",
    "LocalPreAuthorize": "AuthCtrlr.LocalPreAuthorize",
    "MaxEnergyOnInvalidId": "TxCtrlr.MaxEnergyOnInvalidId",
    "MeterValueSampleInterval": "SampledDataCtrlr.TxUpdatedInterval",
    "MeterValuesAlignedData": "AlignedDataCtrlr.Measurands",
    "MeterValuesSampledData": "SampledDataCtrlr.TxUpdatedMeasurands",
    "ResetRetries": "OCPPCommCtrlr.ResetRetries",
    "SecurityProfile": "SecurityCtrlr.SecurityProfile",
    "SendLocalListMaxLength": "LocalAuthListCtrlr.ItemsPerMessage",
    "StopTransactionOnEVSideDisconnect": "TxCtrlr.StopTxOnEVSideDisconnect",
    "StopTransactionOnInvalidId": "TxCtrlr.StopTxOnInvalidId",
    "StopTxnAlignedData": "AlignedDataCtrlr.TxEndedMeasurands",
    "StopTxnSampledData": "SampledDataCtrlr.TxEndedMeasurands",
    "TransactionMessageAttempts": "OCPPCommCtrlr.MessageAttempts[TransactionEvent]",
    "TransactionMessageRetryInterval": "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]",
    "WebSocketPingInterval": "OCPPCommCtrlr.WebSocketPingInterval",
}
"""Keys of 1.6 and the variables that took their place (OCPP 2.0.1 part 2, appendix; 1.6 Core, Security, pricing)."""
_SAME_KEY = {variable: key for key, variable in _SAME.items()}

_VARIABLE = re.compile(
    r"(?P<component>[^\s.\[\]@]{1,50})(\[(?P<component_instance>[^\[\]]{1,50})\])?"
    r"(@(?P<evse>\d{1,9})(:(?P<connector>\d{1,9}))?)?"
    r"\.(?P<variable>[^.\[\]@]{1,50})(\[(?P<variable_instance>[^\[\]]{1,50})\])?"
)


class UnknownName(ValueError):
    """This is no name of a setting."""


def key_of(name: str) -> str:
    """The key of 1.6 that a name means; a vendor's key means itself."""
    return _SAME_KEY.get(name, name)


def variable_of(name: str) -> dict[str, Any]:
    """Component and variable as 2.x writes them. Raises `UnknownName` for what names none."""
    found = _VARIABLE.fullmatch(_SAME.get(name, name))
    if found is None:
        raise UnknownName(f"{name[:100]!r} names no variable: write Component.Variable")
    component: dict[str, Any] = {"name": found["component"]}
    if found["component_instance"]:
        component["instance"] = found["component_instance"]
    if found["evse"]:
        component["evse"] = {"id": int(found["evse"])}
        if found["connector"]:
            component["evse"]["connectorId"] = int(found["connector"])
    variable: dict[str, Any] = {"name": found["variable"]}
    if found["variable_instance"]:
        variable["instance"] = found["variable_instance"]
    return {"component": component, "variable": variable}


def name_of(component: Mapping[str, Any], variable: Mapping[str, Any]) -> str:
    """The name of a variable as 2.x writes it."""
    evse: Mapping[str, Any] = component.get("evse") or {}
    place = f"@{evse['id']}" if evse.get("id") is not None else ""
    if place and evse.get("connectorId") is not None:
        place += f":{evse['connectorId']}"
    return f"{_named(component)}{place}.{_named(variable)}"


def _named(part: Mapping[str, Any]) -> str:
    return f"{part.get('name', '')}[{part['instance']}]" if part.get("instance") else str(part.get("name", ""))
