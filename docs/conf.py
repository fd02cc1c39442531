"""Sphinx settings."""

project = "Gaitway"
copyright = "the Gaitway authors"  # noqa: A001 (Sphinx's name)
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "Gaitway"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_mock_imports = ["rclpy"]
myst_heading_anchors = 3
