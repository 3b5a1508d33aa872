"""Day files: what a portal checks itself against, once a day, signed. Every entry of the ledger about its payments, with proofs."""
