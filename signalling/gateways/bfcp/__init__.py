"""BFCP: who may show content on a room system's second picture (RFC 8855, and RFC 4582 before it). Pure."""
