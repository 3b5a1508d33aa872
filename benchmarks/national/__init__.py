"""The nation's whole history of payments, reconciled: 10.98 million of them against the files of their gateways."""
