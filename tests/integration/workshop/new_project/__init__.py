"""The workshop: a developer's tools."""
