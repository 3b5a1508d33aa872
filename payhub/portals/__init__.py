"""Portals: who may ask for payments, for whom, and with which keys."""
