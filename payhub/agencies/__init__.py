"""Agencies, the accounts they collect on, and the days they work: dated, with successors."""
