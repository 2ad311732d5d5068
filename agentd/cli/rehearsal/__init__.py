"""The verb that plays what happened again, under other settings."""
