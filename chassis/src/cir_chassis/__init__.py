"""Life on the bus: what every service needs and none is about. It knows no word of housing."""
