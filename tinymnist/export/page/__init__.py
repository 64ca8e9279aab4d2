"""A trained network as one web page that needs no server and no network: draw, and see it compute.

`network.js` computes the steps, `drawing.js` makes a picture of strokes, `page.js` shows; `page.html` and `page.css`
are how it looks. They go into the page as they are.
"""

from tinymnist.export.page.api import export_page

__all__ = ["export_page"]
