"""A roaming partner to try the hub against: a CPO or an eMSP that speaks OCPI 2.2.1 over real HTTP.

It keeps everything in memory, remembers every message that it received, and has a small control API (`/control/…`)
by which a test or the demo makes it act: tap a card, push a location, start a session, go away and come back.
"""
