"""A gatekeeper's endpoint (H.225.0 RAS): discovery, registration, admission. Without clock and socket."""

from signalling.gateways.h323.ras.gatekeeper import Gatekeeper
from signalling.gateways.h323.ras.settings import Admission, Membership, Timers

__all__ = ["Admission", "Gatekeeper", "Membership", "Timers"]
