"""Who is asking: operators, partners, drivers; how a key proves it."""
