"""The state of the sky on an MQTT broker, for Home Assistant and others; needs the extra `mqtt`."""
