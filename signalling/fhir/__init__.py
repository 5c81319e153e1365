"""FHIR R4 (4.0.1), as much of it as an appointment book needs of the bridge; README.md says what that is.

`resources` are the structs of the wire, `operations` their paths in the OpenAPI document, `ports` what is needed
from the side that decides; the handlers are in `signalling.web.fhir`.
"""
