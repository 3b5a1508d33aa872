"""The hub's accounts at gateways: terms, limits and credentials."""
