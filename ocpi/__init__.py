"""OCPI as a library: wire types, envelope, router and client. It imports nothing of ours and no database."""
