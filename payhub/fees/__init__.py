"""The fee schedule: what may be asked, how much, and whose it is."""
