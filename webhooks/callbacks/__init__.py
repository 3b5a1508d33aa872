"""The messages of gateways that are kept: those that wait for their order, those a person looks at and lets be heard again."""
