# SPDX-License-Identifier: GPL-2.0-or-later
# How Sphinx renders these pages; "make docs" calls it with every warning an error.
project = "qdm"
copyright = "the qdm developers"
root_doc = "index"
highlight_language = "none"
html_theme = "alabaster"
html_theme_options = {"page_width": "72em", "description": "QEMU's block filters for every block device"}
html_sidebars = {"**": ["about.html", "navigation.html", "searchbox.html"]}
html_copy_source = False
