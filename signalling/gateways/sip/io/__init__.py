"""The thin shell around the user agent: sockets, TLS, name look-up, and the one clock."""
