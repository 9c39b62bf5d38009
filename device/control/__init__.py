"""What whoever is outside sees of a running assistant, and may ask of it: one desk for socket, page and MQTT."""
