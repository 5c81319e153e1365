"""What is told of consultations afterwards, from events and audit alone: audit in FHIR, attendance, usage."""
