"""The conformance runner: plays a partner of any OCPI 2.2.1 platform and says which of the rules it keeps.

A rule is one small function in `modules/`, registered with its id, section and title (`registry.rule`). The runner has
a real server of its own for what the platform sends back, and leaves the platform as it found it.
"""
