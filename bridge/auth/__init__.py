"""Who may come in: signed links, resume secrets and the operators' token."""
