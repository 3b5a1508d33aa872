"""PaymentPlatform 1.0.6, the contract that Vietnamese portals speak to a payment hub, and what stands around it."""
