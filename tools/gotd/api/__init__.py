"""The Python face: what `import gotd` offers, on the same core as the commands. gotd/__init__.py lists it."""
