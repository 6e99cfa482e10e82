"""Our own charging stations: the registry, where each stands, and what it is doing now."""
