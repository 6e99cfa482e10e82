"""Where a partner misbehaves: small named faults that are switched on and off while it runs, and combined at will.

A fault of an answer sees a request before the partner does and its answer before the hub does; a fault of pushes
stands between the partner and the network when it calls the hub. `catalog` lists them all.
"""
