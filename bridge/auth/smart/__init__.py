"""SMART App Launch 2.2: a doctor who is logged in to a record system comes into the room of an appointment.

The record system opens `/launch?iss=...&launch=...` in a browser; the bridge asks its authorization server who
that is and for which appointment (EHR launch, section 2.1), as a confidential client with an asymmetric key. Only
record systems that the operator has named are asked anything. `context` is pure, `client` speaks; what a launch
leads to is in `bridge.integration.launches`.
"""
