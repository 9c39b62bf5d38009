"""The rest of the house: Home Assistant over MQTT, and the tools of MCP servers (docs/home.md)."""
