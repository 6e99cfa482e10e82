"""What becomes of a driver's wishes for a running session (OCPI 2.2.1, mod_sessions, ChargingPreferences). Pure.

Our chargers give what the car takes. So REGULAR and FAST are what happens anyway; CHEAP and GREEN would need a plan
until the departure, which is not made.
"""

from ocpi.v221.profile_type import ProfileType
from ocpi.v221.sessions import ChargingPreferences, ChargingPreferencesResponse

GRANTED = (ProfileType.REGULAR, ProfileType.FAST)


def answer_to(wishes: ChargingPreferences, *, runs: bool) -> ChargingPreferencesResponse:
    """The answer to wishes for a session that still `runs`, or not."""
    if not runs or wishes.discharge_allowed:
        return ChargingPreferencesResponse.NOT_POSSIBLE
    if wishes.profile_type in GRANTED:
        return ChargingPreferencesResponse.ACCEPTED
    return ChargingPreferencesResponse.PROFILE_TYPE_NOT_SUPPORTED
