"""The page that the device serves, and the HTTP and WebSocket interface behind it."""
