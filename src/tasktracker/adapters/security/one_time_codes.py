"""Time-based one-time passwords (RFC 6238) by pyotp."""

from __future__ import annotations

from datetime import datetime

import pyotp

ISSUER = "Task Tracker"
STEP_OFFSETS = (0, -1, 1)  # time steps by which a generator's clock may differ (RFC 6238 §5.2)


class PyotpOneTimeCodes:
    """Implements OneTimeCodes with the parameters that every generator app supports: SHA-1, six digits, 30 seconds."""

    def new_secret(self) -> str:
        """Return 160 random bits in base 32."""
        return pyotp.random_base32()

    def provisioning_uri(self, secret: str, account: str) -> str:
        """Return the `otpauth:` URI of a secret."""
        return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=ISSUER)

    def step(self, secret: str, code: str, now: datetime) -> int | None:
        """Return the time step of a valid code, or None."""
        generator = pyotp.TOTP(secret)
        current = generator.timecode(now)
        for offset in STEP_OFFSETS:
            step = current + offset
            if pyotp.utils.strings_equal(code, generator.generate_otp(step)):
                return step
        return None
