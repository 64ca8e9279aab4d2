"""A trained network as one web page that needs no server and no internet: draw, or show it a picture, and see it
compute.

`network.js` computes the steps, and `page.js` shows them. On a page to draw on, `sketch.js` takes strokes, which
`drawing.js` turns into a picture; on others, `chosen.js` takes picture files, which `fitting.js` fits into the size of
the network's images. `page.html` is a template; the scripts and `page.css` go into the page unchanged.
"""

from tinymnist.export.page.api import export_page

__all__ = ["export_page"]
