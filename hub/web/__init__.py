"""The live page: what the network does right now, in anonymous figures."""
