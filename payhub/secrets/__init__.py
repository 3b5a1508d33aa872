"""Secrets shared with gateways and portals: added, two live while one takes the other's place, retired and then destroyed."""
