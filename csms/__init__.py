"""The OCPP component: chargers connect here. Usable without the hub; `csms.backoffice` is its port."""
