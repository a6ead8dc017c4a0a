"""Sphinx: the site that scripts/build_docs makes of the Markdown documents."""
import os

project = "Homa"
author = "the Homa project"
version = release = os.environ.get("HOMA_VERSION", "")
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
myst_heading_anchors = 6  # the anchors that links between the documents use
suppress_warnings = ["myst.header"]  # a document may start below a heading that another one has
html_theme = "alabaster"
html_theme_options = {"description": "Homa transport in user space", "page_width": "1100px",
                      "sidebar_width": "220px", "fixed_sidebar": True}
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_last_updated_fmt = None
