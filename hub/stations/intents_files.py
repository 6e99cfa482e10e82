"""What operators can ask of a station about its software: firmware to install, logs to send."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from csms.operations import LogKind
from hub.stations.intents import Intent

Location = Annotated[str, StringConstraints(min_length=8, max_length=512, pattern=r"^(https?|ftps?|sftp)://\S+$")]


class UpdateFirmwareIn(Intent):
    """Have firmware fetched and installed. How far it is comes later, in `progress`."""

    operation: Literal["update_firmware"]
    location: Location = Field(description="Where the station fetches it.")
    retrieve_at: AwareDatetime | None = Field(None, description="When it fetches it; at once when absent.")
    install_at: AwareDatetime | None = Field(None, description="When it installs it; not known to unsigned 1.6.")
    certificate: str | None = Field(None, max_length=5500, description="Of who signed it (PEM) …")
    signature: str | None = Field(None, max_length=800, description="… and the signature, in Base64.")
    retries: int | None = Field(None, ge=0, le=100)
    retry_interval_s: int | None = Field(None, ge=0, le=86_400)

    @model_validator(mode="after")
    def _signed_or_not(self) -> Self:
        if (self.certificate is None) != (self.signature is None):
            raise ValueError("certificate and signature go together")
        return self


class SendLogIn(Intent):
    """Have a log uploaded: to us, where `GET /stations/{id}/files` shows it, or to where you say."""

    operation: Literal["send_log"]
    kind: LogKind = Field(LogKind.DIAGNOSTICS, description="diagnostics or security")
    oldest_at: AwareDatetime | None = None
    newest_at: AwareDatetime | None = None
    location: Location | None = Field(None, description="Where to; a URL of ours when absent.")
    retries: int | None = Field(None, ge=0, le=100)
    retry_interval_s: int | None = Field(None, ge=0, le=86_400)
