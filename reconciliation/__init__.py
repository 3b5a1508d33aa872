"""Hub, gateway and bank held against each other, and totals that are proven."""
