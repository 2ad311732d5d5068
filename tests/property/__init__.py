"""Properties that hold for whatever comes: random graphs, requests, events and payloads."""
