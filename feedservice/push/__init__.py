"""Changes become deliveries, requests to subscribe become subscriptions: decided here, done in ``service``."""
