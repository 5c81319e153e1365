"""H.323's bytes: ASN.1 by aligned PER, TPKT and Q.931. Without clock and socket."""
