"""A trained network as one web page that needs no server and no internet: draw a digit and see the network compute.

`network.js` computes the steps, `drawing.js` turns strokes into a picture, `page.js` shows both. `page.html` is a
template; the scripts and `page.css` go into the page unchanged.
"""

from tinymnist.export.page.api import export_page

__all__ = ["export_page"]
